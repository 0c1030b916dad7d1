/*
 * test_model.c
 *		Models as bytes: known bytes, round trips, and bytes that are not a model.
 *
 * Every reading is from memory of exactly the size that is read, so that the address sanitizer sees a single
 * byte too many. What the reader accepts is checked for consistency and written again to the same bytes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "core/network/model.h"
#include "core/base/rng.h"
#include "tap.h"

#define TEXT(s) ((AdvText){s, sizeof(s) - 1})

#define AT_VERSION  8
#define AT_FLAGS    12
#define AT_SIZE     16
#define AT_SHAPE    24
#define AT_CLASSES  36
#define AT_ENCODING 40
#define AT_UNSEEN   44
#define AT_COLUMNS  48
#define AT_PARAMS   52
#define AT_ARCH     60

static AdvError err;

/* ---- a host: memory that is counted, may run out, and is freed all at once ---- */

typedef struct Host
{
	void *blocks[4096];
	int n_blocks;
	int max_blocks; /* no memory after so many */
	size_t total;
} Host;

static Host host;

static void *
host_alloc(void *arg, unsigned long size)
{
	Host *h = arg;

	if (h->n_blocks >= h->max_blocks)
		return NULL;
	h->total += size;
	return h->blocks[h->n_blocks++] = malloc(size);
}

static const AdvAllocator allocator = {host_alloc, &host};

static void
host_reset(void)
{
	while (host.n_blocks > 0)
		free(host.blocks[--host.n_blocks]);
	host.max_blocks = (int) (sizeof(host.blocks) / sizeof(host.blocks[0]));
	host.total = 0;
}

/* ---- bytes ---- */

typedef struct Bytes
{
	unsigned char *data;
	size_t size;
} Bytes;

static Bytes
copy_bytes(const void *data, size_t size)
{
	Bytes b = {malloc(size + (size == 0)), size};

	memcpy(b.data, data, size);
	return b;
}

static Bytes
written(const AdvModel *model)
{
	Bytes b = {malloc(adv_model_size(model)), adv_model_size(model)};

	adv_model_write(model, b.data);
	return b;
}

static void
set_u32(Bytes b, size_t at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		b.data[at + i] = (unsigned char) (value >> 8 * i);
}

static uint32_t
get_u32(Bytes b, size_t at)
{
	return b.data[at] | (uint32_t) b.data[at + 1] << 8 | (uint32_t) b.data[at + 2] << 16 |
		   (uint32_t) b.data[at + 3] << 24;
}

/* Make size and checksum right. */
static void
seal(Bytes b)
{
	if (b.size < AT_ARCH + 4)
		return;
	set_u32(b, AT_SIZE, (uint32_t) b.size);
	set_u32(b, AT_SIZE + 4, 0);
	set_u32(b, b.size - 4, adv_crc32c(b.data, b.size - 4));
}

/* Replace removed bytes at a place by others; frees the old. */
static Bytes
splice(Bytes b, size_t at, size_t removed, const void *inserted, size_t size)
{
	Bytes n = {malloc(b.size - removed + size + 1), b.size - removed + size};

	memcpy(n.data, b.data, at);
	memcpy(n.data + at, inserted, size);
	memcpy(n.data + at + size, b.data + at + removed, b.size - at - removed);
	free(b.data);
	b = copy_bytes(n.data, n.size);
	free(n.data);
	return b;
}

/* ---- models ---- */

static AdvText label_classes[] = {TEXT("no"), TEXT("yes"), TEXT("")};
static AdvText colors[] = {TEXT("blue"), TEXT("green"), TEXT("red")};
static double shifts[] = {38.5, -0.0, 1e-300, 4};
static double factors[] = {0.1, 1, -1e300, 0};
static float params[4096];

/* What a test may change in a model before it is written. */
typedef struct Parts
{
	AdvModel model;
	AdvText classes[3];
	AdvText values[3];
	AdvColumn columns[3];
	double shift[4];
	double factor[4];
} Parts;

typedef enum Sample
{
	TABLE,   /* number, one-hot category, array */
	ORDINAL, /* the same with ordinal codes and a scaling layer */
	IMAGE,
	SAMPLES
} Sample;

