/*
 * activation.h
 *		Activations and their derivatives: n values; src and dst, d_dst and d_src may be the same memory. dst is the forward result.
 */
#ifndef ADV_ACTIVATION_H
#define ADV_ACTIVATION_H

#include "core/layer/layer.h"

extern void adv_relu_forward(size_t n, const float *src, float *dst);
extern void adv_relu_backward(size_t n, const float *dst, const float *d_dst, float *d_src);
extern void adv_tanh_forward(size_t n, const float *src,
							 float *dst); /* error below 3 units in the last place */
extern void adv_tanh_backward(size_t n, const float *dst, const float *d_dst, float *d_src);

#endif
