/*
 * test_bounds.c
 *		Bounds of large networks: how far they go back, and that they stop when told to.
 */
#include <math.h>
#include <stdlib.h>

#include "core/base/carve.h"
#include "core/certify/bounds.h"
#include "tap.h"
#include "training.h"

static const AdvBall ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY};

/* Bounds and their memory in one. */
static AdvBounds *
make_bounds(const Training *t, bool crown)
{
	size_t own = adv_round_up(sizeof(AdvBounds), ADV_ALIGN);
	AdvBounds *b = zeros(own + adv_bounds_size(&t->net, crown));

	adv_bounds_init(b, &t->net, t->params, &ball, crown, (char *) b + own);
	return b;
}

/* Where going back to the input would take long, linear functions of what is on the way do better than intervals. */
static void
test_on_the_way(void)
{
	static const char arch[] = "dense 256, relu, dense 64, relu, dense 64, relu";
	double width[2] = {0, 0}, margin, steepness;
	Training t;

	training_make(&t, arch, (AdvShape){20000, 1, 1}, 3, 1);
	for (int crown = 0; crown < 2; crown++)
	{
		AdvBounds *b;

		b = make_bounds(&t, crown);
		adv_bounds_margin(b, t.x, 1e-4, 0, &margin, &steepness);
		for (int k = 0; k < 64; k++)
			width[crown] += b->high[5][k] - b->low[5][k];
		free(b);
	}
	okf(width[1] < 0.7 * width[0], "linear functions of what is on the way: %.3g, intervals %.3g",
		width[1] / 64, width[0] / 64);
	training_free(&t);
}

typedef struct Asked
{
	int times;
	int until; /* then it is to stop */
} Asked;

static int
ask(void *arg)
{
	Asked *asked = arg;

	return ++asked->times > asked->until;
}

/* Within large layers, too, somebody looks whether to go on. */
static void
test_stop(void)
{
	static const struct
	{
		const char *arch;
		AdvShape shape;
		int lines; /* of the first layer's results, or groups of them */
	} large[] = {{"conv 8x3, relu", {4, 64, 64}, 64}, {"dense 64, relu", {8000, 1, 1}, 32}};

	for (int k = 0; k < 2; k++)
		for (int crown = 0; crown < 2; crown++)
		{
			Training t;
			AdvBounds *b;
			Asked asked = {0, 1 << 30};
			double margin, steepness;
			AdvStatus status;

			training_make(&t, large[k].arch, large[k].shape, 3, 1);
			b = make_bounds(&t, crown);
			b->stop = (AdvStop){ask, &asked};
			adv_bounds_margin(b, t.x, 1e-3, 0, &margin, &steepness);
			okf(asked.times >= large[k].lines, "%s by %s asks %d times whether to stop", large[k].arch,
				crown ? "linear bounds" : "intervals", asked.times);
			asked = (Asked){0, 10};
			status = adv_bounds_margin(b, t.x, 1e-3, 0, &margin, &steepness);
			okf(status == ADV_ABORTED && asked.times < 20, "and stops: asked %d times", asked.times);
			free(b);
			training_free(&t);
		}
}

int
main(void)
{
	test_on_the_way();
	test_stop();
	done_testing();
	return 0;
}
