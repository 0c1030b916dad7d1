/*
 * optimizer.c
 *		Adam and SGD with momentum.
 *
 * Moments of a parameter whose gradient has become zero (a dead relu, a category that no longer occurs) shrink into
 * the denormal numbers, where rounding keeps them for ever and each operation takes a hundred times longer: they are
 * set to zero there.
 */
#include <float.h>
#include <math.h>

#include "core/kernel/dispatch.h"
#include "core/train/optimizer.h"

ADV_LOOP float
flush(float x)
{
	return __builtin_fabsf(x) < FLT_MIN ? 0 : x;
}

/*
 * w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps), with rate = lr / (1 - b1^t) and
 * spread = 1 / sqrt(1 - b2^t).
 */
ADV_LOOP void
adam_loop(size_t n, float *restrict w, const float *restrict g, float *restrict m, float *restrict v,
		  float rate, float spread, float beta1, float beta2, float epsilon, float decay)
{
	for (size_t i = 0; i < n; i++)
	{
		float slope = g[i] + decay * w[i];

		m[i] = flush(beta1 * m[i] + (1 - beta1) * slope);
		v[i] = flush(beta2 * v[i] + (1 - beta2) * slope * slope);
		w[i] -= rate * m[i] / (__builtin_sqrtf(v[i]) * spread + epsilon);
	}
}
ADV_DISPATCH(static, adam,
			 (size_t n, float *w, const float *g, float *m, float *v, float rate, float spread, float beta1,
			  float beta2, float epsilon, float decay),
			 (n, w, g, m, v, rate, spread, beta1, beta2, epsilon, decay))

ADV_LOOP void
sgd_loop(size_t n, float *restrict w, const float *restrict g, float *restrict m, float rate, float momentum,
		 float decay)
{
	for (size_t i = 0; i < n; i++)
	{
		m[i] = flush(momentum * m[i] + (g[i] + decay * w[i]));
		w[i] -= rate * m[i];
	}
}
ADV_DISPATCH(static, sgd,
			 (size_t n, float *w, const float *g, float *m, float rate, float momentum, float decay),
			 (n, w, g, m, rate, momentum, decay))

void
adv_optimizer_update(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g, float *m,
					 float *v)
{
	if (opt->kind == ADV_SGD)
		sgd(n, w, g, m, (float) opt->learning_rate, (float) opt->momentum, (float) opt->weight_decay);
	else
		adam(n, w, g, m, v, (float) (opt->learning_rate / (1 - pow(opt->beta1, (double) t))),
			 (float) (1 / sqrt(1 - pow(opt->beta2, (double) t))), (float) opt->beta1, (float) opt->beta2,
			 (float) opt->epsilon, (float) opt->weight_decay);
}
