/*
 * test_patience.c
 *		Early stopping: the training ends so many epochs after the best one and leaves its parameters, as a training of just as many epochs
 *		has them; the same bits for any team, and for one that goes on from a checkpoint.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "training.h"

#define ROWS   90
#define BATCH  20
#define EPOCHS 60

static const char *arch = "dense 24, batchnorm, relu, dropout 0.2";

static void
say(AdvTrainOptions *options, double patience)
{
	AdvError err;

	*options = adv_train_options_unset();
	for (int i = 0; adv_train_options[i]; i++)
		if (strcmp(adv_train_options[i]->name, "patience") == 0)
			memcpy(options->of[i].own, &patience, sizeof(patience));
	if (adv_train_options_complete(options, EPOCHS, &err) != ADV_OK)
		bail_out(err.message);
}

/* Labels of validation rows are shifted by chance, so that they are soon overfitted to. */
static void
make(Training *t, AdvDataset *validation, int32_t *label, double patience, int method)
{
	training_make(t, arch, (AdvShape){6, 1, 1}, 3, ROWS);
	t->spec.epochs = EPOCHS;
	t->spec.batch_size = BATCH;
	t->spec.optimizer.learning_rate = 0.02;
	t->spec.robust = (AdvRobust){.method = method,
								 .ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY},
								 .eps = 0.05,
								 .alpha = 0.02,
								 .steps = 2};
	say(&t->spec.options, patience);
	*validation = t->data;
	for (int r = 0; r < ROWS; r++)
		label[r] = r % 7 == 0 ? (t->label[r] + 1) % 3 : t->label[r];
	validation->label = label;
	t->validation = validation;
}

static int
best_of(const AdvEpoch *epochs, int n)
{
	int best = 0;

	for (int e = 1; e < n; e++)
		if (epochs[e].validation_loss < epochs[best].validation_loss)
			best = e;
	return best;
}

static void
run(Training *t, int members)
{
	training_run(t, members);
	if (t->status[0] != ADV_OK)
		bail_out(t->error[0].message);
}

/* With one of the methods of robust training, by teams of several sizes. */
static void
test_method(const char *name, int method, int patience)
{
	Training t, shorter;
	AdvDataset validation, same;
	int32_t label[ROWS];
	float *first = NULL;
	int best = 0;
	bool alike = true;

	for (int members = 1; members <= 3; members++)
	{
		int done;

		make(&t, &validation, label, patience, method);
		run(&t, members);
		done = atomic_load(&t.state.epochs_done);
		best = best_of(t.epochs, done);
		if (members == 1)
		{
			okf(done < EPOCHS && done == best + 1 + patience, "%s: ended %d epochs after the best, the %d-th",
				name, patience, best + 1);
			first = memcpy(zeros(sizeof(float) * t.net.n_params), t.params, sizeof(float) * t.net.n_params);
		}
		alike = alike && t.state.best_epoch == best + 1 && t.state.ended_epoch == 0 &&
				memcmp(first, t.params, sizeof(float) * t.net.n_params) == 0;
		training_free(&t);
	}
	okf(alike, "%s: any team has the same bits, and says which epoch's", name);

	make(&shorter, &same, label, NAN, method);
	shorter.spec.epochs = best + 1;
	run(&shorter, 2);
	okf(memcmp(first, shorter.params, sizeof(float) * shorter.net.n_params) == 0,
		"%s: they are those of a training of %d epochs", name, best + 1);
	ok(shorter.state.best_epoch == 0, "which looks for no best epoch");
	free(first);
	training_free(&shorter);
}

/* An end that is never reached leaves the best epoch's parameters, too. */
static void
test_never(void)
{
	Training t, all;
	AdvDataset validation, same;
	int32_t label[ROWS];

	make(&t, &validation, label, EPOCHS, ADV_METHOD_NONE);
	run(&t, 2);
	make(&all, &same, label, NAN, ADV_METHOD_NONE);
	run(&all, 1);
	ok(atomic_load(&t.state.epochs_done) == EPOCHS && t.state.best_epoch == best_of(all.epochs, EPOCHS) + 1,
	   "patient to the end: the best of all epochs");
	ok(memcmp(t.params, all.params, sizeof(float) * t.net.n_params) != 0, "which is not the last one");
	training_free(&t);
	training_free(&all);
}

typedef struct Interruption
{
	Training *t;
	unsigned long long at;
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
	if (done >= i->at + 3 * BATCH)
		atomic_store(&i->t->team.abort, 1);
}

/* Interrupted after some epochs, amid one, and gone on with. */
static void
test_resume(int patience, int epochs)
{
	Training t;
	AdvDataset validation;
	int32_t label[ROWS];
	Interruption interruption = {&t, (unsigned long long) epochs * ROWS + BATCH, false};
	float *initial, *expected;
	size_t bytes, size;
	int done, best;
	void *state;
	AdvError err;

	make(&t, &validation, label, patience, ADV_METHOD_NONE);
	bytes = sizeof(float) * t.net.n_params;
	initial = memcpy(zeros(bytes), t.params, bytes);
	run(&t, 1);
	done = atomic_load(&t.state.epochs_done);
	best = t.state.best_epoch;
	expected = memcpy(zeros(bytes), t.params, bytes);

	memcpy(t.params, initial, bytes);
	size = adv_checkpoint_size(&t.net, &t.spec);
	t.checkpoint = zeros(sizeof(AdvCheckpoint) + size);
	t.poll = interrupt;
	t.poll_arg = &interruption;
	training_run(&t, 2);
	state = memcpy(zeros(size), t.checkpoint->state, size);
	okf(t.status[0] == ADV_ABORTED &&
			adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_OK,
		"interrupted in epoch %d", epochs + 1);
	t.poll = NULL;
	t.resume = state;
	memset(t.params, 0, bytes);
	run(&t, 3);
	ok(atomic_load(&t.state.epochs_done) == done && t.state.best_epoch == best &&
		   memcmp(t.params, expected, bytes) == 0,
	   "and gone on with: the same end, the same bits");

	say(&t.spec.options, NAN);
	ok(adv_checkpoint_check(state, size, &t.net, &t.spec, ROWS, &err) == ADV_CORRUPT,
	   "it is none of a training without patience");
	free(t.checkpoint);
	free(state);
	free(initial);
	free(expected);
	training_free(&t);
}

static void
test_refused(void)
{
	Training t;
	AdvDataset validation;
	int32_t label[ROWS];

	make(&t, &validation, label, 3, ADV_METHOD_NONE);
	t.validation = NULL;
	training_run(&t, 1);
	ok(t.status[0] == ADV_INVALID && strcmp(t.error[0].message, "patience needs validation rows") == 0,
	   "no patience without validation rows");
	training_free(&t);
}

int
main(void)
{
	test_method("standard", ADV_METHOD_NONE, 4);
	test_method("pgd", ADV_METHOD_PGD, 2);
	test_method("trades", ADV_METHOD_TRADES, 3);
	test_never();
	test_resume(6, 2);
	test_resume(6, 8);
	test_refused();
	done_testing();
	return 0;
}
