/*
 * augment.c
 *		Images are changed a little each time they are trained on: shifted by up to n places each way, mirrored left to right in half of the
 *		cases, and a square of them is covered ("cutout", DeVries and Taylor 2017). In this order.
 *
 * How is drawn from (seed, example key, epoch), so a training gives the same bits whoever computes what, and after whichever interruption.
 * What comes in from outside of the image is 0; a square that is covered, of which a part may lie outside, is 0.5, the middle of a byte's range.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/train/option.h"

#define MOST    128 /* of a shift, and of a square's side */
#define COVERED 0.5f

typedef struct Own
{
	int flip;      /* -1: nothing was said, as NaN for the next two */
	double shift;  /* places */
	double cutout; /* side of the square */
} Own;

static void
set(void *settings)
{
	*(Own *) settings = (Own){-1, NAN, NAN};
}

static AdvStatus
complete(void *settings, int32_t epochs, AdvError *err)
{
	return ADV_OK;
}

static bool
is_used(const Own *own)
{
	return own->flip > 0 || own->shift > 0 || own->cutout > 0;
}

static AdvStatus
check(const void *settings, AdvShape input, AdvError *err)
{
	const Own *own = settings;

	if (!is_used(own))
		return ADV_OK;
	if (input.h == 1 && input.w == 1)
	{
		adv_fail(err, ADV_INVALID, "augmentation needs images");
		adv_detail(err, "The input is a vector of %d values.", (int) input.c);
		return ADV_INVALID;
	}
	if (own->shift >= input.h || own->shift >= input.w)
		return adv_fail(err, ADV_INVALID, "augment_shift is %d, but an image has %d x %d places",
						(int) own->shift, (int) input.h, (int) input.w);
	return ADV_OK;
}

/* A whole number from 0 to n - 1 out of 32 random bits. */
static int
below(uint32_t random, int n)
{
	return (int) ((uint64_t) random * (uint64_t) n >> 32);
}

/* Line y of the image becomes what was dx places to the right in the line from (w, c). */
static void
shift_line(size_t w, size_t c, int dx, const float *from, float *to)
{
	size_t gone = (size_t) (dx < 0 ? -dx : dx) * c, kept = w * c - gone;

	memmove(dx > 0 ? to : to + gone, dx > 0 ? from + gone : from, sizeof(float) * kept);
	memset(dx > 0 ? to + kept : to, 0, sizeof(float) * gone);
}

/* x (h, w, c) moves up by dy and left by dx. Lines are taken in the order in which none is overwritten before it has moved. */
static void
shift(AdvShape shape, int dy, int dx, float *x)
{
	size_t line = (size_t) shape.w * (size_t) shape.c;

	for (int i = 0; i < shape.h; i++)
	{
		int y = dy < 0 ? shape.h - 1 - i : i;
		int from = y + dy;

		if (from >= 0 && from < shape.h)
			shift_line((size_t) shape.w, (size_t) shape.c, dx, x + (size_t) from * line,
					   x + (size_t) y * line);
		else
			memset(x + (size_t) y * line, 0, sizeof(float) * line);
	}
}

static void
flip(AdvShape shape, float *x)
{
	size_t c = (size_t) shape.c, line = (size_t) shape.w * c;

	for (int y = 0; y < shape.h; y++, x += line)
		for (size_t left = 0, right = (size_t) shape.w - 1; left < right; left++, right--)
			for (size_t i = 0; i < c; i++)
			{
				float kept = x[left * c + i];

				x[left * c + i] = x[right * c + i];
				x[right * c + i] = kept;
			}
}

/* A square of side places around place (y, x). */
static void
cover(AdvShape shape, int side, int y, int x, float *image)
{
	for (int i = y - side / 2; i < y - side / 2 + side; i++)
		for (int j = x - side / 2; j < x - side / 2 + side; j++)
			for (int c = 0; i >= 0 && i < shape.h && j >= 0 && j < shape.w && c < shape.c; c++)
				image[((size_t) i * (size_t) shape.w + (size_t) j) * (size_t) shape.c + (size_t) c] = COVERED;
}

static void
alter(const void *settings, const AdvTrainExample *e, float *x)
{
	const Own *own = settings;
	uint32_t random[4];

	if (!is_used(own))
		return;
	adv_random128(e->seed, ADV_FOR_AUGMENT, e->key, e->epoch, random);
	if (own->shift > 0)
	{
		int most = (int) own->shift;

		shift(e->shape, below(random[0], 2 * most + 1) - most, below(random[1], 2 * most + 1) - most, x);
	}
	if (own->flip > 0 && random[2] & 1)
		flip(e->shape, x);
	if (own->cutout > 0)
	{
		int place = below(random[3], e->shape.h * e->shape.w);

		cover(e->shape, (int) own->cutout, place / e->shape.w, place % e->shape.w, x);
	}
}

static const AdvParameter parameters[] = {
	{"augment_flip", ADV_PARAMETER_BOOLEAN, offsetof(Own, flip)},
	{"augment_shift", ADV_PARAMETER_INTEGER, offsetof(Own, shift), 0, MOST},
	{"augment_cutout", ADV_PARAMETER_INTEGER, offsetof(Own, cutout), 0, MOST},
	{NULL},
};

const AdvTrainOption adv_option_augment = {
	.name = "augment",
	.words = "images that are changed a little each time",
	.parameters = parameters,
	.set = set,
	.complete = complete,
	.check = check,
	.alter = alter,
};
