/*
 * packed.h
 *		Layers that run on a kernel (kernel.h), and their weights as it wants them.
 */
#ifndef ADV_PACKED_H
#define ADV_PACKED_H

#include "core/kernel/kernel.h"

/* ---- conv.c ---- */

/* A convolution and the layers that are computed along with it: a maxpool and relus that follow. */
typedef struct AdvConvBlock
{
	AdvConvShape shape;
	int pool; /* window, 1: none */
	bool relu;
	AdvShape out; /* of one row */
	int end;      /* the first layer that is not part of it */
} AdvConvBlock;

/* The block that begins with convolution i. */
extern AdvConvBlock adv_conv_block(const AdvNetwork *net, int i);

/* Bytes of scratch for one image at a time. */
extern size_t adv_conv_scratch_size(const AdvKernel *k, const AdvConvBlock *b, AdvPass pass);

/* Both may be told to stop within an image, and then leave what they like. */

/* src (rows, h, w, c) to dst (rows, out); packed are the weights for the way forward; argmax (rows, out) or NULL. */
extern void adv_conv_forward(const AdvKernel *k, const AdvConvBlock *b, int rows, const void *packed,
							 const float *bias, const float *src, float *dst, uint8_t *argmax, AdvPass pass,
							 void *scratch, const AdvStop *stop);

/* packed are the weights for the way back. d_src may be NULL, d_weight and d_bias together too; they are added to. */
extern void adv_conv_backward(const AdvKernel *k, const AdvConvBlock *b, int rows, const void *packed,
							  const float *src, const float *dst, const float *d_dst, const uint8_t *argmax,
							  float *d_src, float *d_weight, float *d_bias, void *scratch,
							  const AdvStop *stop);

/* Weights (filters, channels, h, w) as a kernel reads them. */
static inline AdvWeightView
adv_conv_weights(const AdvConvShape *s)
{
	return (AdvWeightView){s->size, 1, s->size * s->size, (ptrdiff_t) s->size * s->size * s->c};
}

/* ---- dense.c: k may be NULL, then packed is not read; without it weight is not ---- */

/* Bytes of scratch for at most rows rows. */
extern size_t adv_dense_scratch_size(const AdvKernel *k, const AdvLayer *l, int rows, AdvPass pass);

/* dst (rows, out) = src (rows, in) weight^T + bias. */
extern void adv_dense_forward(const AdvKernel *k, const AdvLayer *l, int rows, const float *weight,
							  const void *packed, const float *bias, const float *src, float *dst,
							  AdvPass pass, void *scratch);

/* d_src (rows, in) = d_dst (rows, out) weight. */
extern void adv_dense_backward(const AdvKernel *k, const AdvLayer *l, int rows, const float *weight,
							   const void *packed, const float *d_dst, float *d_src, void *scratch);

/*
 * The gradient of a part of the weights over any number of rows is added to d_weight (part.outputs, part.inputs) and, unless
 * NULL, d_bias (part.outputs). src (rows, in), d_dst (rows, out), readable a vector past their end; scratch as for any number of
 * rows.
 */
extern void adv_dense_gradient(const AdvKernel *k, const AdvLayer *l, int rows, AdvPart part,
							   const float *src, const float *d_dst, float *d_weight, float *d_bias,
							   void *scratch);

/* ---- packed.c ---- */

/* What a conv or dense layer runs on in this process; NULL: a dense layer that adv_gemm does. */
extern const AdvKernel *adv_layer_kernel(const AdvNetwork *net, int i);

/* Where the weights of layer i lie in packed memory, forward and (for passes that go back) back; NULL without a kernel. */
extern const void *adv_packed_forward(const AdvNetwork *net, int i, const void *packed);
extern const void *adv_packed_back(const AdvNetwork *net, int i, const void *packed);

#endif