static void
make_sample(Parts *p, Sample sample)
{
	AdvShape shape = {sample == TABLE ? 7 : 5, 1, 1};
	const char *arch = "dense 3, tanh";

	memcpy(p->classes, label_classes, sizeof(p->classes));
	memcpy(p->values, colors, sizeof(p->values));
	memcpy(p->shift, shifts, sizeof(p->shift));
	memcpy(p->factor, factors, sizeof(p->factor));
	p->columns[0] = (AdvColumn){TEXT("age"), ADV_COLUMN_NUMBER, 1, p->shift, p->factor, 0, NULL};
	p->columns[1] = (AdvColumn){TEXT("color"), ADV_COLUMN_CATEGORY, 1, NULL, NULL, 3, p->values};
	p->columns[2] = (AdvColumn){TEXT("trio"), ADV_COLUMN_ARRAY, 3, p->shift + 1, p->factor + 1, 0, NULL};
	if (sample == IMAGE)
	{
		shape = (AdvShape){3, 4, 5};
		arch = "conv 2x3, maxpool 2, relu";
		p->columns[0] = (AdvColumn){TEXT("picture"), ADV_COLUMN_IMAGE, 60, NULL, NULL, 0, NULL};
	}
	p->model = (AdvModel){
		.label = TEXT("answer"),
		.classes = p->classes,
		.params = params,
		.encoder =
			{
				.encoding = sample == ORDINAL ? ADV_ENCODING_ORDINAL : ADV_ENCODING_STANDARD,
				.unseen = sample == ORDINAL ? ADV_UNSEEN_IGNORE : ADV_UNSEEN_ERROR,
				.n_columns = sample == IMAGE ? 1 : 3,
				.columns = p->columns,
				.shape = shape,
			},
	};
	if (adv_network_parse(&p->model.net, arch, shape, 3, sample == ORDINAL, &err) != ADV_OK)
		bail_out(err.message);
}

static Bytes
sample_bytes(Sample sample)
{
	Parts p;

	make_sample(&p, sample);
	return written(&p.model);
}

static AdvStatus
read_bytes(Bytes b, AdvModel *model)
{
	host_reset();
	memset(&err, 0, sizeof(err));
	return adv_model_read(b.data, b.size, &allocator, model, &err);
}

/* Reading fails as it should: a failing status, the same in the error, and a message. */
static bool
refused(Bytes b)
{
	AdvModel model;
	AdvStatus status = read_bytes(b, &model);

	return (status == ADV_CORRUPT || status == ADV_LIMIT) && err.status == status && err.message[0] != '\0';
}

/* The same, sealed and with this message; frees the bytes. */
static void
refuses(Bytes b, const char *message)
{
	char expected[sizeof(err.message)];

	snprintf(expected, sizeof(expected), "invalid model: %s", message);
	if (!ok(refused(b) && strcmp(err.message, expected) == 0, message))
		diag("found \"%s\" (%s)", err.message, err.detail);
	free(b.data);
}

static void
refuses_sealed(Bytes b, const char *message)
{
	seal(b);
	refuses(b, message);
}

/* ---- checksum ---- */

static uint32_t
bitwise_crc(const unsigned char *data, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size * 8; i++)
	{
		if (i % 8 == 0)
			crc ^= data[i / 8];
		crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void
test_crc(void)
{
	unsigned char data[128];
	bool same = true;

	memset(data, 0, 32);
	ok(adv_crc32c(data, 32) == 0x8a9136aa, "CRC-32C of 32 zero bytes");
	memset(data, 0xff, 32);
	ok(adv_crc32c(data, 32) == 0x62a8ab43, "of 32 bytes of ones");
	for (int i = 0; i < 32; i++)
		data[i] = (unsigned char) i;
	ok(adv_crc32c(data, 32) == 0x46dd794e, "of 32 ascending bytes");
	ok(adv_crc32c("123456789", 9) == 0xe3069283, "of the digits");
	ok(adv_crc32c(NULL, 0) == 0, "of nothing");
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char) adv_random64(1, ADV_FOR_CENSUS, 0, i);
	for (size_t start = 0; start < 8; start++)
		for (size_t n = 0; n <= sizeof(data) - start; n++)
			same = same && adv_crc32c(data + start, n) == bitwise_crc(data + start, n);
	ok(same, "all lengths and alignments agree with the definition");
}

/* ---- writing and reading ---- */

static bool
same_text(AdvText a, AdvText b)
{
	return adv_text_compare(a, b) == 0;
}

