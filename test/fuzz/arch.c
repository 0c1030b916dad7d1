/*
 * arch.c
 *		Fuzz target: arch strings. What is parsed is consistent, and its canonical text means the same.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Each layer reads what the one before it writes, and parameters lie side by side. */
static bool
consistent(const AdvNetwork *net, AdvShape input, int classes)
{
	AdvShape shape = input;
	size_t at = 0;

	if (net->n_layers < 1 || net->n_layers > ADV_MAX_LAYERS || net->n_params > ADV_MAX_PARAMS)
		return false;
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (adv_layer_type(l)->ends_block)
			shape = net->layers[l->peer].in;
		if (memcmp(&l->in, &shape, sizeof(shape)) != 0 || l->weight != at || l->bias != at + l->n_weight || l->statistic != l->bias + l->n_bias ||
			l->out.c < 1 || l->out.h < 1 || l->out.w < 1 || adv_shape_size(l->out) > ADV_MAX_INPUTS)
			return false;
		at = l->statistic + l->n_statistic;
		shape = l->out;
	}
	return strcmp(adv_layer_type(&net->layers[net->n_layers - 1])->word, "dense") == 0 && shape.c == classes && shape.h == 1 &&
		   shape.w == 1 && at == net->n_params;
}

static const char *
check_canonical(const AdvNetwork *net, AdvShape input, int classes, bool scale)
{
	AdvNetwork again;
	char text[ADV_MAX_ARCH];
	char second[ADV_MAX_ARCH];

	memset(text, 'x', sizeof(text));
	adv_network_arch(net, text);
	if (memchr(text, '\0', sizeof(text)) == NULL)
		return "a canonical arch string has no end";
	if (adv_network_parse(&again, text, input, classes, scale, NULL) != ADV_OK)
		return "a canonical arch string cannot be parsed";
	if (memcmp(net, &again, sizeof(again)) != 0)
		return "a canonical arch string means another network";
	adv_network_arch(&again, second);
	return strcmp(text, second) == 0 ? NULL : "a canonical arch string has another canonical form";
}

/* The next number of a text, cut to what an int32 holds. */
static int32_t
next_number(char **text)
{
	long long number = strtoll(*text, text, 10);

	return number > INT32_MAX ? INT32_MAX : number < INT32_MIN ? INT32_MIN : (int32_t) number;
}

const char *
fuzz_arch(const unsigned char *data, size_t size)
{
	AdvError err = {.status = ADV_OK};
	AdvNetwork net;
	AdvShape input;
	int classes;
	bool scale;
	AdvStatus status;
	const char *wrong;
	char *text = malloc(size + 1);
	char *arch = text;

	memcpy(text, data, size);
	text[size] = '\0';
	input.c = next_number(&arch);
	input.h = next_number(&arch);
	input.w = next_number(&arch);
	classes = next_number(&arch);
	scale = next_number(&arch) == 1;
	status = adv_network_parse(&net, arch, input, classes, scale, &err);
	if (status != ADV_OK)
		wrong = fuzz_check_error(status, &err);
	else if (!consistent(&net, input, classes))
		wrong = "a network is not consistent";
	else
		wrong = check_canonical(&net, input, classes, scale);
	free(text);
	return wrong;
}
