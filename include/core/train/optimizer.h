/*
 * optimizer.h
 *		Parameter updates: Adam (Kingma and Ba 2015) and SGD with momentum, both with weight decay as an L2 penalty, and AdamW (Loshchilov and
 *		Hutter 2019), whose decay is none of the gradient's. A new one is a row of adv_optimizers.
 */
#ifndef ADV_OPTIMIZER_H
#define ADV_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

typedef enum AdvOptimizerKind
{
	ADV_ADAM = 0,
	ADV_SGD,
	ADV_ADAMW
} AdvOptimizerKind; /* places in adv_optimizers */

typedef struct AdvOptimizer
{
	int32_t kind; /* place in adv_optimizers */
	double learning_rate;
	double beta1;        /* Adam, AdamW: 0.9 */
	double beta2;        /* likewise: 0.999 */
	double epsilon;      /* likewise: 1e-8 */
	double momentum;     /* SGD: v = momentum v + g; w -= learning_rate v */
	double weight_decay; /* g += weight_decay w; AdamW: w -= learning_rate weight_decay w, before the step */
} AdvOptimizer;

typedef struct AdvOptimizerType
{
	const char *name;
	void (*update)(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g, float *m,
				   float *v); /* as adv_optimizer_update */
} AdvOptimizerType;

/* All of them; the list ends with a name of NULL. The first is that of who names none. */
extern const AdvOptimizerType adv_optimizers[];

/*
 * Update n parameters w with gradient g at step t = 1, 2, ...; m and v (n) are the optimizer's state, zero before the first
 * step (SGD uses m alone). Adam: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
 * w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
 */
extern void adv_optimizer_update(const AdvOptimizer *opt, int64_t t, size_t n, float *w, const float *g,
								 float *m, float *v);

#endif