static bool
same_column(const AdvColumn *a, const AdvColumn *b)
{
	bool same = same_text(a->name, b->name) && a->kind == b->kind && a->length == b->length &&
				a->n_values == b->n_values && (a->shift == NULL) == (b->shift == NULL);

	for (int i = 0; same && i < a->n_values; i++)
		same = same_text(a->values[i], b->values[i]);
	for (int i = 0; same && a->shift != NULL && i < a->length; i++)
		same = memcmp(&a->shift[i], &b->shift[i], sizeof(double)) == 0 &&
			   memcmp(&a->factor[i], &b->factor[i], sizeof(double)) == 0;
	return same;
}

static bool
same_model(const AdvModel *a, const AdvModel *b)
{
	bool same = memcmp(&a->net, &b->net, sizeof(a->net)) == 0 && same_text(a->label, b->label) &&
				a->encoder.encoding == b->encoder.encoding && a->encoder.unseen == b->encoder.unseen &&
				a->encoder.n_columns == b->encoder.n_columns &&
				memcmp(&a->encoder.shape, &b->encoder.shape, sizeof(AdvShape)) == 0 &&
				memcmp(a->params, b->params, a->net.n_params * sizeof(float)) == 0;

	for (int i = 0; same && i < a->net.classes; i++)
		same = same_text(a->classes[i], b->classes[i]);
	for (int i = 0; same && i < a->encoder.n_columns; i++)
		same = same_column(&a->encoder.columns[i], &b->encoder.columns[i]);
	return same;
}

/* A model small enough to be written down here; the same bytes on every machine. */
static void
test_known_bytes(void)
{
	/* clang-format off */
	static const unsigned char expected[] =
		"ADVFAIR\0"
		"\x02\0\0\0" "\x02\0\0\0"				/* version, flags: UTF-8 */
		"\x8c\0\0\0\0\0\0\0"					/* size */
		"\x01\0\0\0" "\x01\0\0\0" "\x01\0\0\0"	/* input shape */
		"\x02\0\0\0"							/* classes */
		"\x02\0\0\0" "\x01\0\0\0" "\x01\0\0\0"	/* encoding, unseen, columns */
		"\x04\0\0\0\0\0\0\0"					/* parameters */
		"\0\0\0\0"								/* architecture */
		"\x06\0\0\0" "answer"
		"\x02\0\0\0" "no" "\x03\0\0\0" "yes"
		"\x01\0\0\0" "\x01\0\0\0" "\x03\0\0\0" "age"
		"\0\0\0\0\0\x40\x43\x40"				/* 38.5 */
		"\x9a\x99\x99\x99\x99\x99\xb9\x3f"		/* 0.1 */
		"\0\0"									/* padding */
		"\0\0\x80\x3f" "\0\0\0\xc0" "\0\0\0\x80" "\x01\0\0\0";	/* 1, -2, -0, the smallest number */
	/* clang-format on */
	static const float four[] = {1, -2, -0.0f, 0x1p-149f};
	Parts p;
	AdvModel read;
	Bytes b;

	make_sample(&p, TABLE);
	adv_network_parse(&p.model.net, "", (AdvShape){1, 1, 1}, 2, false, &err);
	p.model.encoder.encoding = ADV_ENCODING_MINMAX;
	p.model.encoder.n_columns = 1;
	p.model.encoder.shape = p.model.net.input;
	p.model.params = four;
	p.model.utf8 = true;
	b = written(&p.model);
	ok(b.size == sizeof(expected) - 1 + 4, "the size is known");
	ok(memcmp(b.data, expected, sizeof(expected) - 1) == 0, "the bytes are known");
	ok(get_u32(b, b.size - 4) == bitwise_crc(b.data, b.size - 4), "the checksum comes last");

	/* the same model as version 1 wrote it */
	set_u32(b, AT_VERSION, 1);
	set_u32(b, AT_FLAGS, 0);
	set_u32(b, b.size - 4, 0xd0af8697);
	ok(read_bytes(b, &read) == ADV_OK && read.version == 1 && !read.utf8 && same_model(&read, &p.model),
	   "bytes of version 1 are read");
	free(b.data);
}

