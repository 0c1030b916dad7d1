/*
 * model.c
 *		A model's bytes: written in one pass, read back in one pass that believes nothing.
 *
 * docs/model-format.md describes the format byte by byte. Numbers are little endian and put together by
 * shifts, so the bytes are the same on every machine. The reader holds a cursor and the number of bytes left;
 * a length is compared with what is left, and with the limits of the headers, before it is used. The checksum
 * finds accidents; no other check relies on it. What is accepted is canonical: written again, it gives the
 * same bytes.
 *
 * Messages about corrupt bytes give places and numbers, never texts found there.
 */
#include "core/base/crc32c.h"
#include "core/network/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC           "ADVFAIR" /* with its terminator 8 bytes */
#define MAGIC_SIZE      8
#define HEADER_SIZE     60
#define CRC_SIZE        4
#define FLAG_SCALE      1u
#define FLAG_UTF8       2u /* since version 2 */
#define MIN_COLUMN_SIZE 12 /* kind, length and the length of the name */
#define MIN_TEXT_SIZE   4  /* its length */

/* ---- Writing ---- */

/* With bytes NULL nothing is written, only counted: a model's size comes from the code that writes it. */
typedef struct Writer
{
	unsigned char *bytes;
	size_t at;
} Writer;

static void
put_bytes(Writer *w, const void *data, size_t size)
{
	if (w->bytes != NULL && size > 0)
		memcpy(w->bytes + w->at, data, size);
	w->at += size;
}

static void
put_u32(Writer *w, uint32_t value)
{
	unsigned char b[4] = {value & 255, value >> 8 & 255, value >> 16 & 255, value >> 24};

	put_bytes(w, b, sizeof(b));
}

static void
put_u64(Writer *w, uint64_t value)
{
	put_u32(w, (uint32_t) value);
	put_u32(w, (uint32_t) (value >> 32));
}

static void
put_double(Writer *w, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put_u64(w, bits);
}

static void
put_text(Writer *w, AdvText text)
{
	put_u32(w, text.len);
	put_bytes(w, text.data, text.len);
}

static void
put_params(Writer *w, const float *params, size_t n)
{
	if (w->bytes == NULL)
	{
		w->at += n * 4;
		return;
	}
	for (size_t i = 0; i < n; i++)
	{
		uint32_t bits;

		memcpy(&bits, &params[i], sizeof(bits));
		put_u32(w, bits);
	}
}

static void
put_column(Writer *w, const AdvColumn *col)
{
	put_u32(w, (uint32_t) col->kind);
	put_u32(w, (uint32_t) col->length);
	put_text(w, col->name);
	if (col->kind == ADV_COLUMN_NUMBER || col->kind == ADV_COLUMN_ARRAY)
	{
		for (int i = 0; i < col->length; i++)
			put_double(w, col->shift[i]);
		for (int i = 0; i < col->length; i++)
			put_double(w, col->factor[i]);
	}
	else if (col->kind == ADV_COLUMN_CATEGORY)
	{
		put_u32(w, (uint32_t) col->n_values);
		for (int i = 0; i < col->n_values; i++)
			put_text(w, col->values[i]);
	}
}

static void
put_header(Writer *w, const AdvModel *model, size_t size)
{
	put_bytes(w, MAGIC, MAGIC_SIZE);
	put_u32(w, ADV_MODEL_VERSION);
	put_u32(w, (model->net.scale ? FLAG_SCALE : 0) | (model->utf8 ? FLAG_UTF8 : 0));
	put_u64(w, size);
	put_u32(w, (uint32_t) model->net.input.c);
	put_u32(w, (uint32_t) model->net.input.h);
	put_u32(w, (uint32_t) model->net.input.w);
	put_u32(w, (uint32_t) model->net.classes);
	put_u32(w, (uint32_t) model->encoder.encoding);
	put_u32(w, (uint32_t) model->encoder.unseen);
	put_u32(w, (uint32_t) model->encoder.n_columns);
	put_u64(w, model->net.n_params);
}

/* Everything up to the checksum. */
static void
put_model(Writer *w, const AdvModel *model, size_t size)
{
	static const unsigned char zeros[4];
	char arch[ADV_MAX_ARCH];

	adv_network_arch(&model->net, arch);
	put_header(w, model, size);
	put_text(w, (AdvText){arch, (uint32_t) strlen(arch)});
	put_text(w, model->label);
	for (int i = 0; i < model->net.classes; i++)
		put_text(w, model->classes[i]);
	for (int i = 0; i < model->encoder.n_columns; i++)
		put_column(w, &model->encoder.columns[i]);
	put_bytes(w, zeros, -w->at & 3);
	put_params(w, model->params, model->net.n_params);
}

