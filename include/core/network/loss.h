/*
 * loss.h
 *		Softmax, cross-entropy and Kullback-Leibler divergence from logits (fused log-softmax, natural logarithm).
 */
#ifndef ADV_LOSS_H
#define ADV_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* proba (rows, classes) = softmax of logits (rows, classes); may be the same memory. All NaN in a row with a logit that is not finite. */
extern void adv_softmax(int rows, int classes, const float *logits, float *proba);

/*
 * Cross-entropy of rows against label (rows). Returns the sum over rows in double; adds to *correct the rows whose
 * first largest logit is the label and whose loss is finite; loss_rows (rows) may be NULL; d_logits (rows, classes), may be NULL, receives the gradient
 * of scale * sum (scale = 1 / minibatch size gives the mean's).
 */
extern double adv_cross_entropy(int rows, int classes, const float *logits, const int32_t *label, float scale,
								float *loss_rows, float *d_logits, int64_t *correct);

/*
 * Log-odds of one row against its label, log((1 - p) / p): the cross-entropy is log(1 + exp(odds)), so both rise together, but
 * odds still tell rows apart where p rounds to 1. d_odds (classes), may be NULL, receives the gradient with respect to the logits: the softmax
 * of the other classes, and -1 for the label. That is the cross-entropy's gradient over (1 - p): the same direction, never
 * rounded to zero by a network that is very sure.
 */
extern double adv_log_odds(int classes, const float *logits, int32_t label, float *d_odds);

/*
 * KL(p || q) of rows, p = softmax(logits), q = softmax(other), both (rows, classes). Returns the sum over rows. To d_logits the
 * gradient of scale * sum with respect to logits is ADDED, p_j ((log p_j - log q_j) - KL) in each row; d_other receives
 * that with respect to other, q_j - p_j. Both (rows, classes), either may be NULL.
 */
extern double adv_kl_divergence(int rows, int classes, const float *logits, const float *other, float scale,
								float *d_logits, float *d_other);

/*
 * The objective of TRADES (Zhang et al. 2019) on natural rows (logits) and their adversarial examples (other): returns the sum over
 * rows of cross-entropy(logits, label) + beta KL(softmax(logits) || softmax(other)). d_logits and d_other (rows, classes) receive
 * the gradient of scale * sum; correct counts natural rows, as in adv_cross_entropy.
 */
extern double adv_trades_loss(int rows, int classes, const float *logits, const float *other,
							  const int32_t *label, double beta, float scale, float *d_logits, float *d_other,
							  int64_t *correct);

/* Index of the first largest of n values, which are finite. */
extern int adv_argmax(int n, const float *values);

extern bool adv_all_finite(size_t n, const float *x);

#endif
