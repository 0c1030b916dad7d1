/*
 * test_machines.c
 *		Models that other kinds of processors made: read, written again, and the same logits.
 *
 * A file in test/core/models is a sequence of reference tensors (golden.h): of each sample below its model's bytes, the values of
 * some rows' columns (a category's is its code), and the logits that its maker computed. A file stays when there is a newer format: the
 * older one is read for ever. Called with an argument, this program makes such a file, from short trainings.
 *
 * s390x is big-endian. Its files, called after their format, were made with Debian's gcc-s390x-linux-gnu, libc6-dev-s390x-cross and
 * qemu-user; aarch64's of format 1 had the same bytes:
 *
 *   s390x-linux-gnu-gcc -std=gnu11 -O2 -static -Iinclude -o machines test/core/{test_machines,golden,training}.c $(find src/core -name '*.c') -lm -lpthread
 *   qemu-s390x machines make >test/core/models/s390x-2.txt
 */
#include <glob.h>

#include "core/network/model.h"
#include "golden.h"
#include "passes.h"
#include "training.h"
#include "tap.h"

#define TEXT(s) ((AdvText){s, sizeof(s) - 1})
#define ROWS    5
#define WIDEST  64 /* values of a row's columns */

static AdvError err;

/* ---- memory, zeroed and 64-byte aligned, until it is all given back ---- */

static void *kept[256];
static int n_kept;

static void *
keep(size_t size)
{
	if (n_kept == sizeof(kept) / sizeof(kept[0]))
		bail_out("too many blocks");
	return kept[n_kept++] = zeros(size);
}

static void
release(void)
{
	while (n_kept > 0)
		free(kept[--n_kept]);
}

static void *
host_alloc(void *arg, unsigned long size)
{
	return keep(size);
}

static const AdvAllocator allocator = {host_alloc, NULL};

/* ---- samples: each kind of column, of encoding and of layer ---- */

typedef struct Sample
{
	const char *name;
	const char *arch;
	AdvShape shape;
	bool scale;
	AdvEncoding encoding;
	int n_columns;
	const AdvColumn *columns;
} Sample;

