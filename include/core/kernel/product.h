/*
 * product.h
 *		Sums of products a * b over two indices, a one number and b a vector of ADV_VECTOR: what kernels in single precision are made of.
 */
#ifndef ADV_PRODUCT_H
#define ADV_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* c(m, n) = [c(m, n) +] sum over s and k of a(m, s, k) * b(s, k, n), where n is a column of ADV_VECTOR. */
typedef struct AdvProduct
{
	int m; /* sums */
	int n; /* columns of ADV_VECTOR sums */
	int s;
	int k;
	bool add;
	const float *a; /* element (m, s, k) is a[m * a_m + s * a_s + k * a_k] */
	size_t a_m;
	size_t a_s;
	size_t a_k;
	const float *b; /* column n of (s, k) begins at b[s * b_s + k * b_k + n * ADV_VECTOR] */
	size_t b_s;
	size_t b_k;
	float *c; /* column n of m begins at c[m * c_m + n * ADV_VECTOR] */
	size_t c_m;
} AdvProduct;

/* Forms all sums of p. Each is added up in the order of s, then k, whatever m and n are, so it has the same bits in any company. */
void adv_product(const AdvProduct *p);

#endif