/* Whether texts are UTF-8 is kept, and version 1 cannot say so. */
static void
test_utf8(void)
{
	Parts p;
	AdvModel model;
	Bytes b;

	make_sample(&p, TABLE);
	p.model.utf8 = true;
	b = written(&p.model);
	ok(read_bytes(b, &model) == ADV_OK && model.version == 2 && model.utf8 && same_model(&model, &p.model),
	   "texts that are UTF-8 are said to be");
	free(b.data);
	b = sample_bytes(TABLE);
	ok(read_bytes(b, &model) == ADV_OK && model.version == 2 && !model.utf8, "others are not");
	set_u32(b, AT_VERSION, 1);
	set_u32(b, AT_FLAGS, 2);
	refuses_sealed(b, "unknown flags");
}

static bool
rewritten_equal(const AdvModel *model, Bytes b)
{
	Bytes again = written(model);
	bool equal;

	if (model->version == 1) /* is not written any more; all else is the same */
	{
		set_u32(again, AT_VERSION, 1);
		seal(again);
	}
	equal = again.size == b.size && memcmp(again.data, b.data, b.size) == 0;

	free(again.data);
	return equal;
}

static void
test_round_trip(void)
{
	static const char *const names[] = {"table", "ordinal", "image"};

	for (int s = 0; s < SAMPLES; s++)
	{
		Parts p;
		Bytes b;
		Bytes copy;
		AdvModel model;

		make_sample(&p, s);
		b = written(&p.model);
		copy = copy_bytes(b.data, b.size);
		ok(read_bytes(b, &model) == ADV_OK, names[s]);
		memset(b.data, 0xee, b.size);
		ok(same_model(&model, &p.model), "what was written is read");
		ok(rewritten_equal(&model, copy), "and written again gives the same bytes");
		ok(host.total < 16 * b.size, "memory is bounded by the size");
		free(b.data);
		free(copy.data);
	}
}

/* ---- bytes that are not a model ---- */

static void
test_accidents(void)
{
	Bytes b = sample_bytes(TABLE);
	bool all = true;

	for (size_t n = 0; n < b.size; n++)
	{
		Bytes part = copy_bytes(b.data, n);

		all = all && refused(part);
		free(part.data);
	}
	ok(all, "a model cut anywhere is refused");
	all = true;
	for (size_t i = 0; i < b.size * 8; i++)
	{
		b.data[i / 8] ^= (unsigned char) (1 << i % 8);
		all = all && refused(b);
		b.data[i / 8] ^= (unsigned char) (1 << i % 8);
	}
	ok(all, "a model with any one bit wrong is refused");
	refuses(splice(copy_bytes(b.data, b.size), b.size, 0, "x", 1), "size does not match");
	b.data[b.size - 9] ^= 1;
	refuses(b, "checksum does not match");
	refuses(copy_bytes("ADVFAIL\0 is no model, but is long enough to hold one if it were, is it not?", 70),
			"it does not start as a model does");
	refuses(copy_bytes("ADVFAIR", 8), "it ends too early");
}

/* Change a number of the header, then seal it. */
static void
refuses_header(Sample sample, size_t at, uint32_t value, const char *message)
{
	Bytes b = sample_bytes(sample);

	set_u32(b, at, value);
	refuses_sealed(b, message);
}

static void
test_headers(void)
{
	refuses_header(TABLE, AT_VERSION, 0, "format version 0 is not supported");
	refuses_header(TABLE, AT_VERSION, 3, "format version 3 is not supported");
	is_string(err.detail, "This release reads versions 1 to 2.", "the detail gives the supported versions");
	refuses_header(TABLE, AT_FLAGS, 4, "unknown flags");
	refuses_header(TABLE, AT_FLAGS, 1, "number of parameters does not match");
	refuses_header(TABLE, AT_SHAPE, 0, "input shape 0 x 1 x 1 is out of range");
	refuses_header(TABLE, AT_SHAPE, (1 << 24) + 1, "input shape 16777217 x 1 x 1 is out of range");
	refuses_header(TABLE, AT_SHAPE + 4, 0xffffffff, "input shape 7 x 4294967295 x 1 is out of range");
	refuses_header(IMAGE, AT_SHAPE + 8, 1 << 24, "input shape 3 x 4 x 16777216 is out of range");
	refuses_header(TABLE, AT_CLASSES, 1, "number of classes 1 is out of range");
	refuses_header(TABLE, AT_CLASSES, 65537, "number of classes 65537 is out of range");
	refuses_header(TABLE, AT_CLASSES, 4, "number of parameters does not match");
	refuses_header(TABLE, AT_ENCODING, 0, "unknown encoding 0");
	refuses_header(TABLE, AT_ENCODING, 4, "unknown encoding 4");
	refuses_header(TABLE, AT_ENCODING, 3, "columns do not match the input shape");
	refuses_header(TABLE, AT_UNSEEN, 0, "unknown treatment 0 of unseen categories");
	refuses_header(TABLE, AT_UNSEEN, 3, "unknown treatment 3 of unseen categories");
	refuses_header(TABLE, AT_COLUMNS, 0, "number of columns 0 is out of range");
	refuses_header(TABLE, AT_COLUMNS, 65537, "number of columns 65537 is out of range");
	refuses_header(TABLE, AT_COLUMNS, 65536, "it ends too early");
	refuses_header(TABLE, AT_PARAMS, 35, "number of parameters does not match");
	refuses_header(TABLE, AT_PARAMS, 1000000, "number of parameters 1000000 is out of range");
	refuses_header(TABLE, AT_PARAMS + 4, 1, "number of parameters 4294967332 is out of range");
	refuses_header(TABLE, AT_ARCH, 2048, "the architecture is too long");
	refuses_header(TABLE, AT_ARCH, 2047, "the architecture reaches past the end");
}