static AdvText classes[] = {TEXT("no"), TEXT("sí"), TEXT("")};
static AdvText colors[] = {TEXT("blau"), TEXT("grün"), TEXT("rot")};
static double shift[] = {3.5816, 1.0 / 3, -1e-300, 4};
static double factor[] = {1 / 1.364, 1e-5, 0.7, -0.2};
static const AdvColumn table[] = {
	{TEXT("age"), ADV_COLUMN_NUMBER, 1, shift, factor, 0, NULL},
	{TEXT("größe"), ADV_COLUMN_CATEGORY, 1, NULL, NULL, 3, colors},
	{TEXT("trio"), ADV_COLUMN_ARRAY, 3, shift + 1, factor + 1, 0, NULL},
};
static const AdvColumn image[] = {{TEXT("picture"), ADV_COLUMN_IMAGE, 60, NULL, NULL, 0, NULL}};
static const Sample samples[] = {
	{"table", "dense 6, tanh", {7, 1, 1}, false, ADV_ENCODING_STANDARD, 3, table},
	{"ordinal", "dense 5, relu, dense 4, tanh", {5, 1, 1}, true, ADV_ENCODING_ORDINAL, 3, table},
	{"image", "conv 3x3, maxpool 2, relu, dense 4, relu", {3, 4, 5}, false, ADV_ENCODING_MINMAX, 1, image},
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* ---- from values to logits, the way a row goes ---- */

/* Column values of a row of samples; returns how many. */
static int
row_width(const AdvEncoder *enc)
{
	int width = 0;

	for (int c = 0; c < enc->n_columns; c++)
		width += enc->columns[c].length;
	return width;
}

static void
store(const AdvEncoder *enc, const AdvField *fields, const double *values, unsigned char *stored)
{
	for (int c = 0; c < enc->n_columns; c++)
	{
		const AdvColumn *column = &enc->columns[c];
		double numbers[WIDEST];
		unsigned char bytes[WIDEST];
		AdvValue value = {.number = values[0], .array = numbers, .bytes = bytes, .length = column->length};

		if (column->kind == ADV_COLUMN_CATEGORY)
			value.text = values[0] < 0 ? TEXT("blu") : column->values[(int) values[0]];
		for (int i = 0; i < column->length; i++)
		{
			numbers[i] = values[i];
			bytes[i] = (unsigned char) values[i];
		}
		if (adv_encoder_store(enc, c, &value, stored, &err) != ADV_OK)
			bail_out(err.message);
		stored += adv_layout_row_bytes(&fields[c], 1);
		values += column->length;
	}
}

/* Logits (ROWS, classes) of rows of column values. */
static const float *
evaluate(const AdvModel *model, const double *values)
{
	const AdvEncoder *enc = &model->encoder;
	AdvField fields[3];
	AdvLayout layout = {fields, enc->n_columns, model->net.input, 0};
	AdvWorkspace ws;
	unsigned char *stored;

	adv_encoder_fields(enc, fields);
	layout.row_bytes = adv_layout_row_bytes(fields, enc->n_columns);
	stored = keep(layout.row_bytes);
	adv_workspace_init(&ws, &model->net, ROWS, ADV_PASS_FORWARD,
					   keep(adv_workspace_size(&model->net, ROWS, ADV_PASS_FORWARD)));
	for (int r = 0; r < ROWS; r++)
	{
		store(enc, fields, values + (size_t) r * row_width(enc), stored);
		adv_layout_expand(&layout, stored, ws.act[0] + r * adv_shape_size(model->net.input));
	}
	if (load_and_forward(&ws, model->params, ROWS) != ADV_OK)
		bail_out("a forward pass fails");
	return ws.act[model->net.n_layers];
}

/* ---- making a file ---- */

/* Parameters of a short training, behind those of a scaling layer if there is one. */
static float *
train(const Sample *s, const AdvNetwork *net)
{
	float *params = keep(sizeof(float) * net->n_params);
	Training t;
	size_t fixed = net->scale ? 2 * (size_t) net->input.c : 0;

	training_make(&t, s->arch, s->shape, 3, 400);
	t.spec.epochs = 3;
	t.spec.batch_size = 20;
	training_run(&t, 2);
	for (size_t i = 0; i < fixed; i++)
		params[i] = i < fixed / 2 ? 0.1f * (float) i : 1 / (3.0f + (float) i);
	memcpy(params + fixed, t.params, sizeof(float) * t.net.n_params);
	training_free(&t);
	return params;
}

static AdvModel
make_model(const Sample *s)
{
	AdvModel model = {.utf8 = true, .label = TEXT("answer"), .classes = classes};

	model.encoder = (AdvEncoder){.encoding = s->encoding,
								 .unseen = ADV_UNSEEN_IGNORE,
								 .n_columns = s->n_columns,
								 .columns = (AdvColumn *) s->columns,
								 .shape = s->shape};
	if (adv_network_parse(&model.net, s->arch, s->shape, 3, s->scale, &err) != ADV_OK)
		bail_out(err.message);
	model.params = train(s, &model.net);
	return model;
}

static void
make_values(const AdvEncoder *enc, double *values)
{
	for (int r = 0; r < ROWS; r++)
		for (int c = 0; c < enc->n_columns; c++)
			for (int i = 0; i < enc->columns[c].length; i++)
			{
				int any = (31 * r + 17 * c + 43 * i) % 256;

				if (enc->columns[c].kind == ADV_COLUMN_CATEGORY)
					*values++ = r % 4 - 1;
				else if (enc->columns[c].kind == ADV_COLUMN_IMAGE)
					*values++ = any;
				else
					*values++ = any / 30.0;
			}
}

static void
print_sample(const Sample *s)
{
	AdvModel model = make_model(s);
	size_t size = adv_model_size(&model);
	unsigned char *bytes = keep(size);
	int width = row_width(&model.encoder);
	double values[ROWS * WIDEST];
	const float *logits;

	adv_model_write(&model, bytes);
	make_values(&model.encoder, values);
	logits = evaluate(&model, values);
	printf("%s_bytes 1 %zu\n", s->name, size);
	for (size_t i = 0; i < size; i++)
		printf("%d%c", bytes[i], i % 32 == 31 || i == size - 1 ? '\n' : ' ');
	printf("%s_values 2 %d %d\n", s->name, ROWS, width);
	for (int i = 0; i < ROWS * width; i++)
		printf("%.17g%c", values[i], i % width == width - 1 ? '\n' : ' ');
	printf("%s_logits 2 %d 3\n", s->name, ROWS);
	for (int i = 0; i < ROWS * 3; i++)
		printf("%.9g%c", logits[i], i % 3 == 2 ? '\n' : ' ');
}

/* ---- reading it ---- */

static AdvModel
read_model(const unsigned char *bytes, size_t size)
{
	AdvModel model;

	if (adv_model_read(bytes, size, &allocator, &model, &err) != ADV_OK)
		bail_out(err.message);
	return model;
}

/* Bytes of an older format become those of the newest, which must then mean the same. */
static void
test_sample(const Golden *golden, const char *machine, const char *name)
{
	const GoldenTensor *bytes = golden_get(golden, "%s_bytes", name);
	const GoldenTensor *values = golden_get(golden, "%s_values", name);
	const GoldenTensor *logits = golden_get(golden, "%s_logits", name);
	unsigned char *copy = keep(bytes->n);
	unsigned char *again;
	AdvModel model;
	size_t size;

	for (size_t i = 0; i < bytes->n; i++)
		copy[i] = (unsigned char) bytes->value[i];
	model = read_model(copy, bytes->n);
	if (values->n != (size_t) ROWS * row_width(&model.encoder) ||
		logits->n != (size_t) ROWS * model.net.classes)
		bail_out("rows of another size");
	size = adv_model_size(&model);
	again = keep(size);
	adv_model_write(&model, again);
	if (copy[8] == ADV_MODEL_VERSION)
		okf(size == bytes->n && memcmp(again, copy, size) == 0, "%s, %s: the same bytes", machine, name);
	else
	{
		model = read_model(again, size);
		okf(again[8] == ADV_MODEL_VERSION, "%s, %s: read and written in the newest format", machine, name);
	}
	okf(relative_error(logits->n, evaluate(&model, values->value), logits->value) < 1e-5,
		"%s, %s: the same logits", machine, name);
}

int
main(int argc, char **argv)
{
	glob_t files = {0};
	Golden golden;

	for (size_t k = 0; argc > 1 && k < SAMPLES; k++)
	{
		print_sample(&samples[k]);
		release();
	}
	if (argc > 1)
		return 0;
	glob("test/core/models/*.txt", 0, NULL, &files);
	ok(files.gl_pathc > 0, "there are models of another machine");
	for (size_t f = 0; f < files.gl_pathc; f++)
	{
		if (!golden_load(&golden, files.gl_pathv[f]))
			bail_out(files.gl_pathv[f]);
		for (size_t k = 0; k < SAMPLES; k++)
		{
			test_sample(&golden, strrchr(files.gl_pathv[f], '/') + 1, samples[k].name);
			release();
		}
		golden_free(&golden);
	}
	globfree(&files);
	done_testing();
	return 0;
}
