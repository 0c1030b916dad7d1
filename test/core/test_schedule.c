/*
 * test_schedule.c
 *		Schedules of the learning rate: their factors against other programs', that trainings follow them, and that neither teams nor
 *		checkpoints change what comes of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/team.h"
#include "tap.h"
#include "training.h"

#define EPOCHS 4
#define ROWS   230
#define BATCH  50 /* 5 minibatches */

static const char *const SCHEDULE[] = {"", "constant", "cosine", "step", "one_cycle"}; /* by number */

/* Say something of a training, as a host does. */
static void
say(AdvTrainOptions *options, const char *name, double value)
{
	for (int i = 0; adv_train_options[i]; i++)
		for (const AdvParameter *p = adv_train_options[i]->parameters; p->name; p++)
			if (strcmp(p->name, name) == 0 && p->kind == ADV_PARAMETER_WORD)
				*(int *) (options->of[i].own + p->offset) = (int) value;
			else if (strcmp(p->name, name) == 0)
				*(double *) (options->of[i].own + p->offset) = value;
}

/* A schedule, with what may be said of it besides (NULL: nothing), completed for EPOCHS epochs. */
static AdvStatus
make(AdvTrainOptions *options, int schedule, const char *name, double value)
{
	AdvError err;

	*options = adv_train_options_unset();
	say(options, "schedule", schedule);
	if (name)
		say(options, name, value);
	return adv_train_options_complete(options, EPOCHS, &err);
}

/* The schedule's factors, of 4 epochs of 5 minibatches, are these. */
static void
is_factor(const AdvTrainOptions *options, const double *expected, const char *what)
{
	double farthest = 0;

	for (int s = 0; s < 20; s++)
	{
		AdvTrainPlace place = {s, 5, EPOCHS};

		farthest = fmax(farthest, fabs(adv_train_options_rate(options, &place) - expected[s]));
	}
	okf(farthest < 1e-9, "%s", what);
}

static void
test_factors(void)
{
	/* by the documented formulas of PyTorch's schedulers, in another language; warm: 4 minibatches, then cosine over the other 16 */
	static const double cosine[] = {1,
									0.993844170298,
									0.975528258148,
									0.945503262094,
									0.904508497187,
									0.853553390593,
									0.793892626146,
									0.72699524987,
									0.654508497187,
									0.57821723252,
									0.5,
									0.42178276748,
									0.345491502813,
									0.27300475013,
									0.206107373854,
									0.146446609407,
									0.0954915028125,
									0.0544967379058,
									0.0244717418524,
									0.00615582970243};
	static const double warm[] = {0.25,
								  0.5,
								  0.75,
								  1,
								  1,
								  0.990392640202,
								  0.961939766256,
								  0.915734806151,
								  0.853553390593,
								  0.77778511651,
								  0.691341716183,
								  0.597545161008,
								  0.5,
								  0.402454838992,
								  0.308658283817,
								  0.22221488349,
								  0.146446609407,
								  0.0842651938487,
								  0.0380602337444,
								  0.00960735979838};
	static const double one_cycle[] = {0.04,
									   0.1316718427,
									   0.3716718427,
									   0.6683281573,
									   0.9083281573,
									   1,
									   0.987464006235,
									   0.950484632013,
									   0.890916177571,
									   0.81174565395,
									   0.716943001791,
									   0.611262021936,
									   0.500002,
									   0.388741978064,
									   0.283060998209,
									   0.18825834605,
									   0.109087822429,
									   0.0495193679865,
									   0.0125399937649,
									   4e-06};
	double steps[20], constant[20], rise[20];
	AdvTrainOptions options;

	for (int s = 0; s < 20; s++)
	{
		constant[s] = 1;
		steps[s] = s < 10 ? 1 : 0.1;
		rise[s] = s < 5 ? (s + 1) / 5.0 : 1;
	}
	options = adv_train_options_unset();
	is_factor(&options, constant, "where nothing is said the rate stays as it is");
	memset(&options, 0, sizeof(options));
	is_factor(&options, constant, "so does it where there is nothing at all");
	make(&options, 1, NULL, 0);
	is_factor(&options, constant, "constant");
	make(&options, 0, "warmup", 1);
	is_factor(&options, rise, "a warm-up alone");
	make(&options, 2, NULL, 0);
	is_factor(&options, cosine, "cosine, as PyTorch has it");
	make(&options, 2, "warmup", 0.8);
	is_factor(&options, warm, "cosine after a warm-up of a part of an epoch");
	make(&options, 3, NULL, 0);
	is_factor(&options, steps, "steps of a third of the epochs, rounded up");
	make(&options, 4, NULL, 0);
	is_factor(&options, one_cycle, "one cycle, as PyTorch has it");
}

/* However short a training or long a warm-up is, factors are above 0 and at most 1. */
static void
test_ranges(void)
{
	static const double warmups[] = {0, 0.01, 0.3, 1, 2.5, 4};
	bool inside = true;

	for (int schedule = 1; schedule <= 4; schedule++)
		for (int w = 0; w < 6; w++)
			for (int per_epoch = 1; per_epoch <= 7; per_epoch++)
				for (int s = 0; s < EPOCHS * per_epoch; s++)
				{
					AdvTrainOptions options;
					AdvTrainPlace place = {s, per_epoch, EPOCHS};
					double factor;

					make(&options, schedule, "warmup", warmups[w]);
					factor = adv_train_options_rate(&options, &place);
					inside = inside && factor > 0 && factor <= 1;
				}
	ok(inside, "factors are positive and at most 1");
}

