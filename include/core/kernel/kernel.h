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

/* Some lines of some images, the images one behind the other. */
typedef struct AdvLines
{
	int images;
	int y; /* first line, of each */
	int count;
} AdvLines;

/* What the weights' gradient is made of: images src (h, w, c) and the gradients d (h, w, f) of their results, positions src_step and d_step floats apart. */
typedef struct AdvPairs
{
	int images;
	const float *src;
	int src_step;
	const float *d;
	int d_step;
} AdvPairs;

typedef struct AdvKernel
{
	/* What is best computed at a time, from line 0 on; in whole images as many as there are. NULL: any lines of one image. */
	AdvLines (*run)(const AdvConvShape *s);

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
	 * Lines of results into raw (images, positions, width): position x + i * pitch of an image is that of line y + i and column x, width is f
	 * rounded up to whole vectors. An image has adv_raw_size floats. image is what put has made of the first. scratch has lines_scratch
	 * bytes; NULL: none.
	 */
	bool exact; /* of raw only positions are written that belong to the lines */
	size_t (*lines_scratch)(const AdvConvShape *s, AdvLines which);
	void (*lines)(const AdvConvShape *s, const void *image, const void *packed, AdvLines which, void *scratch,
				  float *raw);

	/*
	 * What rounding may do to a result, for those who bound it: off it is by at most (roundings of single precision + loss) times the sum over channels of
	 * gain times the largest input. gain: of a filter's weights of a channel, where it is not the sum of their magnitudes; NULL: it is.
	 * more: roundings beyond one for each term: weight, or with a gain channel. loss: what each product loses beside, relative.
	 */
	double (*gain)(const float *weight, AdvWeightView view);
	int more;
	double loss;

	/*
	 * The gradient of the weights: to sum, in an order of the kernel's own, is added what some pairs make. Lastly all is added to gradient.
	 * At most as many images as a run has.
	 */
	size_t (*sum_size)(const AdvConvShape *s); /* bytes */
	size_t (*scratch_size)(const AdvConvShape *s);
	void (*add_pairs)(const AdvConvShape *s, const AdvPairs *pairs, void *scratch, void *sum,
					  const AdvStop *stop);
	void (*add_sum)(const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient);
} AdvKernel;

extern const AdvKernel adv_vector_kernel;   /* kernel_vector.c: single precision, any processor */
extern const AdvKernel adv_tile_kernel;     /* kernel_tile.c: AMX only */
extern const AdvKernel adv_panel_kernel;    /* kernel_panel.c: large dense layers, single precision */
extern const AdvKernel adv_winograd_kernel; /* kernel_winograd.c: size 3, single precision, any processor */

extern const AdvKernel
	adv_few_kernel; /* kernel_few.c: few filters, single precision, any processor; results only */

/* Whether there are so few filters that adv_few_kernel is the fastest. */
bool adv_few_pays(const AdvConvShape *s);

/* Whether Winograd's algorithm is faster than a direct convolution, forward and back. */
bool adv_winograd_pays(const AdvConvShape *s);

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