/* Replace the architecture by another text. */
static void
refuses_arch(const char *arch, const char *message)
{
	Bytes b = sample_bytes(TABLE);

	b = splice(b, AT_ARCH + 4, get_u32(b, AT_ARCH), arch, strlen(arch));
	set_u32(b, AT_ARCH, (uint32_t) strlen(arch));
	refuses_sealed(b, message);
}

static void
test_architectures(void)
{
	Bytes b = sample_bytes(TABLE);

	refuses_arch("dense  3, tanh", "the architecture is not in canonical form");
	refuses_arch("dense 4, tanh", "number of parameters does not match");
	refuses_arch("dense 3,\ttanh", "the architecture is not plain text");
	b.data[AT_ARCH + 6] = 0;
	refuses_sealed(b, "the architecture contains a null byte");

	b = sample_bytes(TABLE);
	memcpy(b.data + AT_ARCH + 4, "dunce", 5);
	seal(b);
	ok(refused(b) && err.status == ADV_CORRUPT && strstr(err.message, "dunce") != NULL,
	   "an unknown layer is named");
	free(b.data);
}

/* A model that nobody should have written is refused when it is read. */
static void
refuses_parts(Parts *p, const char *message)
{
	refuses(written(&p->model), message);
}

static void
test_texts(void)
{
	static const char zeros[1] = "";
	char *long_name = malloc(ADV_MAX_NAME + 1);
	Parts p;

	memset(long_name, 'x', ADV_MAX_NAME + 1);
	make_sample(&p, TABLE);
	p.model.label = (AdvText){long_name, ADV_MAX_NAME + 1};
	refuses_parts(&p, "the label name is too long");
	make_sample(&p, TABLE);
	p.model.label = (AdvText){zeros, 1};
	refuses_parts(&p, "the label name contains a null byte");
	make_sample(&p, TABLE);
	p.classes[1] = (AdvText){long_name, ADV_MAX_NAME + 1};
	refuses_parts(&p, "a class name is too long");
	make_sample(&p, TABLE);
	p.classes[2] = p.classes[0];
	refuses_parts(&p, "two class names are equal");
	make_sample(&p, TABLE);
	p.columns[2].name = (AdvText){long_name, ADV_MAX_NAME + 1};
	refuses_parts(&p, "a column name is too long");
	make_sample(&p, TABLE);
	p.columns[2].name = p.columns[0].name;
	refuses_parts(&p, "two column names are equal");
	make_sample(&p, TABLE);
	p.values[1] = (AdvText){zeros, 1};
	refuses_parts(&p, "a category contains a null byte");
	make_sample(&p, TABLE);
	p.values[1] = p.values[0];
	refuses_parts(&p, "categories are not in ascending order");
	make_sample(&p, TABLE);
	p.values[2] = TEXT("gold");
	refuses_parts(&p, "categories are not in ascending order");

	make_sample(&p, TABLE);
	p.model.label = p.classes[1] = p.columns[0].name = (AdvText){long_name, ADV_MAX_NAME};
	p.values[2] = (AdvText){long_name, ADV_MAX_NAME + 1};
	{
		Bytes b = written(&p.model);
		AdvModel model;

		ok(read_bytes(b, &model) == ADV_OK && same_model(&model, &p.model),
		   "names of the largest length are fine, and longer categories");
		free(b.data);
	}
	free(long_name);
}

