/*
 * test_checkpoint.c
 *		Trainings that go on from a checkpoint end with the bits of those that were never interrupted, and bytes that are
 *		no checkpoint are refused.
 */
#include "core/base/team.h"
#include "tap.h"
#include "training.h"

#define EPOCHS  4
#define ROWS    230
#define BATCH   50 /* the last minibatch has 30 */
#define BATCHES ((ROWS + BATCH - 1) / BATCH)

/* A training that asks for a checkpoint when so many examples are done, and stops some time later. */
typedef struct Interruption
{
	Training *t;
	unsigned long long at;
	unsigned long long stop; /* 0: never */
	bool asked;
} Interruption;

static void
interrupt(void *arg)
{
	Interruption *i = arg;
	unsigned long long done = atomic_load(&i->t->state.examples_done);

	if (!i->asked && done >= i->at)
	{
		i->asked = true;
		atomic_store(&i->t->checkpoint->wanted, 1);
	}
	if (i->stop && done >= i->stop)
		atomic_store(&i->t->team.abort, 1);
}

static AdvRobust
robust(int method)
{
	AdvDefenceSettings settings = adv_defence_unset(adv_defences[method]);

	return (AdvRobust){.method = method,
					   .settings = settings,
					   .ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY},
					   .eps = 0.1,
					   .alpha = 0.04,
					   .steps = method == ADV_METHOD_FAST ? 1 : 3,
					   .random_start = true};
}

static bool
same_epochs(const AdvEpoch *a, const AdvEpoch *b)
{
	for (int e = 0; e < EPOCHS; e++)
		if (a[e].loss != b[e].loss || a[e].accuracy != b[e].accuracy ||
			a[e].validation_loss != b[e].validation_loss ||
			a[e].validation_accuracy != b[e].validation_accuracy)
			return false;
	return true;
}

/* Train undisturbed, then with an interruption at an example, then on from there with another team. */
static void
test_resume(const char *name, const char *arch, AdvShape shape, int method, AdvOptimizerKind optimizer,
			unsigned long long at)
{
	Training t;
	AdvDataset validation;
	Interruption interruption;
	float *initial, *expected;
	AdvEpoch *epochs;
	void *state;
	size_t bytes, size;
	AdvError err;

	training_make(&t, arch, shape, 3, ROWS);
	t.spec.epochs = EPOCHS;
	t.spec.batch_size = BATCH;
	t.spec.optimizer.kind = optimizer;
	t.spec.optimizer.momentum = 0.9;
	t.spec.robust = robust(method);
	validation = t.data;
	t.validation = &validation;
	bytes = sizeof(float) * t.net.n_params;
	initial = memcpy(zeros(bytes), t.params, bytes);
	training_run(&t, 2);
	expected = memcpy(zeros(bytes), t.params, bytes);
	epochs = memcpy(zeros(sizeof(AdvEpoch) * EPOCHS), t.epochs, sizeof(AdvEpoch) * EPOCHS);

	size = adv_checkpoint_size(&t.net, &t.spec);
	t.checkpoint = zeros(sizeof(AdvCheckpoint) + size);
	interruption = (Interruption){&t, at, at + 2 * BATCH, false};
	t.poll = interrupt;
	t.poll_arg = &interruption;
	memcpy(t.params, initial, bytes);
	training_run(&t, 1);
	okf(t.status[0] == ADV_ABORTED && atomic_load(&t.checkpoint->taken) == 1 &&
			atomic_load(&t.checkpoint->wanted) == 0,
		"%s: a checkpoint is taken when asked for", name);
	state = memcpy(zeros(size), t.checkpoint->state, size);
	okf(adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_OK, "%s: it is one", name);

	t.poll = NULL;
	t.resume = state;
	memset(t.params, 0, bytes);
	training_run(&t, 3);
	okf(t.status[0] == ADV_OK && memcmp(t.params, expected, bytes) == 0 && same_epochs(t.epochs, epochs),
		"%s: what goes on from it ends with the same bits", name);
	okf(t.state.epochs_done == EPOCHS && t.state.examples_done == (unsigned long long) EPOCHS * ROWS,
		"%s: progress is complete", name);

	okf(atomic_load(&t.checkpoint->taken) == 2, "%s: one more is taken at the end", name);
	t.resume = t.checkpoint->state;
	t.checkpoint = NULL;
	memset(t.params, 0, bytes);
	training_run(&t, 2);
	okf(t.status[0] == ADV_OK && memcmp(t.params, expected, bytes) == 0 && same_epochs(t.epochs, epochs),
		"%s: from there nothing is left to do", name);
	free((unsigned char *) t.resume - offsetof(AdvCheckpoint, state));
	free(state);
	free(initial);
	free(expected);
	free(epochs);
	training_free(&t);
}

