/*
 * test_train.c
 *		Training and prediction by teams: the same bits for any size, learning, divergence, stopping, order of rows.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"
#include "core/base/team.h"
#include "core/network/predict.h"
#include "tap.h"
#include "training.h"

#define TABULAR "dense 40, tanh, dense 9, relu"
#define IMAGE   "conv 5x3, maxpool 2, relu, conv 6x3, relu, dense 11, tanh"
#define DROPOUT "dense 40, tanh, dropout 0.3, dense 9, relu, dropout 0.1"

static float *
copy_params(const Training *t)
{
	return memcpy(zeros(sizeof(float) * t->net.n_params), t->params, sizeof(float) * t->net.n_params);
}

static bool
same_params(const Training *t, const float *params)
{
	return memcmp(t->params, params, sizeof(float) * t->net.n_params) == 0;
}

/* Teams of 1, 2, 3, 4 members, each twice, on a network with a scaling layer and validation rows. */
static void
test_team_sizes(const char *arch, AdvShape shape)
{
	Training t;
	AdvEpoch *first_epochs = NULL;
	float *initial, *first = NULL;
	AdvDataset validation;
	AdvError err;
	bool fixed;

	training_make(&t, arch, shape, 3, 333);
	adv_network_parse(&t.net, arch, shape, 3, true, &err);
	free(t.params);
	t.params = zeros(sizeof(float) * t.net.n_params);
	adv_network_init(&t.net, t.params, 5, ADV_INIT_HE);
	t.params[0] = 0.25f;
	t.params[shape.c] = 2;
	t.spec.epochs = 2;
	t.spec.batch_size = 100; /* slices of 32, 32, 32, 4, and a last minibatch of 33 */
	validation = t.data;
	validation.n_rows = 300;
	t.validation = &validation;
	initial = copy_params(&t);
	for (int size = 1; size <= 4; size++)
		for (int again = 0; again < 2; again++)
		{
			memcpy(t.params, initial, sizeof(float) * t.net.n_params);
			training_run(&t, size);
			if (!first)
			{
				first = copy_params(&t);
				first_epochs = memcpy(zeros(2 * sizeof(AdvEpoch)), t.epochs, 2 * sizeof(AdvEpoch));
				fixed = memcmp(first, initial, sizeof(float) * 2 * shape.c) == 0;
				ok(fixed && !same_params(&t, initial),
				   "training leaves the scaling layer alone, and nothing else");
				ok(t.state.epochs_done == 2 && t.state.examples_done == 666 && t.epochs[1].seconds > 0,
				   "progress is complete");
				continue;
			}
			okf(t.status[size - 1] == ADV_OK && same_params(&t, first), "%s: %d members train the same bits",
				adv_gemm_name(), size);
			for (int e = 0; e < 2; e++)
				first_epochs[e].seconds = t.epochs[e].seconds;
			okf(memcmp(t.epochs, first_epochs, 2 * sizeof(AdvEpoch)) == 0,
				"%d members report the same numbers", size);
		}
	free(initial);
	free(first);
	free(first_epochs);
	training_free(&t);
}

static void
test_learning(void)
{
	Training t;
	AdvDataset validation;

	training_make(&t, TABULAR, (AdvShape){8, 1, 1}, 3, 400);
	t.spec.epochs = 12;
	t.spec.batch_size = 50;
	t.spec.optimizer.learning_rate = 0.01;
	t.data.n_rows = 300;
	validation = t.data;
	t.chunk = (unsigned char *) t.x;
	validation.n_rows = 100;
	t.validation = &validation;
	training_run(&t, 2);
	ok(t.epochs[11].loss < 0.5 * t.epochs[0].loss && t.epochs[11].accuracy > 0.85, "the loss falls");
	ok(t.epochs[11].validation_loss < 0.6 && t.epochs[11].validation_accuracy > 0.8,
	   "the validation loss is reported");
	training_free(&t);

	training_make(&t, TABULAR, (AdvShape){8, 1, 1}, 3, 40);
	t.spec.epochs = 30; /* of one minibatch, smaller than the batch size */
	t.spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 0.1, .momentum = 0.9};
	training_run(&t, 3);
	ok(t.status[0] == ADV_OK && t.epochs[29].loss < 0.7 * t.epochs[0].loss, "SGD learns too");
	ok(isnan(t.epochs[29].validation_loss), "without validation rows there is no validation loss");
	training_free(&t);
}