static void
test_columns(void)
{
	Parts p;
	Bytes b;

	make_sample(&p, TABLE);
	p.columns[1].n_values = 0;
	refuses_parts(&p, "number of categories 0 is out of range");
	make_sample(&p, TABLE);
	p.columns[1].n_values = 2;
	refuses_parts(&p, "columns do not match the input shape");
	make_sample(&p, TABLE);
	p.columns[2].length = 2;
	refuses_parts(&p, "columns do not match the input shape");
	make_sample(&p, TABLE);
	p.columns[2].length = 0;
	refuses_parts(&p, "length 0 of column 3 is out of range");
	make_sample(&p, TABLE);
	p.columns[1].length = 2;
	refuses_parts(&p, "length 2 of column 2 is out of range");
	make_sample(&p, TABLE);
	p.columns[0].kind = 0;
	refuses_parts(&p, "column 1 has the unknown kind 0");
	make_sample(&p, TABLE);
	p.columns[0].kind = 5;
	refuses_parts(&p, "column 1 has the unknown kind 5");
	make_sample(&p, TABLE);
	p.columns[0].kind = ADV_COLUMN_IMAGE;
	refuses_parts(&p, "an image is not the only column");
	make_sample(&p, IMAGE);
	p.columns[0].length = 61;
	refuses_parts(&p, "columns do not match the input shape");
	b = sample_bytes(TABLE);
	set_u32(b, AT_SHAPE, 1);
	set_u32(b, AT_SHAPE + 8, 7);
	refuses_sealed(b, "input shape 1 x 1 x 7 without an image");
	make_sample(&p, TABLE);
	p.shift[0] = NAN;
	refuses_parts(&p, "a shift or factor is not finite");
	make_sample(&p, TABLE);
	p.factor[3] = -INFINITY;
	refuses_parts(&p, "a shift or factor is not finite");
}

static void
test_params(void)
{
	Bytes b = sample_bytes(TABLE);

	set_u32(b, b.size - 8, 0x7fc00000);
	refuses_sealed(b, "parameter 36 is not finite");
	b = sample_bytes(TABLE);
	set_u32(b, b.size - 8, 0xff800000);
	refuses_sealed(b, "parameter 36 is not finite");
	b = sample_bytes(TABLE);
	b = splice(b, AT_ARCH + 4 + get_u32(b, AT_ARCH), 4, "\7\0\0\0!", 5);
	refuses_sealed(b, "padding has size 0 instead of 3");
	b = sample_bytes(TABLE);
	refuses_sealed(splice(b, b.size - 4, 0, "\0\0\0\0", 4), "padding has size 4 instead of 0");
	b = sample_bytes(TABLE);
	refuses_sealed(splice(b, b.size - 4, 0, "\0", 1), "padding has size 1 instead of 0");
}

static void
test_memory(void)
{
	Bytes b = sample_bytes(TABLE);
	AdvModel model;
	int needed;
	bool all = true;

	read_bytes(b, &model);
	needed = host.n_blocks;
	for (int i = 0; i < needed; i++)
	{
		host_reset();
		host.max_blocks = i;
		all = all && adv_model_read(b.data, b.size, &allocator, &model, &err) == ADV_LIMIT &&
			  strcmp(err.message, "out of memory") == 0;
	}
	ok(all, "no memory is an error, wherever it runs out");
	free(b.data);
}

/* ---- bytes somebody made up, with a right checksum ---- */

static uint64_t n_random;

static uint64_t
below(uint64_t n)
{
	return adv_random64(20260101, ADV_FOR_CENSUS, 0, n_random++) % n;
}

