/*
 * kernel.h
 *		The products that networks spend their time in, as an instruction set computes them.
 *
 * All of them are convolutions: of an image (h, w, c), channels last, with f filters of size x size channels, stride 1 and
 * "same" zero padding. The gradient with respect to a convolution's input is a convolution of the output's gradient, its
 * filters turned round; a dense layer is a convolution of size 1 over a line of w rows.
 *
 * A kernel wants its image inside of a border of zeros ("put"), and weights in an order of its own ("pack"). The border
 * is as narrow as can be: lines are pitch = w + size / 2 positions apart, so that the zeros behind one line are those
 * before the next, and a run over several lines is one run over positions. What comes out at the positions between
 * lines is to be ignored.
 */
#ifndef ADV_KERNEL_H
#define ADV_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADV_VECTOR 16 /* floats of a vector, and columns of a tile */

typedef struct AdvConvShape
{
	int h;
	int w;
	int c; /* channels that come in */
	int f; /* channels that go out */
	int size;
} AdvConvShape;

/* Where element (ky, kx, c, f) of the weights lies in memory, so that turning filters round is a matter of strides. */
typedef struct AdvWeightView
{
	ptrdiff_t ky;
	ptrdiff_t kx;
	ptrdiff_t c;
	ptrdiff_t f;
} AdvWeightView;

/*
 * Whom to ask, within products that take long, whether to stop; NULL: nobody. A product that was told to stop leaves what it likes. Who
 * has once said so says so again.
 */
typedef struct AdvStop
{
	int (*ask)(void *arg);
	void *arg;
} AdvStop;

static inline bool
adv_stops(const AdvStop *stop)
{
	return stop && stop->ask(stop->arg);
}

typedef struct AdvKernel
{
	/* Bytes of an image with its border, and putting src (h, w, c) into one. Returns where it is, which may be src itself. */
	size_t (*image_size)(const AdvConvShape *s);
	const void *(*put)(const AdvConvShape *s, const float *src, void *image);

	/*
	 * Bytes of packed weights, and packing those of channels c_first .. + c_count and filters f_first .. + f_count; weight is
	 * element (0, 0, 0, 0). Firsts are multiples of ADV_VECTOR; the memory is zeroed once before.
	 */
	size_t (*packed_size)(const AdvConvShape *s);
	void (*pack)(const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
				 int f_first, int f_count, void *packed);

	/*
	 * Lines y .. y + count of the result into raw (positions, width): position x + i * pitch is that of line y + i and column x, width is f
	 * rounded up to whole vectors. raw has room for adv_raw_size floats.
	 */
	bool exact; /* of raw only positions are written that belong to the lines */
	void (*lines)(const AdvConvShape *s, const void *image, const void *packed, int y, int count, float *raw);

	/*
	 * The gradient of the weights: to sum, in an order of the kernel's own, is added what one image src (h, w, c) and the gradient d
	 * (h, w, f) of its result make. src and d have src_step and d_step floats from position to position. Lastly all is added to
	 * gradient.
	 */
	size_t (*sum_size)(const AdvConvShape *s); /* bytes */
	size_t (*scratch_size)(const AdvConvShape *s);
	void (*add_image)(const AdvConvShape *s, const float *src, int src_step, const float *d, int d_step,
					  void *scratch, void *sum, const AdvStop *stop);
	void (*add_sum)(const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient);
} AdvKernel;

extern const AdvKernel adv_vector_kernel; /* kernel_vector.c: single precision, any processor */
extern const AdvKernel adv_tile_kernel;   /* kernel_tile.c: AMX only */

static inline size_t
adv_round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Positions from one line to the next. */
static inline int
adv_conv_pitch(const AdvConvShape *s)
{
	return s->w + s->size / 2;
}

/* Floats of the raw result of count lines. */
static inline size_t
adv_raw_size(const AdvConvShape *s, int count)
{
	return adv_round_up((size_t) count * (size_t) adv_conv_pitch(s), ADV_VECTOR) *
		   adv_round_up((size_t) s->f, ADV_VECTOR);
}

#endif
