/*
 * arch.c
 *		Arch strings: from "conv 32x3, maxpool 2, relu" to layers with shapes and parameter offsets, and back.
 *
 *		arch = [ layer { "," layer } ]
 *		layer = "conv" N "x" S | "dense" N | "maxpool" P | "relu" | "tanh"
 *
 * Case does not matter, blanks are free. Each rule about layers has one check function with one wording.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/network/network.h"

#define MAX_WINDOW 16             /* of maxpool: the winner's place fits a byte */
#define MAX_NUMBER ADV_MAX_INPUTS /* larger numbers in an arch string are read as this plus one */
#define WORD_SHOWN 64             /* bytes of a wrong word that a message repeats */

static const char *const layer_names[] = {
	[ADV_LAYER_SCALE] = "scale",     [ADV_LAYER_CONV] = "conv",   [ADV_LAYER_MAXPOOL] = "maxpool",
	[ADV_LAYER_FLATTEN] = "flatten", [ADV_LAYER_DENSE] = "dense", [ADV_LAYER_RELU] = "relu",
	[ADV_LAYER_TANH] = "tanh",
};

const char *
adv_layer_name(int kind)
{
	return kind >= ADV_LAYER_SCALE && kind <= ADV_LAYER_TANH ? layer_names[kind] : "unknown";
}

/* A layer as written: width is N, size is S or P. */
typedef struct Word
{
	int kind;
	int32_t width;
	int32_t size;
} Word;

/* The network so far, and what the next layer will see. */
typedef struct Builder
{
	AdvNetwork *net;
	AdvShape shape;
	bool flat; /* shape is a vector, not an image */
	AdvError *err;
} Builder;

/* ---- reading ---- */

static const char *
skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r' || *s == '\f' || *s == '\v')
		s++;
	return s;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes from s to the next comma, less the blanks before it, for a message. */
static int
shown_length(const char *s)
{
	int len = (int) strcspn(s, ",");

	while (len > 0 && skip_blanks(s + len - 1) >= s + len)
		len--;
	return len < WORD_SHOWN ? len : WORD_SHOWN;
}

static AdvStatus
fail_layer(const char *word, AdvError *err)
{
	int len = shown_length(word);
	int name = (int) strcspn(word, " \t\n\r\f\v,");

	if (name < len)
		len = name;
	if (len == 0)
		adv_fail(err, ADV_INVALID, "empty layer in arch string");
	else
		adv_fail(err, ADV_INVALID, "unknown layer \"%.*s\" in arch string", len, word);
	adv_hint(err, "Layers are conv NxS, dense N, maxpool P, relu and tanh, separated by commas.");
	return ADV_INVALID;
}

static AdvStatus
fail_form(const char *word, const char *form, AdvError *err)
{
	adv_fail(err, ADV_INVALID, "cannot read layer \"%.*s\" in arch string", shown_length(word), word);
	adv_hint(err, "Write %s.", form);
	return ADV_INVALID;
}

/* Read a whole number at *s and step over it; false when there is none. */
static bool
read_number(const char **s, int32_t *number)
{
	*s = skip_blanks(*s);
	if (!is_digit(**s))
		return false;
	for (*number = 0; is_digit(**s); ++*s)
		if (*number <= MAX_NUMBER)
		{
			*number = *number * 10 + (**s - '0');
			if (*number > MAX_NUMBER)
				*number = MAX_NUMBER + 1;
		}
	return true;
}

/* Read the layer at *s and step over it, up to the comma or the end. */
static AdvStatus
read_word(const char **s, Word *word, AdvError *err)
{
	static const struct
	{
		int kind;
		const char *form;
	} known[] = {
		{ADV_LAYER_CONV, "conv NxS for N filters of S x S, for example conv 32x3"},
		{ADV_LAYER_MAXPOOL, "maxpool P for windows of P x P, for example maxpool 2"},
		{ADV_LAYER_DENSE, "dense N for N outputs, for example dense 128"},
		{ADV_LAYER_RELU, "relu without a number"},
		{ADV_LAYER_TANH, "tanh without a number"},
	};
	const char *start = skip_blanks(*s);
	size_t len = 0;
	const char *form = NULL;
	bool complete = true;

	while (is_letter(start[len]))
		len++;
	memset(word, 0, sizeof(*word));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		const char *name = adv_layer_name(known[i].kind);

		if (strlen(name) == len && strncasecmp(start, name, len) == 0)
		{
			word->kind = known[i].kind;
			form = known[i].form;
		}
	}
	if (!form)
		return fail_layer(start, err);

	*s = start + len;
	if (word->kind == ADV_LAYER_CONV)
	{
		complete = read_number(s, &word->width);
		*s = skip_blanks(*s);
		complete = complete && (**s == 'x' || **s == 'X');
		*s += complete;
		complete = complete && read_number(s, &word->size);
	}
	else if (word->kind == ADV_LAYER_DENSE)
		complete = read_number(s, &word->width);
	else if (word->kind == ADV_LAYER_MAXPOOL)
		complete = read_number(s, &word->size);

	*s = skip_blanks(*s);
	if (!complete || (**s != ',' && **s != '\0'))
		return fail_form(start, form, err);
	return ADV_OK;
}

