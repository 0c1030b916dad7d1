/*
 * test_fuzz.c
 *		What fuzzing has found so far, once more: every input of test/fuzz/corpus goes through its target.
 */
#include <dirent.h>

#include "../fuzz/fuzz.h"
#include "tap.h"

/* A file's bytes in memory of exactly their number. */
static unsigned char *
read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	unsigned char *bytes;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0)
		bail_out(path);
	*size = (size_t) ftell(f);
	rewind(f);
	bytes = malloc(*size);
	if (fread(bytes, 1, *size, f) != *size)
		bail_out(path);
	fclose(f);
	return bytes;
}

/* All inputs of a target; there must be some. */
static void
replay(const char *name, FuzzTarget *target)
{
	char folder[64];
	DIR *dir;
	int inputs = 0;
	int wrong = 0;

	snprintf(folder, sizeof(folder), "test/fuzz/corpus/%s", name);
	dir = opendir(folder);
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
	{
		char path[512];
		const char *what;
		unsigned char *bytes;
		size_t size;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		bytes = read_file(path, &size);
		what = target(bytes, size);
		free(bytes);
		inputs++;
		wrong += what != NULL;
		if (what)
			diag("%s: %s", path, what);
	}
	if (dir)
		closedir(dir);
	okf(inputs > 0 && wrong == 0, "%d inputs of the %s target", inputs, name);
}

int
main(void)
{
	plan(3);
	replay("model", fuzz_model);
	replay("arch", fuzz_arch);
	replay("encoder", fuzz_encoder);
	return 0;
}
