/*
 * test_clip.c
 *		Gradient clipping: the length of a step of plain gradient descent, its direction, and the same bits for any team.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "training.h"

#define ROWS 70

static void
say(AdvTrainOptions *options, double norm)
{
	AdvError err;

	*options = adv_train_options_unset();
	for (int i = 0; adv_train_options[i]; i++)
		if (strcmp(adv_train_options[i]->name, "clip_norm") == 0)
			memcpy(options->of[i].own, &norm, sizeof(norm));
	if (adv_train_options_complete(options, 1, &err) != ADV_OK)
		bail_out(err.message);
}

/* What parameters lose in a minibatch is the gradient (n_params), which is returned. */
static float *
gradient_of(const char *arch, AdvShape shape, double norm, int members)
{
	Training t;
	float *gradient;

	training_make(&t, arch, shape, 3, ROWS);
	t.spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 1};
	say(&t.spec.options, norm);
	gradient = memcpy(zeros(sizeof(float) * t.net.n_params), t.params, sizeof(float) * t.net.n_params);
	training_run(&t, members);
	if (t.status[0] != ADV_OK)
		bail_out(t.error[0].message);
	for (size_t i = 0; i < t.net.n_params; i++)
		gradient[i] -= t.params[i];
	training_free(&t);
	return gradient;
}

static size_t
n_params(const char *arch, AdvShape shape)
{
	Training t;
	size_t n;

	training_make(&t, arch, shape, 3, 1);
	n = t.net.n_params;
	training_free(&t);
	return n;
}

static void
test_network(const char *arch, AdvShape shape)
{
	size_t n = n_params(arch, shape);
	float *whole = gradient_of(arch, shape, NAN, 1);
	double squares = 0, length, farthest = 0;
	float *longer, *clipped;
	bool same = true;

	for (size_t i = 0; i < n; i++)
		squares += (double) whole[i] * whole[i];
	length = sqrt(squares);
	okf(length > 0.01, "%s: a gradient of length %g", arch, length);

	longer = gradient_of(arch, shape, 2 * length, 2);
	ok(memcmp(whole, longer, sizeof(float) * n) == 0, "a shorter one than allowed keeps its bits");
	clipped = gradient_of(arch, shape, length / 5, 1);
	for (size_t i = 0; i < n; i++)
		farthest = fmax(farthest, fabs(clipped[i] - whole[i] / 5.0));
	okf(farthest < 1e-6, "a longer one is scaled down, all of it, up to %g", farthest);
	for (int members = 2; members <= 4; members++)
	{
		float *again = gradient_of(arch, shape, length / 5, members);

		same = same && memcmp(clipped, again, sizeof(float) * n) == 0;
		free(again);
	}
	ok(same, "the same bits for any team");
	free(whole);
	free(longer);
	free(clipped);
}

int
main(void)
{
	test_network("", (AdvShape){7, 1, 1});
	test_network("dense 300, tanh, dense 9, relu", (AdvShape){1100, 1, 1}); /* several pieces of a layer */
	test_network("conv 5x3, maxpool 2, relu, conv 19x3, dense 7, tanh", (AdvShape){2, 8, 8});
	done_testing();
	return 0;
}
