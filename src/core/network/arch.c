/*
 * arch.c
 *		Arch strings: from "conv 32x3, maxpool 2, relu" to layers with shapes and parameter offsets, and back.
 *
 *		arch = [ layer { "," layer } ]
 *		layer = word [ number | N "x" S ] [ "stride" T ] | word "(" arch ")"
 *
 * Case does not matter, blanks are free. Words, numbers and rules are those of the kinds of layers (layer.h).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/network/network.h"

#define MAX_NUMBER ADV_MAX_INPUTS /* larger numbers in an arch string are read as this plus one */
#define WORD_SHOWN 64             /* bytes of a wrong word that a message repeats */

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
	int len = (int) strcspn(s, ",()");

	while (len > 0 && skip_blanks(s + len - 1) >= s + len)
		len--;
	return len < WORD_SHOWN ? len : WORD_SHOWN;
}

/* The layers that can be written, for a hint. */
static void
hint_layers(AdvError *err)
{
	char list[400] = "";
	int n = 0, listed = 0;
	size_t used = 0;

	for (int i = 0; adv_layer_types[i]; i++)
		n += adv_layer_types[i]->listed != NULL;
	for (int i = 0; adv_layer_types[i]; i++)
		if (adv_layer_types[i]->listed && used < sizeof(list))
		{
			used += (size_t) snprintf(list + used, sizeof(list) - used, "%s%s",
									  listed == 0       ? ""
									  : listed == n - 1 ? " and "
														: ", ",
									  adv_layer_types[i]->listed);
			listed++;
		}
	adv_hint(err, "Layers are %s, separated by commas.", list);
}