static void
test_divergence(void)
{
	Training t;

	training_make(&t, "dense 5, relu", (AdvShape){4, 1, 1}, 3, 100);
	t.spec.batch_size = 40;
	t.spec.epochs = 5;
	t.spec.optimizer.learning_rate = 1e30;
	training_run(&t, 3);
	ok(t.status[0] == ADV_DIVERGED && t.status[1] == ADV_ABORTED && t.status[2] == ADV_ABORTED,
	   "an absurd learning rate diverges");
	is_string(t.error[0].message, "training diverged in epoch 1, minibatch 2: the loss is not finite",
			  "the message says where");
	ok(t.state.failed_epoch == 1 && t.state.failed_batch == 2 && t.state.epochs_done == 0,
	   "so does the state");

	training_run(&t, 1);
	ok(t.status[0] == ADV_DIVERGED && t.state.failed_batch == 1, "what has diverged stays so");
	training_free(&t);

	training_make(&t, "", (AdvShape){4, 1, 1}, 3, 100);
	t.spec.optimizer.learning_rate = 1e300;
	training_run(&t, 2);
	ok(t.status[0] == ADV_DIVERGED && t.status[1] == ADV_ABORTED, "the last update is checked too");
	is_string(t.error[0].message, "training diverged in epoch 1, minibatch 1: a parameter is not finite",
			  "and named");
	training_free(&t);
}

static void
test_wrong_specs(void)
{
	Training t;

	training_make(&t, "", (AdvShape){4, 1, 1}, 3, 10);
	t.spec.batch_size = 0;
	training_run(&t, 1);
	ok(t.status[0] == ADV_INVALID, "a batch has rows");
	t.spec.batch_size = 10;
	t.data.n_rows = 0;
	training_run(&t, 1);
	ok(t.status[0] == ADV_INVALID, "so has a data set");
	training_free(&t);
}

/* A host that asks to stop after some time. */
typedef struct Stopper
{
	Training *t;
	double at;
} Stopper;

static void
stop_in_time(void *arg)
{
	Stopper *s = arg;

	if (seconds_now() > s->at)
		atomic_store(&s->t->team.abort, 1);
}

static void
test_stopping(int members)
{
	Training t;
	Stopper stopper = {&t, seconds_now() + 0.1};
	double late;
	bool all = true;

	training_make(&t, IMAGE, (AdvShape){3, 12, 12}, 3, 2000);
	t.spec.epochs = 100000;
	t.poll = stop_in_time;
	t.poll_arg = &stopper;
	stopper.at = seconds_now() + 0.1;
	training_run(&t, members);
	late = seconds_now() - stopper.at;
	for (int i = 0; i < members; i++)
		all = all && t.status[i] == ADV_ABORTED;
	okf(all, "all of %d members stop", members);
	okf(late < 0.25, "within %.0f ms", 1e3 * late);
	training_free(&t);
}

/* The same examples, stored backwards. */
static void
test_row_order(void)
{
	Training a, b;

	training_make(&a, TABULAR, (AdvShape){6, 1, 1}, 3, 500);
	training_make(&b, TABULAR, (AdvShape){6, 1, 1}, 3, 500);
	a.spec.batch_size = b.spec.batch_size = 70;
	a.spec.epochs = b.spec.epochs = 2;
	for (size_t r = 0; r < 500; r++)
	{
		memcpy(b.x + 6 * r, a.x + 6 * (499 - r), 6 * sizeof(float));
		b.label[r] = a.label[499 - r];
		b.key[r] = a.key[499 - r];
	}
	training_run(&a, 2);
	training_run(&b, 2);
	ok(same_params(&b, a.params), "the order of rows does not matter");
	for (size_t r = 0; r < 500; r++)
		b.key[r]++;
	adv_network_init(&b.net, b.params, b.spec.seed, ADV_INIT_GLOROT);
	training_run(&b, 2);
	ok(!same_params(&b, a.params), "keys do");
	training_free(&a);
	training_free(&b);
}

/* A member of a team that predicts. */
typedef struct Predictor
{
	const Training *t;
	AdvTeam team;
	const uint32_t *rows;
	size_t n;
	int32_t *prediction;
	float *proba;
	float *loss;
	atomic_ullong *done;
	AdvStatus status;
} Predictor;

static void *
predict(void *arg)
{
	Predictor *p = arg;
	void *private = zeros(adv_predict_private_size(&p->t->net));

	p->status = adv_predict(&(AdvPrediction){&p->t->net, p->t->params, &p->t->data, p->rows, p->n,
											 p->prediction, p->proba, p->loss, p->done},
							&p->team, private);
	free(private);
	return NULL;
}

