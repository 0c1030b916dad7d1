/*
 * fold.c
 *		A network for everything but training: a layer that then only scales each channel is merged into the convolution or dense layer that it
 *		follows, and is gone.
 *
 *		a (W x + b) + s = (a W) x + (a b + s), with a factor and s shift of each output, in double precision
 */
#include <string.h>

#include "core/network/network.h"

/* How many of the layers behind layer i, of n, it can take in. */
static int
taken_in(const AdvNetwork *net, int n, int i)
{
	int taken = 0;

	if (adv_layer_type(&net->layers[i])->linear)
		while (i + taken + 1 < n && adv_layer_type(&net->layers[i + taken + 1])->affine)
			taken++;
	return taken;
}

/* Layer l's parameters times factor, plus shift. One output at a time: their number has no limit that an array could have. */
static void
scale_outputs(const AdvLayer *l, const AdvLayer *next, float *params)
{
	size_t fan = l->n_weight / (size_t) l->out.c;

	for (int o = 0; o < l->out.c; o++)
	{
		double factor, shift;

		adv_layer_type(next)->affine(next, params, o, &factor, &shift);
		for (size_t i = 0; i < fan; i++)
		{
			float *w = params + l->weight + (size_t) o * fan + i;

			*w = (float) (factor * *w);
		}
		params[l->bias + (size_t) o] = (float) (factor * params[l->bias + (size_t) o] + shift);
	}
}

/* Move a layer and its parameters to where they belong when those before have become fewer. */
static void
move(AdvNetwork *net, int to, int from, size_t at, float *params)
{
	AdvLayer *l = &net->layers[to];
	size_t n;

	*l = net->layers[from];
	n = l->n_weight + l->n_bias + l->n_statistic;
	memmove(params + at, params + l->weight, sizeof(float) * n);
	l->weight = at;
	l->bias = at + l->n_weight;
	l->statistic = l->bias + l->n_bias;
}

void
adv_network_fold(AdvNetwork *net, float *params)
{
	int kept = 0;
	int32_t became[ADV_MAX_LAYERS]; /* the number that each layer has now */
	size_t at = 0, summed = 0;

	for (int i = 0, n = net->n_layers; i < n; i++)
	{
		const AdvLayer *l = &net->layers[kept];
		int taken = taken_in(net, n, i);

		for (int j = i + 1; j <= i + taken; j++)
			scale_outputs(&net->layers[i], &net->layers[j], params);
		became[i] = kept;
		move(net, kept++, i, at, params);
		at = l->statistic + l->n_statistic;
		if (adv_layer_is_summed(l))
		{
			net->layers[kept - 1].summed = summed;
			summed += at - l->weight;
		}
		i += taken;
	}
	for (int i = 0; i < kept; i++)
		if (net->layers[i].peer > 0 || adv_layer_type(&net->layers[i])->ends_block)
			net->layers[i].peer = became[net->layers[i].peer];
	net->n_layers = kept;
	net->n_params = at;
	net->n_summed = summed;
}
