/*
 * order.h
 *		The two orders of an image's values: (c, h, w), which users and weights have, and (h, w, c), which activations have.
 */
#ifndef ADV_ORDER_H
#define ADV_ORDER_H

#include "core/layer/layer.h"

/* (h, w, c) <-> (c, h, w) order of one row. */
extern void adv_to_channels_last(AdvShape shape, const float *src, float *dst);
extern void adv_to_channels_first(AdvShape shape, const float *src, float *dst);

#endif
