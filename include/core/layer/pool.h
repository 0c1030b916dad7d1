/*
 * pool.h
 *		Maximum over windows. argmax (rows, out) is written by forward, which may be given none, and read by backward. The first maximum wins.
 */
#ifndef ADV_POOL_H
#define ADV_POOL_H

#include "core/layer/layer.h"

extern void adv_maxpool_forward(const AdvLayer *l, int rows, const float *src, float *dst, uint8_t *argmax);
extern void adv_maxpool_backward(const AdvLayer *l, int rows, const uint8_t *argmax, const float *d_dst,
								 float *d_src);

#endif
