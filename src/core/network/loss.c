/*
 * loss.c
 *		Softmax, cross-entropy and Kullback-Leibler divergence. Rows are short, so everything is done in double precision.
 *
 * With m = max z: log sum_j exp z_j = m + log sum_j exp(z_j - m), which neither overflows nor loses the small terms.
 */
#include <float.h>
#include <math.h>

#include "core/network/loss.h"

/* log sum_j exp(z_j - m). */
static double
log_sum(int n, const float *z, float m)
{
	double sum = 0;

	for (int j = 0; j < n; j++)
		sum += exp((double) z[j] - m);
	return log(sum);
}

int
adv_argmax(int n, const float *values)
{
	int best = 0;

	for (int j = 1; j < n; j++)
		if (values[j] > values[best])
			best = j;
	return best;
}

bool
adv_all_finite(size_t n, const float *x)
{
	int wrong = 0;

	for (size_t i = 0; i < n; i++)
		wrong |= !(fabsf(x[i]) <= FLT_MAX);
	return !wrong;
}

void
adv_softmax(int rows, int classes, const float *logits, float *proba)
{
	for (int r = 0; r < rows; r++)
	{
		const float *z = logits + (size_t) r * classes;
		float *p = proba + (size_t) r * classes;
		float m = z[adv_argmax(classes, z)];
		double rest = adv_all_finite((size_t) classes, z) ? log_sum(classes, z, m) : NAN;

		for (int j = 0; j < classes; j++)
			p[j] = (float) exp((double) z[j] - m - rest);
	}
}

double
adv_cross_entropy(int rows, int classes, const float *logits, const int32_t *label, float scale,
				  float *loss_rows, float *d_logits, int64_t *correct)
{
	double total = 0;

	for (int r = 0; r < rows; r++)
	{
		const float *z = logits + (size_t) r * classes;
		int best = adv_argmax(classes, z);
		double rest = log_sum(classes, z, z[best]);
		double loss = rest - ((double) z[label[r]] - z[best]);

		total += loss;
		*correct += best == label[r] && isfinite(loss);
		if (loss_rows)
			loss_rows[r] = (float) loss;
		if (d_logits)
			for (int j = 0; j < classes; j++)
			{
				double p = exp((double) z[j] - z[best] - rest);

				d_logits[(size_t) r * classes + j] = (float) (scale * (p - (j == label[r])));
			}
	}
	return total;
}

double
adv_log_odds(int classes, const float *logits, int32_t label, float *d_odds)
{
	float m = logits[label == 0]; /* the largest logit of the others */
	double sum = 0;

	for (int j = 0; j < classes; j++)
		if (j != label && logits[j] > m)
			m = logits[j];
	for (int j = 0; j < classes; j++)
		if (j != label)
			sum += exp((double) logits[j] - m);
	for (int j = 0; d_odds && j < classes; j++)
		d_odds[j] = j == label ? -1 : (float) (exp((double) logits[j] - m) / sum);
	return m + log(sum) - logits[label];
}

/* log sum_j exp z_j: z_j minus this is the logarithm of a probability. */
static double
log_total(int classes, const float *z)
{
	float m = z[adv_argmax(classes, z)];

	return m + log_sum(classes, z, m);
}

double
adv_kl_divergence(int rows, int classes, const float *logits, const float *other, float scale,
				  float *d_logits, float *d_other)
{
	double total = 0;

	for (size_t at = 0; at < (size_t) rows * classes; at += (size_t) classes)
	{
		double p_total = log_total(classes, logits + at);
		double q_total = log_total(classes, other + at);
		size_t top = (size_t) adv_argmax(classes, logits + at);
		double kl = 0;
		double rest = 0;

		for (size_t j = 0; j < (size_t) classes; j++)
		{
			double log_p = logits[at + j] - p_total;

			kl += exp(log_p) * (log_p - (other[at + j] - q_total));
		}
		for (size_t j = 0; j < (size_t) classes; j++)
		{
			double log_p = logits[at + j] - p_total;
			double log_q = other[at + j] - q_total;
			double slope = scale * (exp(log_q) - exp(log_p));

			if (d_logits)
				d_logits[at + j] += (float) (scale * exp(log_p) * (log_p - log_q - kl));
			if (d_other && j != top)
				d_other[at + j] = (float) slope;
			rest += j != top ? slope : 0;
		}
		if (d_other)
			d_other[at + top] =
				(float) -rest; /* slopes sum to zero; q - p itself is lost where both round to 1 */
		total += kl;
	}
	return total;
}

double
adv_trades_loss(int rows, int classes, const float *logits, const float *other, const int32_t *label,
				double beta, float scale, float *d_logits, float *d_other, int64_t *correct)
{
	double loss = adv_cross_entropy(rows, classes, logits, label, scale, NULL, d_logits, correct);

	return loss +
		   beta * adv_kl_divergence(rows, classes, logits, other, (float) (beta * scale), d_logits, d_other);
}