static AdvStatus
run_predict(Predictor p, int members, AdvTeamShared *shared)
{
	pthread_t thread[MAX_TEAM];
	Predictor member[MAX_TEAM];
	AdvStatus status = ADV_OK;

	for (int i = 0; i < members; i++)
	{
		member[i] = p;
		member[i].team = (AdvTeam){i, members, shared, NULL, NULL};
		pthread_create(&thread[i], NULL, predict, &member[i]);
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(thread[i], NULL);
		status = member[i].status != ADV_OK ? member[i].status : status;
	}
	return status;
}

static void
test_predict(void)
{
	enum
	{
		n = 700
	};
	Training t;
	AdvTeamShared shared;
	atomic_ullong done = 0;
	static int32_t prediction[2][n];
	static float proba[2][n * 3], loss[2][n];
	uint32_t rows[] = {699, 3, 3};
	double sum = 0;
	int correct = 0;

	training_make(&t, IMAGE, (AdvShape){2, 8, 8}, 3, n);
	t.spec.epochs = 3;
	t.label[5] = -1;
	t.data.n_rows = 5;
	training_run(&t, 1);
	t.data.n_rows = n;
	adv_team_init(&shared);
	ok(run_predict((Predictor){&t, .n = n, .prediction = prediction[0], .proba = proba[0], .loss = loss[0],
							   .done = &done},
				   1, &shared) == ADV_OK &&
		   done == n,
	   "all rows are predicted and counted");
	adv_team_rewind(&(AdvTeam){0, 3, &shared, NULL, NULL});
	run_predict((Predictor){&t, .n = n, .prediction = prediction[1], .proba = proba[1], .loss = loss[1]}, 3,
				&shared);
	ok(memcmp(prediction[0], prediction[1], sizeof(prediction[0])) == 0 &&
		   memcmp(proba[0], proba[1], sizeof(proba[0])) == 0 &&
		   memcmp(loss[0], loss[1], sizeof(loss[0])) == 0,
	   "three members predict the same bits");
	for (int i = 0; i < n; i++)
	{
		float *p = proba[0] + 3 * i;

		sum = fmax(sum, fabs(p[0] + p[1] + p[2] - 1));
		correct += p[prediction[0][i]] >= fmaxf(p[0], fmaxf(p[1], p[2])) &&
				   (t.label[i] < 0 ? isnan(loss[0][i]) : fabs(loss[0][i] + log(p[t.label[i]])) < 1e-4);
	}
	ok(sum < 1e-6 && correct == n, "classes, probabilities and losses belong together");

	adv_team_rewind(&(AdvTeam){0, 1, &shared, NULL, NULL});
	ok(run_predict((Predictor){&t, .rows = rows, .n = 3, .prediction = prediction[1], .proba = proba[1]}, 2,
				   &shared) == ADV_OK &&
		   prediction[1][0] == prediction[0][699] && prediction[1][2] == prediction[0][3] &&
		   fabsf(proba[1][0] - proba[0][699 * 3]) < 1e-5f,
	   "rows can be listed");
	adv_team_rewind(&(AdvTeam){0, 1, &shared, NULL, NULL});
	atomic_store(&shared.abort, 1);
	ok(run_predict((Predictor){&t, .n = n, .prediction = prediction[1]}, 2, &shared) == ADV_ABORTED,
	   "prediction stops");
	training_free(&t);
}

/* What is dropped in training is not where nobody trains: validation rows have the loss that the network without dropout has. */
static void
test_dropout(void)
{
	enum
	{
		n = 300
	};
	Training t, plain;
	AdvTeamShared shared;
	static int32_t prediction[2][n];
	static float proba[n * 3], loss[2][n];
	double sum = 0;

	training_make(&t, DROPOUT, (AdvShape){8, 1, 1}, 3, n);
	training_make(&plain, "dense 40, tanh, dense 9, relu", (AdvShape){8, 1, 1}, 3, n);
	t.spec.epochs = 3;
	t.spec.batch_size = 50;
	t.validation = &t.data;
	training_run(&t, 2);
	memcpy(plain.params, t.params, sizeof(float) * t.net.n_params);
	for (int i = 0; i < 2; i++)
	{
		adv_team_init(&shared);
		run_predict((Predictor){i ? &plain : &t, .n = n, .prediction = prediction[i], .proba = proba,
								.loss = loss[i]},
					2, &shared);
	}
	for (int i = 0; i < n; i++)
		sum += loss[1][i] / n;
	ok(memcmp(prediction[0], prediction[1], sizeof(prediction[0])) == 0 &&
		   memcmp(loss[0], loss[1], sizeof(loss[0])) == 0,
	   "prediction drops nothing");
	ok(fabs(t.epochs[2].validation_loss - sum) < 1e-6, "nor does validation");
	ok(t.epochs[2].loss > 1.02 * sum, "training does");
	training_free(&t);
	training_free(&plain);
}

