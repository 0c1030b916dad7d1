/*
 * pool.c
 *		Maximum over windows of size x size, stride places apart, by default size; lines and columns that fill no window are dropped.
 *
 * Both passes go through the places of a window one by one, with the channels as inner loop. NaN counts as largest,
 * so that it reaches the loss.
 */
#include <math.h>
#include <string.h>

#include "core/layer/linear.h"
#include "core/layer/pool.h"
#include "core/kernel/dispatch.h"

/* First value of place number place of the window whose first value is at window; line is an image line's length. */
ADV_LOOP size_t
place_offset(const AdvLayer *l, size_t line, int place)
{
	return (size_t) (place / l->size) * line + (size_t) (place % l->size) * l->in.c;
}

/* best (c) and, if there is one, which (c) take over the values of a place that are larger. */
ADV_LOOP void
take_larger(int c, const float *value, uint8_t place, float *restrict best, uint8_t *restrict which)
{
	for (int i = 0; which && i < c; i++)
		which[i] = value[i] > best[i] || value[i] != value[i] ? place : which[i];
	for (int i = 0; i < c; i++)
		best[i] = value[i] > best[i] || value[i] != value[i] ? value[i] : best[i];
}

ADV_LOOP void
adv_maxpool_forward_loop(const AdvLayer *l, int rows, const float *src, float *dst, uint8_t *argmax)
{
	int c = l->in.c;
	size_t line = (size_t) l->in.w * c;

	for (int r = 0; r < rows; r++, src += l->in.h * line)
		for (int y = 0; y < l->out.h; y++)
			for (int x = 0; x < l->out.w; x++)
			{
				const float *window = src + (size_t) y * l->stride * line + (size_t) x * l->stride * c;

				memcpy(dst, window, sizeof(float) * (size_t) c);
				if (argmax)
					memset(argmax, 0, (size_t) c);
				for (int place = 1; place < l->size * l->size; place++)
					take_larger(c, window + place_offset(l, line, place), (uint8_t) place, dst, argmax);
				dst += c;
				if (argmax)
					argmax += c;
			}
}
ADV_DISPATCH(extern, adv_maxpool_forward,
			 (const AdvLayer *l, int rows, const float *src, float *dst, uint8_t *argmax),
			 (l, rows, src, dst, argmax))

/* The gradient goes where the maximum came from, zero to the other places. */
ADV_LOOP void
give_to_place(int c, const uint8_t *which, uint8_t place, const float *d_dst, float *restrict d_src)
{
	for (int i = 0; i < c; i++)
		d_src[i] = which[i] == place ? d_dst[i] : 0;
}

/* The same, where windows overlap: a place may be the maximum of several. */
ADV_LOOP void
add_to_place(int c, const uint8_t *which, uint8_t place, const float *d_dst, float *restrict d_src)
{
	for (int i = 0; i < c; i++)
		d_src[i] += which[i] == place ? d_dst[i] : 0;
}

ADV_LOOP void
adv_maxpool_backward_loop(const AdvLayer *l, int rows, const uint8_t *argmax, const float *d_dst,
						  float *d_src)
{
	int c = l->in.c;
	size_t line = (size_t) l->in.w * c;
	bool overlap = l->stride < l->size;

	if (l->stride != l->size || l->in.h % l->size || l->in.w % l->size)
		memset(d_src, 0, sizeof(float) * rows * l->in.h * line);
	for (int r = 0; r < rows; r++, d_src += l->in.h * line)
		for (int y = 0; y < l->out.h; y++)
			for (int x = 0; x < l->out.w; x++, argmax += c, d_dst += c)
			{
				float *window = d_src + (size_t) y * l->stride * line + (size_t) x * l->stride * c;

				for (int place = 0; place < l->size * l->size; place++)
					if (overlap)
						add_to_place(c, argmax, (uint8_t) place, d_dst,
									 window + place_offset(l, line, place));
					else
						give_to_place(c, argmax, (uint8_t) place, d_dst,
									  window + place_offset(l, line, place));
			}
}
ADV_DISPATCH(extern, adv_maxpool_backward,
			 (const AdvLayer *l, int rows, const uint8_t *argmax, const float *d_dst, float *d_src),
			 (l, rows, argmax, d_dst, d_src))

/* ---- as a layer ---- */

static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	AdvStatus status = adv_check_window(b, word);

	if (status == ADV_OK)
		status = adv_check_stride(b, word);
	if (status != ADV_OK)
		return status;
	return b->add(b, word,
				  (AdvShape){b->shape.c, (b->shape.h - word->size) / word->stride + 1,
							 (b->shape.w - word->size) / word->stride + 1},
				  (AdvCount){0});
}

/* Which place of each window won. */
static size_t
memory(const AdvLayer *l)
{
	return adv_shape_size(l->out);
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	adv_maxpool_forward(s->layer, rows, src, dst, s->memory);
	return ADV_OK;
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		adv_maxpool_backward(s->layer, b->rows, s->memory, b->d_dst, b->d_src);
	return ADV_OK;
}

/*
 * A maximum is at least the input whose lower bound is highest, and at most the highest of upper bounds; the input itself where no other one
 * of the window comes near it.
 */
static void
relax_window(const AdvLayer *l, const double *low, const double *high, size_t first, size_t at,
			 AdvRelaxed *to)
{
	size_t line = (size_t) l->in.w * (size_t) l->in.c, best = first;
	double rival = -INFINITY;

	to->high[at] = high[first];
	for (int place = 1; place < l->size * l->size; place++)
	{
		size_t i = first + place_offset(l, line, place);

		rival = fmax(rival, low[i] > low[best] ? high[best] : high[i]);
		best = low[i] > low[best] ? i : best;
		to->high[at] = fmax(to->high[at], high[i]);
	}
	to->low[at] = low[best];
	if (!to->slope[0])
		return;
	to->source[at] = (int32_t) best;
	to->slope[0][at] = 1;
	to->at[0][at] = 0;
	to->slope[1][at] = low[best] >= rival ? 1 : 0;
	to->at[1][at] = low[best] >= rival ? 0 : to->high[at];
}

static void
relax(const AdvLayer *l, const double *low, const double *high, AdvRelaxed *to)
{
	size_t line = (size_t) l->in.w * (size_t) l->in.c, at = 0;

	for (int y = 0; y < l->out.h; y++)
		for (int x = 0; x < l->out.w; x++)
			for (int c = 0; c < l->in.c; c++, at++)
				relax_window(l, low, high,
							 (size_t) (y * l->stride) * line + (size_t) (x * l->stride * l->in.c + c), at,
							 to);
}

const AdvLayerType adv_maxpool_layer = {
	.word = "maxpool",
	.form_words = "maxpool P for windows of P x P, for example maxpool 2 or maxpool 3 stride 2",
	.listed = "maxpool P [stride T]",
	.form = ADV_FORM_SIZE,
	.strides = true,
	.fusion = ADV_FUSION_MAXPOOL,
	.build = build,
	.memory = memory,
	.forward = forward,
	.backward = backward,
	.relax = relax,
};
