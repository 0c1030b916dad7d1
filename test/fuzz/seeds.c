/*
 * seeds.c
 *		What fuzzing begins with: small models of every kind of layer, column and encoding.
 *
 * Each is also a seed for the encoder's target, which reads bytes of its own form, as good as any. Called with the folder to write to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define TEXT(s)     ((AdvText){s, sizeof(s) - 1})
#define MOST_PARAMS 4096

typedef enum Columns
{
	TABLE,  /* number, category, array */
	VECTOR, /* one array of 4 */
	PICTURE /* 2 x 5 x 6 */
} Columns;

static const struct
{
	Columns columns;
	int encoding;
	bool scale;
	const char *arch;
} seeds[] = {
	{TABLE, ADV_ENCODING_STANDARD, false, ""},
	{TABLE, ADV_ENCODING_MINMAX, false, "dense 3, tanh"},
	{TABLE, ADV_ENCODING_ORDINAL, true, "dense 3, relu, dense 2, tanh"},
	{VECTOR, ADV_ENCODING_STANDARD, false, "relu, tanh, dense 17"},
	{VECTOR, ADV_ENCODING_ORDINAL, true, "dense 1"},
	{PICTURE, ADV_ENCODING_STANDARD, false, "conv 2x3, maxpool 2, relu"},
	{PICTURE, ADV_ENCODING_STANDARD, true, "conv 3x5, tanh, conv 2x1, relu, dense 4"},
	{PICTURE, ADV_ENCODING_STANDARD, false, "maxpool 2, conv 17x3, maxpool 2, dense 3, relu"},
	{PICTURE, ADV_ENCODING_STANDARD, false, "avgpool 2, conv 3x3, leaky_relu 0.25, globalpool, dropout 0.5"},
	{VECTOR, ADV_ENCODING_STANDARD, false, "gelu, dropout 0, dense 3, sigmoid"},
};

static AdvText classes[] = {TEXT("no"), TEXT("yes"), TEXT("sch\xc3\xb6n")};
static AdvText colors[] = {TEXT("blue"), TEXT("green"), TEXT("red")};
static double shift[] = {38.5, -1, 0, 4};
static double factor[] = {0.1, 1, 3e5, 0.25};
static float params[MOST_PARAMS];

static AdvEncoder
make_encoder(Columns form, int encoding, AdvColumn *columns)
{
	AdvEncoder enc = {.encoding = encoding, .unseen = ADV_UNSEEN_ERROR, .n_columns = 1, .columns = columns};

	if (form == PICTURE)
	{
		columns[0] = (AdvColumn){.name = TEXT("picture"), .kind = ADV_COLUMN_IMAGE, .length = 60};
		enc.shape = (AdvShape){2, 5, 6};
		return enc;
	}
	columns[0] = (AdvColumn){TEXT("x"), ADV_COLUMN_ARRAY, 4, shift, factor, 0, NULL};
	if (form == TABLE)
	{
		columns[0] = (AdvColumn){TEXT("age"), ADV_COLUMN_NUMBER, 1, shift, factor, 0, NULL};
		columns[1] = (AdvColumn){TEXT("color"), ADV_COLUMN_CATEGORY, 1, NULL, NULL, 3, colors};
		columns[2] = (AdvColumn){TEXT("pair"), ADV_COLUMN_ARRAY, 2, shift + 1, factor + 1, 0, NULL};
		enc.n_columns = 3;
		enc.unseen = ADV_UNSEEN_IGNORE;
	}
	enc.shape = (AdvShape){(int32_t) adv_encoder_inputs(&enc), 1, 1};
	return enc;
}

static bool
write_seed(const char *folder, int i)
{
	AdvColumn columns[3];
	AdvModel model = {
		.utf8 = i % 2 == 0,
		.label = TEXT("answer"),
		.classes = classes,
		.params = params,
		.encoder = make_encoder(seeds[i].columns, seeds[i].encoding, columns),
	};
	char path[1024];
	unsigned char *bytes;
	size_t size;
	FILE *f;

	if (adv_network_parse(&model.net, seeds[i].arch, model.encoder.shape, 2 + i % 2, seeds[i].scale, NULL) !=
			ADV_OK ||
		model.net.n_params > MOST_PARAMS)
		return false;
	adv_network_init(&model.net, params, (uint64_t) i, ADV_INIT_GLOROT);
	size = adv_model_size(&model);
	bytes = malloc(size);
	adv_model_write(&model, bytes);
	snprintf(path, sizeof(path), "%s/seed-%d", folder, i);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
		return false;
	free(bytes);
	return true;
}

int
main(int argc, char **argv)
{
	for (int i = 0; i < (int) (sizeof(seeds) / sizeof(seeds[0])); i++)
		if (argc != 2 || !write_seed(argv[1], i))
		{
			fprintf(stderr, "seeds: could not make seed %d\n", i);
			return 1;
		}
	return 0;
}