/* No byte of the head can be changed to something that leads a training astray. */
static void
test_bytes(void)
{
	Training t;
	AdvError err;
	size_t size;
	unsigned char *state;
	int refused = 0, accepted = 0;
	unsigned char head[8];

	training_make(&t, "dense 4, relu", (AdvShape){5, 1, 1}, 3, ROWS);
	t.spec.epochs = EPOCHS;
	t.spec.batch_size = BATCH;
	size = adv_checkpoint_size(&t.net, &t.spec);
	t.checkpoint = zeros(sizeof(AdvCheckpoint) + size);
	training_run(&t, 1);
	state = t.checkpoint->state;
	ok(adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_OK, "the last state is one");
	ok(adv_checkpoint_check(state, size - 1, &t.net, &t.spec, ROWS, &err) == ADV_CORRUPT &&
		   adv_checkpoint_check(state, 0, &t.net, &t.spec, ROWS, &err) == ADV_CORRUPT,
	   "one that is too short is none");
	ok(adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS + 1, &err) == ADV_CORRUPT,
	   "one of other examples is none");
	memcpy(head, state, sizeof(head));
	memcpy(state, "1advkcp1", 8); /* as version 1.2 began */
	ok(adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_CORRUPT &&
		   strcmp(err.message, "checkpoint is none of this version") == 0,
	   "one of another version is none");
	memcpy(state, head, sizeof(head));
	t.spec.robust = robust(ADV_METHOD_PGD);
	ok(adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_CORRUPT,
	   "one of another method neither");
	t.spec.robust = robust(ADV_METHOD_NONE);
	t.checkpoint = NULL;
	for (int i = 0; i < 120; i++) /* the head */
		for (int bit = 0; bit < 8; bit++)
		{
			state[i] ^= (unsigned char) (1 << bit);
			if (adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_OK)
			{
				t.resume = state;
				training_run(&t, 1);
				accepted += t.status[0] == ADV_OK || t.status[0] == ADV_DIVERGED;
			}
			else
				refused++;
			state[i] ^= (unsigned char) (1 << bit);
		}
	okf(refused >= 9 * 64 && refused + accepted == 120 * 8, "%d changed heads are refused, %d do no harm",
		refused, accepted);
	free(state - offsetof(AdvCheckpoint, state));
	training_free(&t);
}

int
main(void)
{
	static const AdvShape row = {6, 1, 1}, image = {2, 8, 8};
	const char *dense = "dense 12, tanh, dense 5, relu", *conv = "conv 5x3, maxpool 2, relu, dense 7, tanh";

	test_resume("at the start", dense, row, ADV_METHOD_NONE, ADV_ADAM, 0);
	test_resume("amid an epoch", dense, row, ADV_METHOD_NONE, ADV_ADAM, ROWS + 2 * BATCH);
	test_resume("between epochs", dense, row, ADV_METHOD_NONE, ADV_ADAM, 2 * ROWS);
	test_resume("adamw", dense, row, ADV_METHOD_NONE, ADV_ADAMW, ROWS + BATCH);
	test_resume("sgd", dense, row, ADV_METHOD_NONE, ADV_SGD, ROWS + BATCH);
	test_resume("images", conv, image, ADV_METHOD_NONE, ADV_ADAM, ROWS + BATCH);
	test_resume("pgd", dense, row, ADV_METHOD_PGD, ADV_ADAM, ROWS + BATCH);
	test_resume("trades", conv, image, ADV_METHOD_TRADES, ADV_ADAM, ROWS + BATCH);
	test_resume("mart", conv, image, ADV_METHOD_MART, ADV_ADAM, ROWS + BATCH);
	test_resume("gaussian", conv, image, ADV_METHOD_GAUSSIAN, ADV_ADAM, ROWS + BATCH);
	test_resume("ibp", conv, image, ADV_METHOD_IBP, ADV_ADAM, ROWS + BATCH);
	test_resume("fast", dense, row, ADV_METHOD_FAST, ADV_ADAM, 2 * ROWS + BATCH);
	test_resume("dropout", "dense 12, tanh, dropout 0.4, dense 5, relu", row, ADV_METHOD_NONE, ADV_ADAM,
				ROWS + BATCH);
	test_resume("dropout and trades", "conv 5x3, maxpool 2, relu, dropout 0.4, dense 7, tanh", image,
				ADV_METHOD_TRADES, ADV_ADAM, ROWS + BATCH);
	test_bytes();
	done_testing();
	return 0;
}
