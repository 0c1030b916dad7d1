/*
 * tail.h
 *		Tails of the binomial and the normal distribution, and what counts say of a probability.
 */
#ifndef ADV_TAIL_H
#define ADV_TAIL_H

#include <stdint.h>

/* Log of the probability of k or more successes in n independent trials of probability p; 0 <= k <= n, 0 <= p <= 1. */
extern double adv_tail_binomial(int64_t k, int64_t n, double p);

/*
 * The one-sided lower bound of a probability, of which k of n independent trials were successes, at confidence 1 - alpha (Clopper and Pearson
 * 1934): the p by which k or more have probability alpha; 0 for k = 0. 0 <= k <= n, n >= 1, 0 < alpha <= 0.5. Rounding makes it smaller, not
 * larger.
 */
extern double adv_tail_lower_bound(int64_t k, int64_t n, double alpha);

/*
 * How likely counts of two outcomes are to be so far apart, or farther, if both have the same probability: the exact two-sided binomial test.
 * 1 for equal counts, none at all included.
 */
extern double adv_tail_two_sided(int64_t a, int64_t b);

/* z with Phi(z) = p, the standard normal quantile, to some 1e-15; -INFINITY for p <= 0, INFINITY for p >= 1, and that of DBL_MIN for less. */
extern double adv_tail_normal_quantile(double p);

#endif
