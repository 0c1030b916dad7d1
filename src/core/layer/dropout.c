/*
 * dropout.c
 *		dropout P: in a pass that trains each value is 0 with probability P, else x / (1 - P), so that its mean is x (Srivastava et al. 2014, in
 *		the "inverted" form); in every other pass, x. Also at P = 0 the mean is x: 0 <= P < 1.
 *
 * Which values are kept is drawn from (seed, example key, epoch, layer, place), so a training gives the same bits whoever computes
 * what, in whatever order, and after whichever interruption. Rows that lie behind and are of the same examples, those that trades and mart compare
 * with, have the same values dropped: what is compared is one network.
 */
#include <string.h>

#include "core/base/rng.h"
#include "core/kernel/dispatch.h"
#include "core/layer/linear.h"

/* How epoch, layer and place / 4 share an index. */
#define PLACE_BITS 22 /* ADV_MAX_INPUTS / 4 */
#define LAYER_BITS 8  /* ADV_MAX_LAYERS */

/* kept (n) of one row: whether a number of 32 random bits reaches P 2^32. */
static void
draw(const AdvStep *s, uint64_t key, size_t n, uint8_t *kept)
{
	uint32_t least = (uint32_t) ((double) s->layer->factor * 0x1p32);
	uint64_t first = (s->noise->epoch << LAYER_BITS | (uint64_t) s->first) << PLACE_BITS;

	for (size_t i = 0; i < n; i += 4)
	{
		uint32_t number[4];

		adv_random128(s->noise->seed, ADV_FOR_LAYER, key, first + i / 4, number);
		for (size_t j = 0; j < 4 && i + j < n; j++)
			kept[i + j] = number[j] >= least;
	}
}

/* A value that is not finite stays so where it is dropped, too: a network that has diverged must not look healthy. */
ADV_LOOP void
scale_loop(size_t n, const uint8_t *kept, float factor, const float *x, float *y)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * (kept[i] ? factor : 0);
}
ADV_DISPATCH(static, scale, (size_t n, const uint8_t *kept, float factor, const float *x, float *y),
			 (n, kept, factor, x, y))

/* Both ways: rows of x times what each value was scaled by, if the pass trains. */
static void
pass(const AdvStep *s, int rows, const float *x, float *y)
{
	size_t n = (size_t) rows * adv_shape_size(s->layer->in);

	if (s->noise->key)
		scale(n, s->memory, 1 / (1 - s->layer->factor), x, y);
	else if (x != y)
		memcpy(y, x, sizeof(float) * n);
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	size_t n = adv_shape_size(s->layer->in);

	for (int r = 0; s->noise->key && r < rows; r++)
	{
		uint8_t *kept = s->memory + (size_t) r * n;

		if (adv_step_stops(s))
			return ADV_ABORTED;
		if (r < s->noise->rows)
			draw(s, s->noise->key[r], n, kept);
		else
			memcpy(kept, kept - (size_t) s->noise->rows * n, n);
	}
	pass(s, rows, src, dst);
	return ADV_OK;
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		pass(s, b->rows, b->d_dst, b->d_src);
	return ADV_OK;
}

static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	AdvStatus status = adv_check_below_one(b, word, "probability");

	return status == ADV_OK ? b->add(b, word, b->shape, (AdvCount){0}) : status;
}

/* Which values are kept. */
static size_t
memory(const AdvLayer *l)
{
	return adv_shape_size(l->in);
}

const AdvLayerType adv_dropout_layer = {
	.word = "dropout",
	.form_words = "dropout P for values that are 0 with probability P in training, for example dropout 0.5",
	.listed = "dropout P",
	.form = ADV_FORM_FACTOR,
	.element_wise = true,
	.build = build,
	.memory = memory,
	.forward = forward,
	.backward = backward,
	.map = adv_linear_same,
};