/* ---- rules ---- */

static AdvStatus
check_image(const Builder *b, const char *name)
{
	if (!b->flat)
		return ADV_OK;
	if (b->net->input.h > 1 || b->net->input.w > 1)
	{
		adv_fail(b->err, ADV_INVALID, "%s cannot follow dense in arch string", name);
		adv_hint(b->err, "Layers that work on images come before the first dense layer.");
	}
	else
	{
		adv_fail(b->err, ADV_INVALID, "%s needs an image as input", name);
		adv_detail(b->err, "The input is a vector of %d values.", (int) b->shape.c);
	}
	return ADV_INVALID;
}

static AdvStatus
check_positive(const Builder *b, const char *name, const char *what, int32_t number)
{
	if (number > 0)
		return ADV_OK;
	return adv_fail(b->err, ADV_INVALID, "%s of %s in arch string must be at least 1", what, name);
}

static AdvStatus
check_at_most(const Builder *b, const char *name, const char *what, int32_t number, int32_t limit)
{
	if (number <= limit)
		return ADV_OK;
	return adv_fail(b->err, ADV_LIMIT, "%s of %s in arch string must be at most %d", what, name, (int) limit);
}

static AdvStatus
check_kernel(const Builder *b, int32_t size)
{
	if (size % 2 == 1)
		return ADV_OK;
	adv_fail(b->err, ADV_INVALID, "kernel size %d of conv in arch string is even", (int) size);
	adv_hint(b->err, "A kernel has a middle: its size must be odd.");
	return ADV_INVALID;
}

static AdvStatus
check_window(const Builder *b, int32_t size)
{
	if (size <= b->shape.h && size <= b->shape.w)
		return ADV_OK;
	adv_fail(b->err, ADV_INVALID, "window of maxpool %d in arch string is larger than its input", (int) size);
	adv_detail(b->err, "The input of this layer is %d x %d.", (int) b->shape.h, (int) b->shape.w);
	return ADV_INVALID;
}

static AdvStatus
check_values(AdvShape s, const char *what, AdvError *err)
{
	/* the product of three factors may not fit 64 bits, that of two does */
	if ((uint64_t) s.c * (uint64_t) s.h <= ADV_MAX_INPUTS &&
		(uint64_t) s.c * (uint64_t) s.h * (uint64_t) s.w <= ADV_MAX_INPUTS)
		return ADV_OK;
	adv_fail(err, ADV_LIMIT, "%s is too large", what);
	adv_detail(err, "It has %d x %d x %d values; the limit is %d.", (int) s.c, (int) s.h, (int) s.w,
			   ADV_MAX_INPUTS);
	return ADV_LIMIT;
}

/* ---- building ---- */

/* Append a layer that turns the current shape into out, with the given numbers of weights and biases. */
static AdvStatus
add_layer(Builder *b, int kind, int32_t size, AdvShape out, uint64_t n_weight, uint64_t n_bias)
{
	AdvNetwork *net = b->net;
	AdvLayer *l;
	AdvStatus status = check_values(out, "output of a layer in arch string", b->err);

	if (status != ADV_OK)
		return status;
	if (net->n_layers == ADV_MAX_LAYERS)
	{
		adv_fail(b->err, ADV_LIMIT, "network has too many layers");
		adv_detail(b->err, "The limit is %d, with those that the system adds.", ADV_MAX_LAYERS);
		return ADV_LIMIT;
	}
	if (n_weight > ADV_MAX_PARAMS || net->n_params + n_weight + n_bias > ADV_MAX_PARAMS)
	{
		adv_fail(b->err, ADV_LIMIT, "network has too many parameters");
		adv_detail(b->err, "Up to layer %d (%s) it has %llu; the limit is %llu.", net->n_layers + 1,
				   adv_layer_name(kind), (unsigned long long) (net->n_params + n_weight + n_bias),
				   (unsigned long long) ADV_MAX_PARAMS);
		return ADV_LIMIT;
	}

	l = &net->layers[net->n_layers++];
	l->kind = kind;
	l->size = size;
	l->in = b->shape;
	l->out = out;
	l->weight = net->n_params;
	l->n_weight = (size_t) n_weight;
	l->bias = l->weight + l->n_weight;
	l->n_bias = (size_t) n_bias;
	net->n_params = l->bias + l->n_bias;
	b->shape = out;
	return ADV_OK;
}

static AdvStatus
add_conv(Builder *b, int32_t filters, int32_t size)
{
	AdvStatus status;

	if ((status = check_image(b, "conv")) != ADV_OK ||
		(status = check_positive(b, "conv", "number of filters", filters)) != ADV_OK ||
		(status = check_positive(b, "conv", "kernel size", size)) != ADV_OK ||
		(status = check_at_most(b, "conv", "number of filters", filters, ADV_MAX_INPUTS)) != ADV_OK ||
		(status = check_at_most(b, "conv", "kernel size", size, ADV_MAX_KERNEL)) != ADV_OK ||
		(status = check_kernel(b, size)) != ADV_OK)
		return status;
	return add_layer(b, ADV_LAYER_CONV, size, (AdvShape){filters, b->shape.h, b->shape.w},
					 (uint64_t) filters * (uint64_t) b->shape.c * (uint64_t) (size * size),
					 (uint64_t) filters);
}

