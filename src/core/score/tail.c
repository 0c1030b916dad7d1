/*
 * tail.c
 *		Tails of the binomial and the normal distribution. See tail.h.
 *
 * A binomial tail is its first term times a series of positive numbers, so nothing cancels; the first term is Stirling's formula with what it
 * lacks (Loader 2000, "Fast and accurate computation of binomial probabilities"). Bounds are zeros of concave functions, which Newton's steps
 * come to from one side, whatever they start from.
 */
#include <float.h>
#include <math.h>

#include "core/score/tail.h"

#define PI            3.14159265358979323846
#define MOST_STEPS    200
#define NEGLIGIBLE    1e-17 /* of a sum */
#define SETTLED       1e-15 /* steps that change nothing any more */
#define ROUNDED_BELOW (1 - 1e-12)

/* log n! less n log n - n + log(2 pi n) / 2, for n >= 1. */
static double
beyond_stirling(double n)
{
	double factorial = 1, square = n * n;

	if (n > 15)
		return (1.0 / 12 -
				(1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square) /
			   n;
	for (int i = 2; i <= n; i++)
		factorial *= i;
	return log(factorial) - (n + 0.5) * log(n) + n - 0.5 * log(2 * PI);
}

/* k log(k / mean) + mean - k, for k, mean > 0: without cancellation where they are close. With v = (k - mean) / (k + mean), log(k / mean) = 2 atanh v. */
static double
deviance(double k, double mean)
{
	double v = (k - mean) / (k + mean);
	double sum = (k - mean) * v;
	double power = 2 * k * v;

	if (fabs(v) > 0.1)
		return k * log(k / mean) + mean - k;
	for (int j = 3; fabs(power) > NEGLIGIBLE * sum; j += 2)
	{
		power *= v * v;
		sum += power / j;
	}
	return sum;
}

/* Log of the probability of exactly k successes, 0 < p < 1. */
static double
log_term(double k, double n, double p)
{
	if (k == 0)
		return n * log1p(-p);
	if (k == n)
		return n * log(p);
	return beyond_stirling(n) - beyond_stirling(k) - beyond_stirling(n - k) - deviance(k, n * p) -
		   deviance(n - k, n * (1 - p)) + 0.5 * log(n / (2 * PI * k * (n - k)));
}

/* How much the terms from k on are in terms of the first one. Where k >= n p each is smaller than the one before. */
static double
sum_of_terms(double k, double n, double p)
{
	double term = 1, sum = 1;

	for (; k < n && term > NEGLIGIBLE * sum; k++)
	{
		term *= (n - k) / (k + 1) * (p / (1 - p));
		sum += term;
	}
	return sum;
}

double
adv_tail_binomial(int64_t k, int64_t n, double p)
{
	if (k <= 0)
		return 0;
	if (p <= 0)
		return -INFINITY;
	if (p >= 1)
		return 0;
	if ((double) k >= (double) n * p)
		return log_term((double) k, (double) n, p) + log(sum_of_terms((double) k, (double) n, p));
	return log1p(-exp(adv_tail_binomial(n - k + 1, n, 1 - p)));
}

/*
 * As a function of log p, the log of the tail is concave: the reciprocal of its slope, F / (p F'), is the mean of t^(k - 1) ((1 - t p) / (1 - p))^(n - k)
 * over t in [0, 1], which grows with p. So Newton's steps come from below, and each is a bound by itself.
 */
double
adv_tail_lower_bound(int64_t k, int64_t n, double alpha)
{
	double p = (double) k / (double) n, step = 1;

	if (k <= 0)
		return 0;
	if (k == n)
		return exp(log(alpha) / (double) n) * ROUNDED_BELOW;
	for (int i = 0; i < MOST_STEPS && fabs(step) > SETTLED; i++)
	{
		double tail = adv_tail_binomial(k, n, p);
		double slope = (double) k * exp(log_term((double) k, (double) n, p) - tail);

		step = (log(alpha) - tail) / slope;
		p *= exp(step);
	}
	return p * ROUNDED_BELOW;
}

double
adv_tail_two_sided(int64_t a, int64_t b)
{
	int64_t more = a > b ? a : b;

	return a == b ? 1 : fmin(1, 2 * exp(adv_tail_binomial(more, a + b, 0.5)));
}

/* The log of the upper tail is concave, so Newton's steps lead back to z from beyond it, and not past it. */
double
adv_tail_normal_quantile(double p)
{
	double q = p < 0.5 ? p : 1 - p; /* exactly, as p is at least half of 1 */
	double z, step = 1;

	if (!(q > 0))
		return p <= 0 ? -INFINITY : INFINITY;
	q = fmax(q, DBL_MIN);
	z = sqrt(-2 * log(2 * q)); /* beyond, as the tail is at most exp(-z^2 / 2) / 2 */
	for (int i = 0; i < MOST_STEPS && fabs(step) > SETTLED * (1 + z); i++)
	{
		double tail = 0.5 * erfc(z / sqrt(2));
		double density = exp(-z * z / 2) / sqrt(2 * PI);

		step = log(tail / q) * tail / density;
		z += step;
	}
	return p < 0.5 ? -z : z;
}