size_t
adv_model_size(const AdvModel *model)
{
	Writer w = {NULL, 0};

	put_model(&w, model, 0);
	return w.at + CRC_SIZE;
}

void
adv_model_write(const AdvModel *model, unsigned char *bytes)
{
	Writer w = {bytes, 0};

	put_model(&w, model, adv_model_size(model));
	put_u32(&w, adv_crc32c(bytes, w.at));
}

/* ---- Reading ---- */

typedef struct Reader
{
	const unsigned char *at;
	size_t left; /* bytes from at to the end of the part being read */
	const AdvAllocator *allocator;
	AdvError *err;
	AdvStatus status; /* why a function returned false */
} Reader;

/* Always false, so that a check is one line. */
static bool __attribute__((format(printf, 2, 3))) corrupt(Reader *r, const char *format, ...)
{
	char what[sizeof(((AdvError *) NULL)->message)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	r->status = adv_fail(r->err, ADV_CORRUPT, "invalid model: %s", what);
	return false;
}

/* What the header says beyond magic and size. */
typedef struct Header
{
	uint32_t version;
	uint32_t flags;
	uint32_t c;
	uint32_t h;
	uint32_t w;
	uint32_t classes;
	uint32_t encoding;
	uint32_t unseen;
	uint32_t n_columns;
	uint64_t n_params;
} Header;

static uint32_t
load_u32(const unsigned char *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static uint64_t
load_u64(const unsigned char *p)
{
	return load_u32(p) | (uint64_t) load_u32(p + 4) << 32;
}

static bool
allocate(Reader *r, size_t count, size_t size, void **memory)
{
	*memory = r->allocator->alloc(r->allocator->arg, count * size);
	if (*memory != NULL)
		return true;
	r->status = adv_fail(r->err, ADV_LIMIT, "out of memory");
	adv_detail(r->err, "Failed on request of %zu bytes while reading a model.", count * size);
	return false;
}

static bool
take_u32(Reader *r, uint32_t *value)
{
	*value = 0;
	if (r->left < 4)
		return corrupt(r, "it ends too early");
	*value = load_u32(r->at);
	r->at += 4;
	r->left -= 4;
	return true;
}

/* A text, left where it lies; what names it in messages. */
static bool
take_text(Reader *r, uint32_t max, const char *what, AdvText *text)
{
	uint32_t len;

	if (!take_u32(r, &len))
		return false;
	if (len > max)
	{
		corrupt(r, "%s is too long", what);
		adv_detail(r->err, "It has %u bytes, but at most %u are allowed.", (unsigned) len, (unsigned) max);
		return false;
	}
	if (len > r->left)
		return corrupt(r, "%s reaches past the end", what);
	if (len > 0 && memchr(r->at, 0, len) != NULL)
		return corrupt(r, "%s contains a null byte", what);
	*text = (AdvText){(const char *) r->at, len};
	r->at += len;
	r->left -= len;
	return true;
}

/* count texts into a new array. */
static bool
take_texts(Reader *r, uint32_t count, uint32_t max, const char *what, AdvText **texts)
{
	if (count > r->left / MIN_TEXT_SIZE)
		return corrupt(r, "it ends too early");
	if (!allocate(r, count, sizeof(AdvText), (void **) texts))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!take_text(r, max, what, &(*texts)[i]))
			return false;
	return true;
}

/* count doubles, all finite, into an array. */
static bool
take_doubles(Reader *r, uint32_t count, double *values)
{
	for (uint32_t i = 0; i < count; i++)
	{
		uint64_t bits = load_u64(r->at + (size_t) i * 8);

		if ((bits >> 52 & 0x7ff) == 0x7ff)
			return corrupt(r, "a shift or factor is not finite");
		memcpy(&values[i], &bits, sizeof(bits));
	}
	r->at += (size_t) count * 8;
	r->left -= (size_t) count * 8;
	return true;
}

static int
compare_texts(const void *a, const void *b)
{
	return adv_text_compare(*(const AdvText *) a, *(const AdvText *) b);
}

/* No two of n texts in any order are equal. */
static bool
check_distinct(Reader *r, const AdvText *texts, size_t n, const char *what)
{
	AdvText *sorted;

	if (!allocate(r, n, sizeof(AdvText), (void **) &sorted))
		return false;
	memcpy(sorted, texts, n * sizeof(AdvText));
	qsort(sorted, n, sizeof(AdvText), compare_texts);
	for (size_t i = 1; i < n; i++)
		if (adv_text_compare(sorted[i - 1], sorted[i]) == 0)
			return corrupt(r, "two %s are equal", what);
	return true;
}

/* Magic, version, size and checksum; the reader's part is all bytes. */
static bool
check_envelope(Reader *r)
{
	uint32_t crc;

	if (r->left < MAGIC_SIZE || memcmp(r->at, MAGIC, MAGIC_SIZE) != 0)
		return corrupt(r, "it does not start as a model does");
	if (r->left < HEADER_SIZE + CRC_SIZE)
		return corrupt(r, "it ends too early");
	if (load_u32(r->at + 8) < 1 || load_u32(r->at + 8) > ADV_MODEL_VERSION)
	{
		corrupt(r, "format version %u is not supported", (unsigned) load_u32(r->at + 8));
		adv_detail(r->err, "This release reads versions 1 to %d.", ADV_MODEL_VERSION);
		return false;
	}
	if (load_u64(r->at + 16) != r->left)
	{
		corrupt(r, "size does not match");
		adv_detail(r->err, "It should have %llu bytes, but has %zu.",
				   (unsigned long long) load_u64(r->at + 16), r->left);
		return false;
	}
	crc = adv_crc32c(r->at, r->left - CRC_SIZE);
	if (load_u32(r->at + r->left - CRC_SIZE) != crc)
	{
		corrupt(r, "checksum does not match");
		adv_detail(r->err, "Stored is %08x, but the bytes give %08x.",
				   (unsigned) load_u32(r->at + r->left - CRC_SIZE), (unsigned) crc);
		return false;
	}
	return true;
}

static Header
load_header(const unsigned char *p)
{
	return (Header){
		.version = load_u32(p + 8),
		.flags = load_u32(p + 12),
		.c = load_u32(p + 24),
		.h = load_u32(p + 28),
		.w = load_u32(p + 32),
		.classes = load_u32(p + 36),
		.encoding = load_u32(p + 40),
		.unseen = load_u32(p + 44),
		.n_columns = load_u32(p + 48),
		.n_params = load_u64(p + 52),
	};
}

/* The header's numbers on their own; size is that of all bytes. */
static bool
check_header(Reader *r, const Header *h, size_t size)
{
	if ((h->flags & ~(h->version == 1 ? FLAG_SCALE : FLAG_SCALE | FLAG_UTF8)) != 0)
		return corrupt(r, "unknown flags");
	/* Each factor is checked first, so 64 bits hold the product of two. */
	if (h->c < 1 || h->h < 1 || h->w < 1 || h->c > ADV_MAX_INPUTS || h->h > ADV_MAX_INPUTS ||
		h->w > ADV_MAX_INPUTS || (uint64_t) h->c * h->h > ADV_MAX_INPUTS ||
		(uint64_t) h->c * h->h * h->w > ADV_MAX_INPUTS)
		return corrupt(r, "input shape %u x %u x %u is out of range", (unsigned) h->c, (unsigned) h->h,
					   (unsigned) h->w);
	if (h->classes < 2 || h->classes > ADV_MAX_CLASSES)
		return corrupt(r, "number of classes %u is out of range", (unsigned) h->classes);
	if (h->encoding < ADV_ENCODING_STANDARD || h->encoding > ADV_ENCODING_ORDINAL)
		return corrupt(r, "unknown encoding %u", (unsigned) h->encoding);
	if (h->unseen < ADV_UNSEEN_ERROR || h->unseen > ADV_UNSEEN_IGNORE)
		return corrupt(r, "unknown treatment %u of unseen categories", (unsigned) h->unseen);
	if (h->n_columns < 1 || h->n_columns > ADV_MAX_COLUMNS)
		return corrupt(r, "number of columns %u is out of range", (unsigned) h->n_columns);
	if (h->n_params > ADV_MAX_PARAMS || h->n_params * 4 > size - HEADER_SIZE - CRC_SIZE)
		return corrupt(r, "number of parameters %llu is out of range", (unsigned long long) h->n_params);
	return true;
}

/* The arch string as a C string, of printable ASCII: the parser's messages may repeat it. */
static bool
take_arch(Reader *r, char *arch)
{
	AdvText text;

	if (!take_text(r, ADV_MAX_ARCH - 1, "the architecture", &text))
		return false;
	for (uint32_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return corrupt(r, "the architecture is not plain text");
	memcpy(arch, text.data, text.len);
	arch[text.len] = '\0';
	return true;
}

static bool
read_network(Reader *r, const Header *h, AdvNetwork *net)
{
	AdvShape shape = {(int32_t) h->c, (int32_t) h->h, (int32_t) h->w};
	char arch[ADV_MAX_ARCH];
	char canonical[ADV_MAX_ARCH];
	AdvError why = {.status = ADV_OK};
	AdvStatus status;

	if (!take_arch(r, arch))
		return false;
	status = adv_network_parse(net, arch, shape, (int) h->classes, (h->flags & FLAG_SCALE) != 0, &why);
	if (status != ADV_OK)
	{
		status = status == ADV_LIMIT ? ADV_LIMIT : ADV_CORRUPT;
		r->status = adv_fail(r->err, status, "invalid model: %s", why.message);
		if (why.detail[0] != '\0')
			adv_detail(r->err, "%s", why.detail);
		return false;
	}
	adv_network_arch(net, canonical);
	if (strcmp(arch, canonical) != 0)
		return corrupt(r, "the architecture is not in canonical form");
	if (net->n_params != h->n_params)
	{
		corrupt(r, "number of parameters does not match");
		adv_detail(r->err, "The architecture has %zu, but %llu are stored.", net->n_params,
				   (unsigned long long) h->n_params);
		return false;
	}
	return true;
}

/* shift and factor, in one piece of memory. */
static bool
read_scaling(Reader *r, AdvColumn *col)
{
	uint32_t n = (uint32_t) col->length;

	if (n > r->left / (2 * sizeof(double)))
		return corrupt(r, "it ends too early");
	if (!allocate(r, n, 2 * sizeof(double), (void **) &col->shift))
		return false;
	col->factor = col->shift + n;
	return take_doubles(r, n, col->shift) && take_doubles(r, n, col->factor);
}

static bool
read_categories(Reader *r, AdvColumn *col)
{
	uint32_t n;

	if (!take_u32(r, &n))
		return false;
	/* The bound also keeps every code exact as a float32. */
	if (n < 1 || n > ADV_MAX_INPUTS)
		return corrupt(r, "number of categories %u is out of range", (unsigned) n);
	if (!take_texts(r, n, UINT32_MAX, "a category", &col->values))
		return false;
	col->n_values = (int32_t) n;
	for (uint32_t i = 1; i < n; i++)
		if (adv_text_compare(col->values[i - 1], col->values[i]) >= 0)
			return corrupt(r, "categories are not in ascending order");
	return true;
}

static bool
read_column(Reader *r, int index, AdvColumn *col)
{
	uint32_t kind;
	uint32_t length;

	memset(col, 0, sizeof(*col));
	if (!take_u32(r, &kind) || !take_u32(r, &length) ||
		!take_text(r, ADV_MAX_NAME, "a column name", &col->name))
		return false;
	if (kind < ADV_COLUMN_NUMBER || kind > ADV_COLUMN_IMAGE)
		return corrupt(r, "column %d has the unknown kind %u", index + 1, (unsigned) kind);
	if (length < 1 || length > (kind == ADV_COLUMN_ARRAY || kind == ADV_COLUMN_IMAGE ? ADV_MAX_INPUTS : 1))
		return corrupt(r, "length %u of column %d is out of range", (unsigned) length, index + 1);
	col->kind = (int32_t) kind;
	col->length = (int32_t) length;
	if (kind == ADV_COLUMN_CATEGORY)
		return read_categories(r, col);
	return kind == ADV_COLUMN_IMAGE || read_scaling(r, col);
}

/* The columns together are exactly the network's input. */
static bool
check_inputs(Reader *r, const AdvEncoder *enc)
{
	size_t inputs = adv_encoder_inputs(enc);

	for (int i = 0; i < enc->n_columns; i++)
		if (enc->columns[i].kind == ADV_COLUMN_IMAGE && enc->n_columns > 1)
			return corrupt(r, "an image is not the only column");
	if (enc->columns[0].kind != ADV_COLUMN_IMAGE && (enc->shape.h != 1 || enc->shape.w != 1))
		return corrupt(r, "input shape %d x %d x %d without an image", (int) enc->shape.c, (int) enc->shape.h,
					   (int) enc->shape.w);
	if (inputs != adv_shape_size(enc->shape))
	{
		corrupt(r, "columns do not match the input shape");
		adv_detail(r->err, "The columns give %zu values, but the network reads %zu.", inputs,
				   adv_shape_size(enc->shape));
		return false;
	}
	return true;
}

static bool
read_encoder(Reader *r, const Header *h, AdvEncoder *enc)
{
	AdvText *names;

	*enc = (AdvEncoder){
		.encoding = (int32_t) h->encoding,
		.unseen = (int32_t) h->unseen,
		.n_columns = (int32_t) h->n_columns,
		.shape = {(int32_t) h->c, (int32_t) h->h, (int32_t) h->w},
	};
	if (h->n_columns > r->left / MIN_COLUMN_SIZE)
		return corrupt(r, "it ends too early");
	if (!allocate(r, h->n_columns, sizeof(AdvColumn), (void **) &enc->columns) ||
		!allocate(r, h->n_columns, sizeof(AdvText), (void **) &names))
		return false;
	for (int i = 0; i < enc->n_columns; i++)
	{
		if (!read_column(r, i, &enc->columns[i]))
			return false;
		names[i] = enc->columns[i].name;
	}
	return check_distinct(r, names, h->n_columns, "column names") && check_inputs(r, enc);
}

/* What is left before the parameters, which begin at end, is the padding that aligns them, nothing else. */
static bool
check_padding(Reader *r, size_t end)
{
	size_t padding = -(end - r->left) & 3;

	if (r->left != padding)
		return corrupt(r, "padding has size %zu instead of %zu", r->left, padding);
	for (size_t i = 0; i < r->left; i++)
		if (r->at[i] != 0)
			return corrupt(r, "padding is not zero");
	return true;
}

static bool
read_params(Reader *r, const unsigned char *bytes, size_t n, const float **params)
{
	float *values;

	if (!allocate(r, n, sizeof(float), (void **) &values))
		return false;
	for (size_t i = 0; i < n; i++)
	{
		uint32_t bits = load_u32(bytes + i * 4);

		if ((bits >> 23 & 0xff) == 0xff)
			return corrupt(r, "parameter %zu is not finite", i + 1);
		memcpy(&values[i], &bits, sizeof(bits));
	}
	*params = values;
	return true;
}

/* Everything between the header and the parameters, from a copy of it: the model's texts stay in the copy. */
static bool
read_description(Reader *r, const Header *h, const unsigned char *bytes, size_t size, AdvModel *model)
{
	void *copy;

	if (!allocate(r, size + 1, 1, &copy))
		return false;
	memcpy(copy, bytes, size);
	r->at = copy;
	r->left = size;
	return read_network(r, h, &model->net) && take_text(r, ADV_MAX_NAME, "the label name", &model->label) &&
		   take_texts(r, h->classes, ADV_MAX_NAME, "a class name", &model->classes) &&
		   check_distinct(r, model->classes, h->classes, "class names") &&
		   read_encoder(r, h, &model->encoder) && check_padding(r, HEADER_SIZE + size);
}

AdvStatus
adv_model_read(const unsigned char *bytes, size_t size, const AdvAllocator *allocator, AdvModel *model,
			   AdvError *err)
{
	Reader r = {bytes, size, allocator, err, ADV_OK};
	Header header;
	size_t params; /* bytes of parameters */

	memset(model, 0, sizeof(*model));
	if (!check_envelope(&r))
		return r.status;
	header = load_header(bytes);
	if (!check_header(&r, &header, size))
		return r.status;
	model->version = (int32_t) header.version;
	model->utf8 = (header.flags & FLAG_UTF8) != 0;
	params = (size_t) header.n_params * 4;
	if (read_description(&r, &header, bytes + HEADER_SIZE, size - HEADER_SIZE - params - CRC_SIZE, model))
		read_params(&r, bytes + size - CRC_SIZE - params, header.n_params, &model->params);
	return r.status;
}

/* Parameters are const for all others, but they are the model's own. */
void
adv_model_fold(AdvModel *model)
{
	adv_network_fold(&model->net, (float *) (uintptr_t) model->params);
}