static void
test_refused(void)
{
	AdvTrainOptions options;

	ok(make(&options, 2, "step_epochs", 2) == ADV_INVALID &&
		   make(&options, 0, "step_factor", 0.5) == ADV_INVALID,
	   "what is for steps is for them alone");
	ok(make(&options, 4, "warmup", EPOCHS) == ADV_OK &&
		   make(&options, 4, "warmup", EPOCHS + 0.5) == ADV_INVALID,
	   "a warm-up is no longer than the training");
}

/* ---- trainings ---- */

static void
schedule_training(Training *t, int schedule)
{
	training_make(t, "conv 5x3, maxpool 2, relu, dense 7, tanh", (AdvShape){2, 8, 8}, 3, ROWS);
	t->spec.epochs = EPOCHS;
	t->spec.batch_size = BATCH;
	make(&t->spec.options, schedule, "warmup", schedule == 0 ? NAN : 0.5);
}

/* Of one minibatch in each epoch, by plain gradient descent: the second epoch is one with the smaller rate. */
static void
test_followed(void)
{
	Training t;
	float *together;
	double farthest = 0;

	training_make(&t, "dense 5, tanh", (AdvShape){6, 1, 1}, 3, 40);
	t.spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 0.5};
	t.spec.epochs = 2;
	t.spec.options = adv_train_options_unset();
	say(&t.spec.options, "schedule", 3);
	say(&t.spec.options, "step_epochs", 1);
	say(&t.spec.options, "step_factor", 0.25);
	ok(adv_train_options_complete(&t.spec.options, 2, NULL) == ADV_OK, "a step after each epoch");
	training_run(&t, 1);
	together = memcpy(zeros(sizeof(float) * t.net.n_params), t.params, sizeof(float) * t.net.n_params);

	adv_network_init(&t.net, t.params, t.spec.seed, ADV_INIT_GLOROT);
	t.spec.options = adv_train_options_unset();
	t.spec.epochs = 1;
	training_run(&t, 1);
	t.spec.optimizer.learning_rate /= 4;
	training_run(&t, 1);
	for (size_t i = 0; i < t.net.n_params; i++)
		farthest = fmax(farthest, fabs(together[i] - (double) t.params[i]));
	okf(farthest < 1e-6, "is as training with the smaller rate from there, up to %g", farthest);
	free(together);
	training_free(&t);
}

static void
stop_amid(void *arg)
{
	Training *t = arg;
	unsigned long long done = atomic_load(&t->state.examples_done);

	if (done >= ROWS + BATCH && atomic_load(&t->checkpoint->taken) == 0)
		atomic_store(&t->checkpoint->wanted, 1);
	else if (done >= 2 * ROWS)
		atomic_store(&t->team.abort, 1);
}

/* A training, by teams of any size, and one that goes on from a checkpoint: all end with the same bits. */
static void
test_bits(int schedule, const float *unscheduled)
{
	Training t;
	size_t bytes;
	float *initial, *first;
	bool same = true;

	schedule_training(&t, schedule);
	bytes = sizeof(float) * t.net.n_params;
	initial = memcpy(zeros(bytes), t.params, bytes);
	training_run(&t, 1);
	first = memcpy(zeros(bytes), t.params, bytes);
	okf(t.status[0] == ADV_OK && memcmp(first, unscheduled, bytes) != 0, "%s trains another way",
		SCHEDULE[schedule]);
	for (int size = 2; size <= 4; size++)
	{
		memcpy(t.params, initial, bytes);
		training_run(&t, size);
		same = same && t.status[0] == ADV_OK && memcmp(t.params, first, bytes) == 0;
	}
	okf(same, "%s: the same bits by any team", SCHEDULE[schedule]);

	t.checkpoint = zeros(sizeof(AdvCheckpoint) + adv_checkpoint_size(&t.net, &t.spec));
	t.poll = stop_amid;
	t.poll_arg = &t;
	memcpy(t.params, initial, bytes);
	training_run(&t, 2);
	ok(t.status[0] == ADV_ABORTED && atomic_load(&t.checkpoint->taken) == 1, "stopped with a checkpoint");
	t.resume = t.checkpoint->state;
	t.checkpoint = NULL;
	t.poll = NULL;
	training_run(&t, 3);
	okf(t.status[0] == ADV_OK && memcmp(t.params, first, bytes) == 0, "%s: goes on with the same bits",
		SCHEDULE[schedule]);
	free((unsigned char *) t.resume - offsetof(AdvCheckpoint, state));
	free(initial);
	free(first);
	training_free(&t);
}

int
main(void)
{
	Training t;

	test_factors();
	test_ranges();
	test_refused();
	test_followed();
	schedule_training(&t, 0);
	training_run(&t, 2);
	for (int schedule = 1; schedule <= 4; schedule++)
		test_bits(schedule, t.params);
	training_free(&t);
	done_testing();
	return 0;
}