static AdvStatus
add_maxpool(Builder *b, int32_t size)
{
	AdvStatus status;

	if ((status = check_image(b, "maxpool")) != ADV_OK ||
		(status = check_positive(b, "maxpool", "window size", size)) != ADV_OK ||
		(status = check_at_most(b, "maxpool", "window size", size, MAX_WINDOW)) != ADV_OK ||
		(status = check_window(b, size)) != ADV_OK)
		return status;
	return add_layer(b, ADV_LAYER_MAXPOOL, size, (AdvShape){b->shape.c, b->shape.h / size, b->shape.w / size},
					 0, 0);
}

static AdvStatus
add_dense(Builder *b, int32_t outputs)
{
	AdvStatus status;

	if ((status = check_positive(b, "dense", "number of outputs", outputs)) != ADV_OK ||
		(status = check_at_most(b, "dense", "number of outputs", outputs, ADV_MAX_INPUTS)) != ADV_OK)
		return status;
	if (!b->flat)
	{
		AdvShape flat = {(int32_t) adv_shape_size(b->shape), 1, 1};

		if ((status = add_layer(b, ADV_LAYER_FLATTEN, 0, flat, 0, 0)) != ADV_OK)
			return status;
		b->flat = true;
	}
	return add_layer(b, ADV_LAYER_DENSE, 0, (AdvShape){outputs, 1, 1},
					 (uint64_t) outputs * (uint64_t) b->shape.c, (uint64_t) outputs);
}

static AdvStatus
add_word(Builder *b, const Word *word)
{
	switch (word->kind)
	{
		case ADV_LAYER_CONV:
			return add_conv(b, word->width, word->size);
		case ADV_LAYER_MAXPOOL:
			return add_maxpool(b, word->size);
		case ADV_LAYER_DENSE:
			return add_dense(b, word->width);
		default:
			return add_layer(b, word->kind, 0, b->shape, 0, 0);
	}
}

static AdvStatus
check_ends(const char *arch, AdvShape input, int classes, AdvError *err)
{
	if (strnlen(arch, ADV_MAX_ARCH) == ADV_MAX_ARCH)
		return adv_fail(err, ADV_LIMIT, "arch string must be shorter than %d bytes", ADV_MAX_ARCH);
	if (input.c < 1 || input.h < 1 || input.w < 1)
		return adv_fail(err, ADV_INVALID, "input of a network must have at least 1 value");
	if (classes < 2)
		return adv_fail(err, ADV_INVALID, "a classifier needs at least 2 classes");
	if (classes > ADV_MAX_CLASSES)
		return adv_fail(err, ADV_LIMIT, "a classifier can have at most %d classes, not %d", ADV_MAX_CLASSES,
						classes);
	return check_values(input, "input of the network", err);
}

AdvStatus
adv_network_parse(AdvNetwork *net, const char *arch, AdvShape input, int classes, bool scale, AdvError *err)
{
	Builder b = {net, input, input.h == 1 && input.w == 1, err};
	AdvStatus status = check_ends(arch, input, classes, err);

	if (status != ADV_OK)
		return status;
	memset(net, 0, sizeof(*net));
	net->classes = classes;
	net->scale = scale;
	net->input = input;
	if (scale)
		status = add_layer(&b, ADV_LAYER_SCALE, 0, input, (uint64_t) input.c, (uint64_t) input.c);
	net->first_trained = net->n_params;

	arch = skip_blanks(arch);
	while (status == ADV_OK && *arch != '\0')
	{
		Word word;

		status = read_word(&arch, &word, err);
		if (status == ADV_OK)
			status = add_word(&b, &word);
		if (status == ADV_OK && *arch == ',' && *(arch = skip_blanks(arch + 1)) == '\0')
			status = fail_layer(arch, err);
	}
	return status == ADV_OK ? add_dense(&b, classes) : status;
}

/* ---- writing ---- */

void
adv_network_arch(const AdvNetwork *net, char *buf)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < net->n_layers - 1; i++)
	{
		const AdvLayer *l = &net->layers[i];
		char number[32] = "";

		if (l->kind == ADV_LAYER_SCALE || l->kind == ADV_LAYER_FLATTEN)
			continue;
		if (l->kind == ADV_LAYER_CONV)
			snprintf(number, sizeof(number), " %dx%d", (int) l->out.c, (int) l->size);
		else if (l->kind == ADV_LAYER_MAXPOOL)
			snprintf(number, sizeof(number), " %d", (int) l->size);
		else if (l->kind == ADV_LAYER_DENSE)
			snprintf(number, sizeof(number), " %d", (int) l->out.c);
		used += (size_t) snprintf(buf + used, ADV_MAX_ARCH - used, "%s%s%s", used > 0 ? ", " : "",
								  adv_layer_name(l->kind), number);
	}
}
