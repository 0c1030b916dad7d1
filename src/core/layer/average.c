/*
 * average.c
 *		Mean over windows of size x size, stride size, and over whole images, channel by channel.
 *
 *		dst = sum of a window's values / their number,	d_src = d_dst / their number, 0 at places in no window
 *
 * A window's lines are summed before they are added up, so that rounding grows with height plus width, not with their product.
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/layer/linear.h"

/* What is averaged at a time: h lines of w places. */
typedef struct Window
{
	int h;
	int w;
} Window;

/* Without a size the whole image. */
static Window
window_of(const AdvLayer *l)
{
	return l->size > 0 ? (Window){l->size, l->size} : (Window){l->in.h, l->in.w};
}

ADV_LOOP void
add(size_t n, const float *x, float *restrict sum)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += x[i];
}

/* dst (c), the means of the window whose first value is at src; line is an image line's length, sum (c) scratch. */
ADV_LOOP void
average(Window window, size_t c, size_t line, const float *src, float *restrict dst, float *restrict sum)
{
	float count = (float) window.h * (float) window.w;

	memset(dst, 0, sizeof(float) * c);
	for (int y = 0; y < window.h; y++, src += line)
	{
		memcpy(sum, src, sizeof(float) * c);
		for (int x = 1; x < window.w; x++)
			add(c, src + (size_t) x * c, sum);
		add(c, sum, dst);
	}
	for (size_t i = 0; i < c; i++)
		dst[i] /= count;
}

ADV_LOOP void
average_rows_loop(const AdvLayer *l, int rows, const float *src, float *dst, float *sum)
{
	Window window = window_of(l);
	size_t c = (size_t) l->in.c, line = (size_t) l->in.w * c;

	for (int r = 0; r < rows; r++, src += (size_t) l->in.h * line)
		for (int y = 0; y < l->out.h; y++)
			for (int x = 0; x < l->out.w; x++, dst += c)
				average(window, c, line, src + (size_t) (y * window.h) * line + (size_t) (x * window.w) * c,
						dst, sum);
}
ADV_DISPATCH(static, average_rows, (const AdvLayer *l, int rows, const float *src, float *dst, float *sum),
			 (l, rows, src, dst, sum))

/* Each place of the window whose first value is at d_src gets the same part of d_dst (c), which is formed in part (c). */
ADV_LOOP void
spread(Window window, size_t c, size_t line, const float *d_dst, float *d_src, float *restrict part)
{
	float count = (float) window.h * (float) window.w;

	for (size_t i = 0; i < c; i++)
		part[i] = d_dst[i] / count;
	for (int y = 0; y < window.h; y++, d_src += line)
		for (int x = 0; x < window.w; x++)
			memcpy(d_src + (size_t) x * c, part, sizeof(float) * c);
}

ADV_LOOP void
spread_rows_loop(const AdvLayer *l, int rows, const float *d_dst, float *d_src, float *part)
{
	Window window = window_of(l);
	size_t c = (size_t) l->in.c, line = (size_t) l->in.w * c;

	if (l->in.h % window.h || l->in.w % window.w)
		memset(d_src, 0, sizeof(float) * (size_t) rows * (size_t) l->in.h * line);
	for (int r = 0; r < rows; r++, d_src += (size_t) l->in.h * line)
		for (int y = 0; y < l->out.h; y++)
			for (int x = 0; x < l->out.w; x++, d_dst += c)
				spread(window, c, line, d_dst,
					   d_src + (size_t) (y * window.h) * line + (size_t) (x * window.w) * c, part);
}
ADV_DISPATCH(static, spread_rows,
			 (const AdvLayer *l, int rows, const float *d_dst, float *d_src, float *part),
			 (l, rows, d_dst, d_src, part))

/* ---- as layers ---- */

/* One value for each channel. */
static size_t
scratch_size(const AdvStep *s)
{
	return sizeof(float) * (size_t) s->layer->in.c;
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	average_rows(s->layer, rows, src, dst, s->scratch);
	return ADV_OK;
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		spread_rows(s->layer, b->rows, b->d_dst, b->d_src, s->scratch);
	return ADV_OK;
}

/* Each value of a window goes through the sums of its line and of its column. */
static void
describe(const AdvLayer *l, const float *params, AdvLinear *to)
{
	Window window = window_of(l);

	(void) params;
	to->kind = ADV_LINEAR_BY_CHANNEL;
	to->h = window.h;
	to->w = window.w;
	to->stride = window.h;
	to->roundings = window.h + window.w + 4;
	for (size_t c = 0; to->weight && c < (size_t) l->in.c; c++)
	{
		to->weight[c] = 1 / ((double) window.h * window.w);
		to->bias[c] = to->fixed[c] = 0;
	}
}

static AdvStatus
build_windows(AdvBuilder *b, const AdvLayerWord *word)
{
	AdvStatus status = adv_check_window(b, word);

	if (status != ADV_OK)
		return status;
	return b->add(b, word, (AdvShape){b->shape.c, b->shape.h / word->size, b->shape.w / word->size},
				  (AdvCount){0});
}

const AdvLayerType adv_avgpool_layer = {
	.word = "avgpool",
	.form_words = "avgpool P for windows of P x P, for example avgpool 2",
	.listed = "avgpool P",
	.form = ADV_FORM_SIZE,
	.build = build_windows,
	.scratch = scratch_size,
	.forward = forward,
	.backward = backward,
	.map = describe,
};

static AdvStatus
build_global(AdvBuilder *b, const AdvLayerWord *word)
{
	AdvStatus status = adv_check_image(b, word->type->word);

	return status == ADV_OK ? b->add(b, word, (AdvShape){b->shape.c, 1, 1}, (AdvCount){0}) : status;
}

const AdvLayerType adv_globalpool_layer = {
	.word = "globalpool",
	.form_words = "globalpool without a number",
	.listed = "globalpool",
	.build = build_global,
	.scratch = scratch_size,
	.forward = forward,
	.backward = backward,
	.map = describe,
};
