/*
 * optimizer.c
 *		Adam, AdamW and SGD with momentum.
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

/* What is the same for all parameters at a step. */
typedef struct Adam
{
	float rate;   /* lr / (1 - b1^t) */
	float spread; /* 1 / sqrt(1 - b2^t) */
	float beta1;
	float beta2;
	float epsilon;
	float penalty; /* weight decay as part of the gradient */
	float keep;    /* and beside it: what is left of a weight before the step */
} Adam;

/* w = keep w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps). A keep of 1 changes no bit. */
ADV_LOOP void
adam_loop(size_t n, Adam a, float *restrict w, const float *restrict g, float *restrict m, float *restrict v)
{
	for (size_t i = 0; i < n; i++)
	{
		float slope = g[i] + a.penalty * w[i];

		m[i] = flush(a.beta1 * m[i] + (1 - a.beta1) * slope);
		v[i] = flush(a.beta2 * v[i] + (1 - a.beta2) * slope * slope);
		w[i] = a.keep * w[i] - a.rate * m[i] / (__builtin_sqrtf(v[i]) * a.spread + a.epsilon);
	}
}
ADV_DISPATCH(static, adam, (size_t n, Adam a, float *w, const float *g, float *m, float *v),
			 (n, a, w, g, m, v))

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

static Adam
adam_at(const AdvOptimizer *opt, int64_t t)
{
	return (Adam){.rate = (float) (opt->learning_rate / (1 - pow(opt->beta1, (double) t))),
				  .spread = (float) (1 / sqrt(1 - pow(opt->beta2, (double) t))),
				  .beta1 = (float) opt->beta1,
				  .beta2 = (float) opt->beta2,
				  .epsilon = (float) opt->epsilon,
				  .keep = 1};
}

static void
update_adam(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g, float *m, float *v)
{
	Adam a = adam_at(opt, t);

	a.penalty = (float) opt->weight_decay;
	adam(n, a, w, g, m, v);
}

static void
update_adamw(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g, float *m, float *v)
{
	Adam a = adam_at(opt, t);

	a.keep = (float) (1 - opt->learning_rate * opt->weight_decay);
	adam(n, a, w, g, m, v);
}

static void
update_sgd(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g, float *m, float *v)
{
	sgd(n, w, g, m, (float) opt->learning_rate, (float) opt->momentum, (float) opt->weight_decay);
}

const AdvOptimizerType adv_optimizers[] = {
	[ADV_ADAM] = {"adam", update_adam},
	[ADV_SGD] = {"sgd", update_sgd},
	[ADV_ADAMW] = {"adamw", update_adamw},
	{NULL},
};

void
adv_optimizer_update(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g, float *m,
					 float *v)
{
	adv_optimizers[opt->kind].update(opt, t, n, w, g, m, v);
}
