/*
 * layers.h
 *		One forward and one backward function per layer kind; each pair lives in the file named after it.
 *
 * src is the layer's input, dst its output, d_src and d_dst the loss gradients with respect to them, all (rows, h, w, c)
 * channels last. weight and bias are in the parameter layout of network.h; d_weight and d_bias are added to.
 */
#ifndef ADV_LAYERS_H
#define ADV_LAYERS_H

#include "core/network.h"

/* dense.c: dst (rows, out) = src (rows, in) weight^T + bias. d_src may be NULL, d_weight and d_bias together too. */
extern void adv_dense_forward(const AdvLayer *l, int rows, const float *weight, const float *bias,
							  const float *src, float *dst);
extern void adv_dense_backward(const AdvLayer *l, int rows, const float *weight, const float *src,
							   const float *d_dst, float *d_src, float *d_weight, float *d_bias);

/*
 * dense.c: the gradient of output rows [first, first + count) of the weight and bias alone, over rows of a whole
 * minibatch: d_weight (count, in) and d_bias (count) are overwritten. src (rows, in), d_dst (rows, out).
 */
extern void adv_dense_gradient_rows(const AdvLayer *l, int rows, int first, int count, const float *src,
									const float *d_dst, float *d_weight, float *d_bias);

/* conv.c: by patches and matrix products. Scratch comes from the workspace: cols, d_cols, packed, d_packed. */
extern size_t adv_conv_cols_size(const AdvLayer *l); /* floats needed in cols, and in d_cols */
extern void adv_conv_forward(const AdvLayer *l, int rows, const float *weight, const float *bias,
							 const float *src, float *dst, float *cols, float *packed);
extern void adv_conv_backward(const AdvLayer *l, int rows, const float *weight, const float *src,
							  const float *d_dst, float *d_src, float *d_weight, float *d_bias, float *cols,
							  float *d_cols, float *packed, float *d_packed);

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