/* Every number of an accepted model agrees with every other. */
static bool
consistent(const AdvModel *m)
{
	const AdvEncoder *enc = &m->encoder;
	bool good = m->net.classes >= 2 && enc->n_columns >= 1 &&
				adv_encoder_inputs(enc) == adv_shape_size(m->net.input) &&
				memcmp(&enc->shape, &m->net.input, sizeof(AdvShape)) == 0 &&
				adv_encoding_from_name(adv_encoding_name(enc->encoding)) == enc->encoding;

	for (size_t i = 0; i < m->net.n_params; i++)
		good = good && isfinite(m->params[i]);
	for (int i = 0; i < m->net.classes; i++)
		for (int j = 0; j < i; j++)
			good = good && !same_text(m->classes[i], m->classes[j]);
	for (int i = 0; i < enc->n_columns; i++)
	{
		const AdvColumn *col = &enc->columns[i];

		for (int j = 0; j < i; j++)
			good = good && !same_text(col->name, enc->columns[j].name);
		for (int j = 0; j < col->n_values; j++)
			good = good && adv_column_code(col, col->values[j]) == j;
		for (int j = 0; col->shift != NULL && j < col->length; j++)
			good = good && isfinite(col->shift[j]) && isfinite(col->factor[j]);
	}
	return good;
}

/* Refused cleanly, or accepted and consistent; counts what was accepted. */
static bool
survives(Bytes b, int *accepted)
{
	AdvModel model;
	AdvStatus status = read_bytes(b, &model);
	bool bounded = host.total <= 16 * b.size + 64;

	if (status == ADV_OK)
	{
		*accepted += 1;
		return bounded && consistent(&model) && rewritten_equal(&model, b);
	}
	return bounded && (status == ADV_CORRUPT || status == ADV_LIMIT) && err.status == status &&
		   err.message[0] != '\0';
}

static Bytes
mutate(Bytes b)
{
	static const uint32_t edges[] = {0,     1,       2,          3,          4,          65536,
									 65537, 1 << 24, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
	size_t at = below(b.size - 4);
	size_t from = below(b.size - 4);
	size_t room = b.size - 4 - (at > from ? at : from);

	switch (below(6))
	{
		case 0: /* a bit */
			b.data[at] ^= (unsigned char) (1 << below(8));
			break;
		case 1: /* a byte */
			b.data[at] = (unsigned char) below(256);
			break;
		case 2: /* a number at the edge of something */
			set_u32(b, at, edges[below(sizeof(edges) / sizeof(edges[0]))]);
			break;
		case 3: /* a number a little larger or smaller */
			set_u32(b, at, get_u32(b, at) + (uint32_t) below(9) - 4);
			break;
		case 4: /* some bytes copied over others */
			memmove(b.data + at, b.data + from, below(room < 16 ? room + 1 : 16));
			break;
		default: /* some bytes taken out, or put in twice */
			room = below(room < 16 ? room + 1 : 16);
			if (below(2) == 0)
				return splice(b, at, room, "", 0);
			else
			{
				Bytes part = copy_bytes(b.data + from, room);

				b = splice(b, at, 0, part.data, part.size);
				free(part.data);
			}
	}
	return b;
}

static void
test_mutations(void)
{
	int accepted = 0;
	bool all = true;

	for (int i = 0; i < 10000; i++)
	{
		Bytes b = sample_bytes((Sample) (i % SAMPLES));

		for (uint64_t n = 1 + below(3); n > 0; n--)
			b = mutate(b);
		seal(b);
		all = all && survives(b, &accepted);
		free(b.data);
	}
	ok(all, "10000 changed models with right checksums are refused or consistent");
	ok(accepted > 100 && accepted < 9000, "some of each");
	diag("%d accepted", accepted);
}

/* Random bytes; every other time behind a right start, so that the reader gets somewhere. */
static void
test_random_bytes(void)
{
	int accepted = 0;
	bool all = true;

	for (int i = 0; i < 10000; i++)
	{
		Bytes b = sample_bytes(TABLE);
		size_t start = i % 2 == 0 ? 0 : AT_ARCH + below(100);

		b = splice(b, b.size, 0, params, below(64));
		for (size_t at = start; at < b.size; at++)
			b.data[at] = (unsigned char) below(256);
		if (i % 2 == 1)
			seal(b);
		all = all && survives(b, &accepted);
		free(b.data);
	}
	ok(all && accepted == 0, "10000 times random bytes are refused");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		params[i] = (float) (adv_uniform(7, ADV_FOR_INIT, 0, i) - 0.5);
	host_reset();
	test_crc();
	test_known_bytes();
	test_utf8();
	test_round_trip();
	test_accidents();
	test_headers();
	test_architectures();
	test_texts();
	test_columns();
	test_params();
	test_memory();
	test_mutations();
	test_random_bytes();
	host_reset();
	done_testing();
	return 0;
}