static AdvStatus
fail_layer(const char *word, AdvError *err)
{
	int len = shown_length(word);
	int name = (int) strcspn(word, " \t\n\r\f\v,()");

	if (name < len)
		len = name;
	if (len == 0)
		adv_fail(err, ADV_INVALID, "empty layer in arch string");
	else
		adv_fail(err, ADV_INVALID, "unknown layer \"%.*s\" in arch string", len, word);
	hint_layers(err);
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

/*
 * Read a decimal number, of digits with a point among them, at *s and step over it; false when there is none. It is rounded to nine decimals, so
 * that what is written is read as the same.
 */
static bool
read_factor(const char **s, float *factor)
{
	double value = 0, place = 1;
	bool any = false;

	*s = skip_blanks(*s);
	for (; is_digit(**s); ++*s, any = true)
		value = value * 10 + (**s - '0');
	if (**s == '.')
		for (++*s; is_digit(**s); ++*s, any = true)
			value += (place /= 10) * (**s - '0');
	*factor = value < MAX_NUMBER ? (float) (floor(value * 1e9 + 0.5) / 1e9) : MAX_NUMBER;
	return any;
}

/* The kind whose word is at s, of len letters; NULL when there is none that can be written. */
static const AdvLayerType *
find_type(const char *s, size_t len)
{
	for (int i = 0; adv_layer_types[i]; i++)
	{
		const AdvLayerType *type = adv_layer_types[i];

		if (type->form_words && strlen(type->word) == len && strncasecmp(s, type->word, len) == 0)
			return type;
	}
	return NULL;
}

/* A word, of letters and underscores, is at s. */
static size_t
word_length(const char *s)
{
	size_t len = 0;

	while (is_letter(s[len]) || (len > 0 && s[len] == '_'))
		len++;
	return len;
}

/* "stride T", if it is there and may be. */
static bool
read_stride(const char **s, AdvLayerWord *word)
{
	const char *at = skip_blanks(*s);

	word->stride = adv_usual_stride(word->type, word->size);
	if (!word->type->strides || word_length(at) != strlen("stride") ||
		strncasecmp(at, "stride", strlen("stride")) != 0)
		return true;
	*s = at + strlen("stride");
	return read_number(s, &word->stride);
}

/* What is written behind a kind's word. */
static bool
read_numbers(const char **s, AdvLayerWord *word)
{
	switch (word->type->form)
	{
		case ADV_FORM_WORD:
			return true;
		case ADV_FORM_WIDTH:
			return read_number(s, &word->width);
		case ADV_FORM_SIZE:
			return read_number(s, &word->size);
		case ADV_FORM_FACTOR:
			return read_factor(s, &word->factor);
		case ADV_FORM_FILTERS:
			if (!read_number(s, &word->width))
				return false;
			*s = skip_blanks(*s);
			if (**s != 'x' && **s != 'X')
				return false;
			++*s;
			return read_number(s, &word->size);
		case ADV_FORM_BLOCK:
			*s = skip_blanks(*s);
			return *(*s)++ == '(';
	}
	return false;
}

/* Read the layer at *s and step over it, up to the comma, a parenthesis or the end; of a block its beginning. */
static AdvStatus
read_word(const char **s, AdvLayerWord *word, AdvError *err)
{
	const char *start = skip_blanks(*s);
	size_t len = word_length(start);
	bool complete;

	memset(word, 0, sizeof(*word));
	word->type = find_type(start, len);
	if (!word->type)
		return fail_layer(start, err);

	*s = start + len;
	complete = read_numbers(s, word) && read_stride(s, word);
	*s = skip_blanks(*s);
	if (!complete || (word->type->form != ADV_FORM_BLOCK && **s != ',' && **s != ')' && **s != '\0'))
		return fail_form(start, word->type->form_words, err);
	return ADV_OK;
}

/* ---- building ---- */

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

static int
kind_of(const AdvLayerType *type)
{
	int kind = 0;

	while (adv_layer_types[kind] != type)
		kind++;
	return kind;
}

/* AdvBuilder.add */
static AdvStatus
add_layer(AdvBuilder *b, const AdvLayerWord *word, AdvShape out, AdvCount n)
{
	AdvNetwork *net = b->network;
	AdvLayer *l;
	uint64_t all = n.weights + n.biases + n.statistics;
	AdvStatus status = check_values(out, "output of a layer in arch string", b->err);

	if (status != ADV_OK)
		return status;
	if (net->n_layers == ADV_MAX_LAYERS)
	{
		adv_fail(b->err, ADV_LIMIT, "network has too many layers");
		adv_detail(b->err, "The limit is %d, with those that the system adds.", ADV_MAX_LAYERS);
		return ADV_LIMIT;
	}
	if (n.weights > ADV_MAX_PARAMS || net->n_params + all > ADV_MAX_PARAMS)
	{
		adv_fail(b->err, ADV_LIMIT, "network has too many parameters");
		adv_detail(b->err, "Up to layer %d (%s) it has %llu; the limit is %llu.", net->n_layers + 1,
				   word->type->word, (unsigned long long) (net->n_params + all),
				   (unsigned long long) ADV_MAX_PARAMS);
		return ADV_LIMIT;
	}

	l = &net->layers[net->n_layers++];
	l->kind = kind_of(word->type);
	l->size = word->size;
	l->stride = word->stride;
	l->factor = word->factor;
	l->in = b->shape;
	l->out = out;
	l->weight = net->n_params;
	l->n_weight = (size_t) n.weights;
	l->bias = l->weight + l->n_weight;
	l->n_bias = (size_t) n.biases;
	l->statistic = l->bias + l->n_bias;
	l->n_statistic = (size_t) n.statistics;
	net->n_params = l->statistic + l->n_statistic;
	if (adv_layer_is_summed(l))
	{
		l->summed = net->n_summed;
		net->n_summed += (size_t) all;
	}
	b->shape = out;
	return ADV_OK;
}

/* ---- blocks ---- */

static AdvStatus
open_block(AdvBuilder *b)
{
	AdvNetwork *net = b->network;

	if (b->depth == ADV_MAX_DEPTH)
		return adv_fail(b->err, ADV_LIMIT, "more than %d blocks within each other in arch string",
						ADV_MAX_DEPTH);
	b->open[b->depth].layer = net->n_layers - 1;
	b->open[b->depth++].flat = b->flat;
	return ADV_OK;
}

/* How far apart two places of the input are that neighbours in what has become of it since layer first belong to. */
static uint64_t
stride_since(const AdvNetwork *net, int first)
{
	uint64_t stride = 1;

	for (int i = first; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (!adv_layer_type(l)->ends_block && stride < ADV_MAX_INPUTS)
			stride *= (uint64_t) l->stride;
	}
	return stride;
}

/* The innermost block ends here. */
static AdvStatus
close_block(AdvBuilder *b)
{
	AdvNetwork *net = b->network;
	int first;
	AdvLayer *begin, *end;
	AdvStatus status;

	if (b->depth == 0)
		return adv_fail(b->err, ADV_INVALID, "\")\" in arch string without a \"(\" before it");
	first = b->open[--b->depth].layer;
	begin = &net->layers[first];
	status = adv_layer_type(begin)->close(b, begin->in, b->open[b->depth].flat,
										  (int32_t) stride_since(net, first));
	if (status != ADV_OK)
		return status;
	end = &net->layers[net->n_layers - 1];
	end->in = begin->in;
	end->peer = first;
	begin->peer = net->n_layers - 1;
	return ADV_OK;
}

static AdvStatus
add_word(AdvBuilder *b, const AdvLayerWord *word)
{
	return word->type->build ? word->type->build(b, word) : b->add(b, word, b->shape, (AdvCount){0});
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

/* The layer at *s, and the blocks that end with it. */
static AdvStatus
read_layer(AdvBuilder *b, const char **s)
{
	AdvLayerWord word;
	AdvStatus status = read_word(s, &word, b->err);

	if (status == ADV_OK)
		status = add_word(b, &word);
	if (status == ADV_OK && word.type->form == ADV_FORM_BLOCK)
		return open_block(b);
	for (; status == ADV_OK && **s == ')'; *s = skip_blanks(*s + 1))
		status = close_block(b);
	return status;
}

static AdvStatus
fail_behind(const char *s, AdvError *err)
{
	adv_fail(err, ADV_INVALID, "cannot read \"%.*s\" behind \")\" in arch string", shown_length(s), s);
	adv_hint(err, "Layers are separated by commas.");
	return ADV_INVALID;
}

static AdvStatus
read_layers(AdvBuilder *b, const char *s)
{
	AdvStatus status = ADV_OK;

	while (status == ADV_OK && *s != '\0')
	{
		int depth = b->depth;

		status = read_layer(b, &s);
		if (status != ADV_OK || b->depth > depth)
			continue;
		if (*s != ',' && *s != '\0')
			return fail_behind(s, b->err);
		if (*s == ',' && *(s = skip_blanks(s + 1)) == '\0')
			return fail_layer(s, b->err);
	}
	if (status == ADV_OK && b->depth > 0)
		return adv_fail(b->err, ADV_INVALID, "\"(\" in arch string without a \")\" behind it");
	return status;
}

AdvStatus
adv_network_parse(AdvNetwork *net, const char *arch, AdvShape input, int classes, bool scale, AdvError *err)
{
	AdvBuilder b = {.input = input,
					.shape = input,
					.flat = input.h == 1 && input.w == 1,
					.err = err,
					.add = add_layer,
					.network = net};
	AdvStatus status = check_ends(arch, input, classes, err);

	if (status != ADV_OK)
		return status;
	memset(net, 0, sizeof(*net));
	net->classes = classes;
	net->scale = scale;
	net->input = input;
	if (scale)
		status = add_layer(&b, &(AdvLayerWord){&adv_scale_layer, .stride = 1}, input,
						   (AdvCount){(uint64_t) input.c, (uint64_t) input.c});

	if (status == ADV_OK)
		status = read_layers(&b, skip_blanks(arch));
	return status == ADV_OK ? add_word(&b, &(AdvLayerWord){&adv_dense_layer, .width = classes, .stride = 1})
							: status;
}

/* ---- writing ---- */

/* The fewest digits that are read as the same number. */
static void
write_factor(float factor, char *buf, size_t size)
{
	float read = -1;

	for (int digits = 0; digits <= 9 && read != factor; digits++)
	{
		const char *s = buf;

		snprintf(buf, size, "%.*f", digits, factor);
		(void) read_factor(&s, &read);
	}
}

static void
write_numbers(const AdvLayer *l, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (adv_layer_type(l)->form)
	{
		case ADV_FORM_WORD:
			break;
		case ADV_FORM_WIDTH:
			snprintf(buf, size, " %d", (int) l->out.c);
			break;
		case ADV_FORM_SIZE:
			snprintf(buf, size, " %d", (int) l->size);
			break;
		case ADV_FORM_FILTERS:
			snprintf(buf, size, " %dx%d", (int) l->out.c, (int) l->size);
			break;
		case ADV_FORM_FACTOR:
			buf[0] = ' ';
			write_factor(l->factor, buf + 1, size - 1);
			break;
		case ADV_FORM_BLOCK:
			snprintf(buf, size, "(");
			break;
	}
	if (l->stride != adv_usual_stride(adv_layer_type(l), l->size))
		snprintf(buf + strlen(buf), size - strlen(buf), " stride %d", (int) l->stride);
}

void
adv_network_arch(const AdvNetwork *net, char *buf)
{
	size_t used = 0;
	const char *comma = "";

	buf[0] = '\0';
	for (int i = 0; i < net->n_layers - 1; i++)
	{
		const AdvLayer *l = &net->layers[i];
		const AdvLayerType *type = adv_layer_type(l);
		char numbers[48];

		if (!type->form_words && !type->ends_block)
			continue;
		write_numbers(l, numbers, sizeof(numbers));
		used += type->ends_block ? (size_t) snprintf(buf + used, ADV_MAX_ARCH - used, ")")
								 : (size_t) snprintf(buf + used, ADV_MAX_ARCH - used, "%s%s%s", comma,
													 type->word, numbers);
		comma = type->form == ADV_FORM_BLOCK ? "" : ", ";
	}
}
