/*
 * product.c
 *		Sums of products: a block of sums stays in registers while both indices run; how many sums make a block is all that
 *		instruction sets differ in.
 */
#include "core/kernel/product.h"

#include "core/kernel/dispatch.h"
#include "core/kernel/kernel.h"

/* A loop whose number of turns is a constant, without the loop: only then do sums stay in registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)

#define MOST_LISTED 1024

#define LANES 16
#include "core/kernel/block.h"
#undef LANES
#define LANES 8
#include "core/kernel/block.h"
#undef LANES
#define LANES 4
#include "core/kernel/block.h"
#undef LANES

/* A block of rows x columns sums: columns of 16 are as many vectors as the instruction set makes of them. */
ADV_LOOP void
block(AdvIsa isa, int rows, int columns, const AdvProduct *p, int m, int n)
{
	if (isa == ADV_ISA_AVX512)
		block_16(rows, columns, p, m, n);
	else if (isa == ADV_ISA_AVX2)
		block_8(rows, 2 * columns, p, m, n);
	else
		block_4(rows, 4 * columns, p, m, n);
}

/* The same of the first row, whose factors number index[0 .. count - 1] alone are not zero. */
ADV_LOOP void
listed(AdvIsa isa, int columns, const AdvProduct *p, const int *index, int count, int n)
{
	if (isa == ADV_ISA_AVX512)
		listed_16(columns, p, index, count, n);
	else if (isa == ADV_ISA_AVX2)
		listed_8(2 * columns, p, index, count, n);
	else
		listed_4(4 * columns, p, index, count, n);
}

/* All sums of the columns from n on, in blocks of most rows and what is left. */
ADV_LOOP void
column(AdvIsa isa, int most, int columns, const AdvProduct *p, int n)
{
	int m = 0, whole = p->m / most;

	/* of one or two rows alone a block is slow: 7 rows are 4 and 3, not 6 and 1 */
	if (most == 6 && whole > 0 && (p->m % 6 == 1 || p->m % 6 == 2))
		whole--;
	for (; m < whole * most; m += most)
		block(isa, most, columns, p, m, n);
	for (; most > 4 && m + 4 <= p->m; m += 4)
		block(isa, 4, columns, p, m, n);
	switch (p->m - m)
	{
		case 3:
			block(isa, 3, columns, p, m, n);
			break;
		case 2:
			block(isa, 2, columns, p, m, n);
			break;
		case 1:
			block(isa, 1, columns, p, m, n);
			break;
		default:
			break;
	}
}

/*
 * The sums of one row, most of whose factors are zero, as one-hot codes and what relu has cut off are: only the others are looked at. Returns how
 * many columns are done: all or, where there are too many factors, none.
 */
ADV_LOOP int
few_factors(AdvIsa isa, const AdvProduct *p)
{
	int index[MOST_LISTED], count = 0, n = 0, wide = isa == ADV_ISA_GENERIC ? 2 : 4;

	if (p->s != 1 || p->k > MOST_LISTED)
		return 0;
	for (int k = 0; k < p->k; k++)
	{
		index[count] = k;
		count += p->a[(size_t) k * p->a_k] != 0;
	}
	if (2 * count > p->k)
		return 0;
	for (; n + wide <= p->n; n += wide)
		listed(isa, wide, p, index, count, n);
	for (; n < p->n; n++)
		listed(isa, 1, p, index, count, n);
	return n;
}

/*
 * Of one to three rows, from column n on, as many columns at a time as keep the processor busy: a sum waits for the addition before. Returns
 * how many columns are done.
 */
ADV_LOOP int
few_rows(AdvIsa isa, const AdvProduct *p, int n)
{
	for (; p->m == 1 && n + 4 <= p->n; n += 4)
		block(isa, 1, 4, p, 0, n);
	for (; p->m == 1 && n + 2 <= p->n; n += 2)
		block(isa, 1, 2, p, 0, n);
	for (; p->m == 2 && n + 2 <= p->n; n += 2)
		block(isa, 2, 2, p, 0, n);
	for (; p->m == 3 && n + 2 <= p->n; n += 2)
		block(isa, 3, 2, p, 0, n);
	return n;
}

/* Sums in registers: 24 of 32 of AVX-512, 12 of 16 of AVX2, 8 of 16 otherwise. */
ADV_LOOP void
adv_product_loop(AdvIsa isa, const AdvProduct *p)
{
	int n = 0;

	if (p->m == 1)
		n = few_factors(isa, p);
	if (isa == ADV_ISA_AVX2 && p->m <= 3)
		n = few_rows(isa, p, n);
	if (isa == ADV_ISA_AVX512)
	{
		for (; n + 4 <= p->n; n += 4)
			column(isa, 6, 4, p, n);
		for (; n + 2 <= p->n; n += 2)
			column(isa, 12, 2, p, n);
	}
	for (; n < p->n; n++)
		column(isa, isa == ADV_ISA_AVX512 ? 12 : isa == ADV_ISA_AVX2 ? 6 : 2, 1, p, n);
}
ADV_DISPATCH_SIZED(, adv_product, (const AdvProduct *p), (p))
