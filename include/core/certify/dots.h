/*
 * dots.h
 *		The sums that bounds are made of, in double precision.
 */
#ifndef ADV_DOTS_H
#define ADV_DOTS_H

#include <stddef.h>

/* What a window of a layer's input is: count runs of length numbers, and where the first numbers of inputs and weights lie. */
typedef struct AdvRuns
{
	int count;
	size_t length;
	size_t input; /* of the first run */
	size_t input_step;
	size_t weight;
	size_t weight_step;
} AdvRuns;

/* Sums over a window: of weights times what is in the middle, and of their magnitudes times how far inputs reach, and times their magnitude. */
typedef struct AdvSums
{
	double middle;
	double reach;
	double size;
} AdvSums;

/* The same of an input (n). */
typedef struct AdvSpans
{
	const double *middle;
	const double *reach;
	const double *size;
} AdvSpans;

/* sums (filters) of one window, for filters whose weights (filters, step) follow one another. */
extern void adv_window_sums(int filters, const double *weight, size_t step, const AdvRuns *runs,
							const AdvSpans *in, AdvSums *sums);

/* c (m, n) = a (m, k) b (k, n). */
extern void adv_double_product(size_t m, size_t n, size_t k, const double *a, const double *b, double *c);

/* to (n) += x (n). */
extern void adv_double_add(size_t n, const double *x, double *to);

/* Line by line: sum of x y, and of |x| z; magnitude: of |x y|. All of n numbers. */
typedef struct AdvLineSums
{
	double sum;
	double cost;
	double magnitude;
} AdvLineSums;

extern AdvLineSums adv_line_sums(size_t n, const double *x, const double *y, const double *z);

/* The least and what it is made of: sum over n of x low where x > 0, else x high, and of the magnitudes of these. */
extern AdvLineSums adv_least(size_t n, const double *x, const double *low, const double *high);

/* Sum of (x unit)^2, and of |x| reach. */
extern AdvLineSums adv_dual(size_t n, const double *x, const double *unit, const double *reach);

/*
 * Through lines: x *= slope, those of slope[0] and at[0] where x > 0, else those of slope[1] and at[1]. sum is that of x at, magnitude that of
 * their magnitudes.
 */
extern AdvLineSums adv_through_lines(size_t n, double *x, double *const *slope, double *const *at);

#endif
