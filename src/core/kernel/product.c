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
 * Of one to three rows as many columns at a time as keep the processor busy: a sum waits for the addition before. Returns how many columns
 * are done.
 */
ADV_LOOP int
few_rows(AdvIsa isa, const AdvProduct *p)
{
	int n = 0;

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

	if (isa == ADV_ISA_AVX2 && p->m <= 3)
		n = few_rows(isa, p);
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