/* A row whose logits are not finite. */
static void
test_overflow(void)
{
	Training t;
	AdvDataset validation;
	AdvTeamShared shared;
	int32_t prediction[100];
	float proba[300];

	training_make(&t, "dense 5, relu", (AdvShape){4, 1, 1}, 3, 100);
	for (int i = 0; i < 4; i++)
		t.x[60 * 4 + i] = INFINITY;
	validation = t.data;
	t.data.n_rows = 50;
	t.validation = &validation;
	t.spec.epochs = 3;
	training_run(&t, 2);
	ok(t.status[0] == ADV_DIVERGED && t.status[1] == ADV_ABORTED,
	   "a validation row without an output is an error");
	is_string(t.error[0].message, "the loss of the validation rows is not finite after epoch 1",
			  "which says so");

	t.data.n_rows = 100;
	adv_team_init(&shared);
	ok(run_predict((Predictor){&t, .n = 100, .prediction = prediction, .proba = proba}, 2, &shared) ==
			   ADV_OK &&
		   prediction[60] == -1 && isnan(proba[180]) && isnan(proba[182]) && prediction[59] >= 0 &&
		   prediction[61] >= 0 && isfinite(proba[183]),
	   "such a row has no class");
	training_free(&t);
}

/* Roundings differ between instruction sets, and training magnifies them; what is learned does not. */
static void
test_instruction_sets(void)
{
	double accuracy[ADV_ISA_AMX + 1];
	int first = -1;

	for (AdvIsa isa = ADV_ISA_GENERIC; isa <= ADV_ISA_AMX; isa++)
	{
		Training t;

		if (adv_cpu_use(isa) != isa)
		{
			skip(adv_cpu_name(isa), "this processor does not have it");
			continue;
		}
		training_make(&t, "conv 8x3, maxpool 2, relu, conv 20x3, relu, dense 300, relu, dense 250, relu",
					  (AdvShape){2, 8, 8}, 3, 600);
		t.spec.epochs = 8;
		t.spec.batch_size = 50;
		training_run(&t, 2);
		accuracy[isa] = t.epochs[7].accuracy;
		first = first < 0 ? (int) isa : first;
		okf(accuracy[isa] > 0.7 && fabs(accuracy[isa] - accuracy[first]) < 0.05, "%s: accuracy is that of %s",
			adv_cpu_name(isa), adv_cpu_name((AdvIsa) first));
		diag("%.3f", accuracy[isa]);
		training_free(&t);
	}
}

static _Atomic size_t needed;

static void
count_needed(const void *memory, size_t bytes)
{
	const float *x = memory;

	if (bytes == 13 * sizeof(float) && x[0] >= -1 && x[12] <= 1) /* it can be read */
		needed++;
}

/* Each example is asked for while the minibatch before its own is computed. */
static void
test_looking_ahead(void)
{
	for (int members = 1; members <= 3; members++)
	{
		Training t;

		training_make(&t, TABULAR, (AdvShape){13, 1, 1}, 3, 230);
		t.spec.batch_size = 50;
		t.spec.epochs = 2;
		t.data.will_need = count_needed;
		needed = 0;
		training_run(&t, members);
		okf(t.status[0] == ADV_OK && needed == 2 * (230 - 50), "%d members ask for %zu rows ahead", members,
			(size_t) needed);
		training_free(&t);
	}
}

int
main(void)
{
	test_looking_ahead();
	test_team_sizes(TABULAR, (AdvShape){13, 1, 1});
	test_team_sizes(IMAGE, (AdvShape){2, 6, 5});
	test_team_sizes("", (AdvShape){3, 4, 4});
	test_team_sizes(DROPOUT, (AdvShape){13, 1, 1});
	test_team_sizes("conv 5x3, maxpool 2, relu, dropout 0.2, conv 6x3, globalpool, dropout 0.1",
					(AdvShape){2, 6, 5});
	test_dropout();
	test_learning();
	test_divergence();
	test_wrong_specs();
	test_stopping(1);
	test_stopping(3);
	test_row_order();
	test_predict();
	test_overflow();
	test_instruction_sets();
	if (adv_cpu_use(ADV_ISA_AMX) == ADV_ISA_AMX)
	{
		test_team_sizes(IMAGE, (AdvShape){2, 6, 5});
		test_predict();
		test_overflow();
	}
	else
		skip("training on tiles", "this processor has none");
	if (adv_gemm_load_blas())
	{
		test_team_sizes(TABULAR, (AdvShape){13, 1, 1});
		test_team_sizes(IMAGE, (AdvShape){2, 6, 5});
		test_predict();
		test_overflow();
	}
	done_testing();
	return 0;
}
