/*
 * golden.c
 *		Reader of reference tensors.
 */
#include <stdarg.h>

#include "golden.h"
#include "tap.h"

static _Noreturn void
give_up(const char *what, const char *name)
{
	char reason[1200];

	snprintf(reason, sizeof(reason), "%s: %s", name, what);
	bail_out(reason);
}

/* The next tensor of a file; false at its end. */
static bool
read_tensor(FILE *f, GoldenTensor *t, const char *file)
{
	if (fscanf(f, "%31s %d", t->name, &t->ndim) != 2)
		return false;
	if (t->ndim < 0 || t->ndim > GOLDEN_DIMS)
		give_up("unexpected number of dimensions", file);
	t->n = 1;
	for (int i = 0; i < t->ndim; i++)
	{
		if (fscanf(f, "%zu", &t->dim[i]) != 1)
			give_up("missing dimension", file);
		t->n *= t->dim[i];
	}
	t->value = calloc(t->n, sizeof(double));
	for (size_t i = 0; i < t->n; i++)
		if (!t->value || fscanf(f, "%lf", &t->value[i]) != 1)
			give_up("missing value", file);
	return true;
}

bool
golden_load(Golden *golden, const char *path)
{
	FILE *f = fopen(path, "r");

	golden->n_tensors = 0;
	if (!f)
		return false;
	while (golden->n_tensors < GOLDEN_TENSORS && read_tensor(f, &golden->tensor[golden->n_tensors], path))
		golden->n_tensors++;
	fclose(f);
	return true;
}

bool
golden_read(Golden *golden, const char *file)
{
	const char *folder = getenv("ADVFAIR_GOLDEN");
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/golden", file);
	return golden_load(golden, path);
}

void
golden_free(Golden *golden)
{
	for (int i = 0; i < golden->n_tensors; i++)
		free(golden->tensor[i].value);
	golden->n_tensors = 0;
}

const GoldenTensor *
golden_find(const Golden *golden, const char *name)
{
	for (int i = 0; i < golden->n_tensors; i++)
		if (strcmp(golden->tensor[i].name, name) == 0)
			return &golden->tensor[i];
	return NULL;
}

const GoldenTensor *
golden_get(const Golden *golden, const char *format, ...)
{
	const GoldenTensor *found;
	char name[32];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	found = golden_find(golden, name);
	if (!found)
		give_up("no such reference tensor", name);
	return found;
}
