/*
 * layers.h
 *		One forward and one backward function per kind of layer without trained parameters; each pair lives in the file named
 *		after it. (Convolutions and dense layers: packed.h.)
 *
 * src is the layer's input, dst its output, d_src and d_dst the loss gradients with respect to them, all (rows, h, w, c)
 * channels last.
 */
#ifndef ADV_LAYERS_H
#define ADV_LAYERS_H

#include "core/network/network.h"

/* pool.c: argmax (rows, out) is written by forward and read by backward (forward: may be NULL). First maximum wins. */
extern void adv_maxpool_forward(const AdvLayer *l, int rows, const float *src, float *dst, uint8_t *argmax);
extern void adv_maxpool_backward(const AdvLayer *l, int rows, const uint8_t *argmax, const float *d_dst,
								 float *d_src);

/* activation.c: n values; src and dst, d_dst and d_src may be the same memory. dst is the forward result. */
extern void adv_relu_forward(size_t n, const float *src, float *dst);
extern void adv_relu_backward(size_t n, const float *dst, const float *d_dst, float *d_src);
extern void adv_tanh_forward(size_t n, const float *src,
							 float *dst); /* error below 3 units in the last place */
extern void adv_tanh_backward(size_t n, const float *dst, const float *d_dst, float *d_src);

/* scale.c: y = (x - shift_c) * factor_c, c the channel of a value. shift and factor (c). */
extern void adv_scale_forward(const AdvLayer *l, int rows, const float *shift, const float *factor,
							  const float *src, float *dst);
extern void adv_scale_backward(const AdvLayer *l, int rows, const float *factor, const float *d_dst,
							   float *d_src);

#endif
