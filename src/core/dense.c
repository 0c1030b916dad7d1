/*
 * dense.c
 *		Fully connected layers: three matrix products.
 *
 *		dst = src W^T + b,	d_src = d_dst W,	d_W = d_dst^T src,	d_b = sum of d_dst over rows
 */
#include <string.h>

#include "core/gemm.h"
#include "core/layers.h"

/* d_bias (count) += the sum over rows of columns first .. first + count of d_dst (rows, out). */
static void
add_column_sums(int rows, int out, int first, int count, const float *d_dst, float *restrict d_bias)
{
	for (int r = 0; r < rows; r++)
	{
		const float *row = d_dst + (size_t) r * out + first;

		for (int j = 0; j < count; j++)
			d_bias[j] += row[j];
	}
}

void
adv_dense_forward(const AdvLayer *l, int rows, const float *weight, const float *bias, const float *src,
				  float *dst)
{
	int in = (int) adv_shape_size(l->in);
	int out = (int) adv_shape_size(l->out);

	for (int r = 0; r < rows; r++)
		memcpy(dst + (size_t) r * out, bias, sizeof(float) * (size_t) out);
	adv_gemm(false, true, rows, out, in, src, in, weight, in, 1, dst, out);
}

void
adv_dense_backward(const AdvLayer *l, int rows, const float *weight, const float *src, const float *d_dst,
				   float *d_src, float *d_weight, float *d_bias)
{
	int in = (int) adv_shape_size(l->in);
	int out = (int) adv_shape_size(l->out);

	if (d_src)
		adv_gemm(false, false, rows, in, out, d_dst, out, weight, in, 0, d_src, in);
	if (d_weight)
	{
		adv_gemm(true, false, out, in, rows, d_dst, out, src, in, 1, d_weight, in);
		add_column_sums(rows, out, 0, out, d_dst, d_bias);
	}
}

void
adv_dense_gradient_rows(const AdvLayer *l, int rows, int first, int count, const float *src,
						const float *d_dst, float *d_weight, float *d_bias)
{
	int in = (int) adv_shape_size(l->in);
	int out = (int) adv_shape_size(l->out);

	adv_gemm(true, false, count, in, rows, d_dst + first, out, src, in, 0, d_weight, in);
	memset(d_bias, 0, sizeof(float) * (size_t) count);
	add_column_sums(rows, out, first, count, d_dst, d_bias);
}
