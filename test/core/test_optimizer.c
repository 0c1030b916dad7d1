/*
 * test_optimizer.c
 *		Adam against reference steps, through whole trainings; both optimizers against their formulas.
 */
#include <stdlib.h>

#include "core/train/optimizer.h"
#include "golden.h"
#include "tap.h"
#include "training.h"

/* A training whose only minibatch is the whole reference data, trained for every number of steps. */
static void
test_golden(const char *file, double learning_rate)
{
	static Golden g;
	Training t;
	char name[128];

	if (!golden_read(&g, file))
	{
		skip(file, "there is no such reference file");
		return;
	}
	for (int steps = 1; steps <= 5; steps++)
	{
		size_t at = 0;
		bool close = true;

		training_make(&t, "dense 7, tanh, dense 6, relu", (AdvShape){5, 1, 1}, 3, 20);
		t.spec.optimizer.learning_rate = learning_rate;
		t.spec.epochs = steps;
		for (size_t i = 0; i < golden_get(&g, "x")->n; i++)
			t.x[i] = (float) golden_get(&g, "x")->value[i];
		for (size_t i = 0; i < golden_get(&g, "y")->n; i++)
			t.label[i] = (int32_t) golden_get(&g, "y")->value[i];
		for (int i = 0; at < t.net.n_params; at += golden_get(&g, "w%d", i++)->n)
			for (size_t j = 0; j < golden_get(&g, "w%d", i)->n; j++)
				t.params[at + j] = (float) golden_get(&g, "w%d", i)->value[j];
		training_run(&t, 1);

		at = 0;
		for (int i = 0; at < t.net.n_params; i++)
		{
			const GoldenTensor *w = golden_get(&g, "step%d_w%d", steps - 1, i);

			close = close && relative_error(w->n, t.params + at, w->value) < 1e-4;
			at += w->n;
		}
		snprintf(name, sizeof(name), "%s: parameters after %d steps", file, steps);
		ok(close, name);
		for (int s = 0; s < steps; s++)
			close = close && fabs(t.epochs[s].loss - golden_get(&g, "loss%d", s)->value[0]) < 1e-5;
		snprintf(name, sizeof(name), "%s: losses of %d steps", file, steps);
		ok(close, name);
		training_free(&t);
	}
	golden_free(&g);
}

/* Some steps of n parameters beside the formulas in double precision. */
static void
test_formulas(int kind, const char *name)
{
	enum
	{
		n = 37
	};
	AdvOptimizer opt = {kind, 0.01, 0.8, 0.99, 1e-6, 0.7, 0.05};
	float w[n], g[n], m[n] = {0}, v[n] = {0};
	double w_exact[n], m_exact[n] = {0}, v_exact[n] = {0};

	for (int i = 0; i < n; i++)
		w_exact[i] = w[i] = (float) i / n - 0.4f;
	for (int t = 1; t <= 10; t++)
	{
		for (int i = 0; i < n; i++)
		{
			double slope;

			g[i] = (float) sin(i + 3 * t);
			slope = g[i] + (kind == ADV_ADAMW ? 0 : opt.weight_decay * w_exact[i]);
			if (kind == ADV_ADAMW)
				w_exact[i] -= opt.learning_rate * opt.weight_decay * w_exact[i];
			if (kind == ADV_SGD)
			{
				m_exact[i] = opt.momentum * m_exact[i] + slope;
				w_exact[i] -= opt.learning_rate * m_exact[i];
				continue;
			}
			m_exact[i] = opt.beta1 * m_exact[i] + (1 - opt.beta1) * slope;
			v_exact[i] = opt.beta2 * v_exact[i] + (1 - opt.beta2) * slope * slope;
			w_exact[i] -= opt.learning_rate * (m_exact[i] / (1 - pow(opt.beta1, t))) /
						  (sqrt(v_exact[i] / (1 - pow(opt.beta2, t))) + opt.epsilon);
		}
		adv_optimizer_update(&opt, t, n, w, g, m, v);
	}
	is_close(n, w, w_exact, 1e-5, name);
}

/* Moments fade to zero, not into denormal numbers, where they would stay and slow everything down. */
static void
test_fading(void)
{
	AdvOptimizer opt = {ADV_ADAM, 0.001, 0.9, 0.999, 1e-8, 0.9, 0};
	float w[2] = {1, 1}, g[2] = {1e-20f, 0}, m[2] = {0}, v[2] = {0};
	float before;

	adv_optimizer_update(&opt, 1, 1, w, g, m, v);
	for (int t = 2; t < 1000; t++)
		adv_optimizer_update(&opt, t, 1, w, g + 1, m, v);
	before = w[0];
	adv_optimizer_update(&opt, 1000, 1, w, g + 1, m, v);
	ok(m[0] == 0 && v[0] == 0, "moments fade to zero");
	ok(w[0] == before && w[1] == 1 && isfinite(w[0]), "and the parameter rests");
}

int
main(void)
{
	test_golden("adam_lr001.txt", 0.001);
	test_golden("adam_lr01.txt", 0.01);
	test_formulas(ADV_ADAM, "Adam with weight decay");
	test_formulas(ADV_ADAMW, "AdamW: the decay is none of the gradient's");
	test_formulas(ADV_SGD, "SGD with momentum and weight decay");
	test_fading();
	done_testing();
	return 0;
}
