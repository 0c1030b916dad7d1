/*
 * training.c
 *		Trainings for tests.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/rng.h"
#include "tap.h"
#include "training.h"

typedef struct Member
{
	Training *training;
	AdvTrain train;
	AdvTeam team;
	pthread_t thread;
} Member;

void *
zeros(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);

	if (!memory)
		bail_out("out of memory");
	return memset(memory, 0, bytes);
}

double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

void
training_make(Training *t, const char *arch, AdvShape shape, int classes, size_t n_rows)
{
	size_t inputs = adv_shape_size(shape);
	AdvError err;

	memset(t, 0, sizeof(*t));
	if (adv_network_parse(&t->net, arch, shape, classes, false, &err) != ADV_OK)
		bail_out(err.message);
	t->spec = (AdvTrainSpec){{ADV_ADAM, 0.001, 0.9, 0.999, 1e-8, 0, 0}, 1, 250, 1};
	t->x = zeros(sizeof(float) * n_rows * inputs);
	t->label = zeros(sizeof(int32_t) * n_rows);
	t->row = zeros(sizeof(uint32_t) * n_rows);
	t->key = zeros(sizeof(uint64_t) * n_rows);
	t->params = zeros(sizeof(float) * t->net.n_params);
	t->chunk = (unsigned char *) t->x;
	t->field = (AdvField){ADV_FIELD_FLOAT, (int32_t) inputs};
	t->data =
		(AdvDataset){{&t->field, 1, shape, inputs * sizeof(float)}, n_rows, n_rows, &t->chunk, t->label};
	for (size_t r = 0; r < n_rows; r++)
	{
		double best = -1e9;

		for (size_t i = 0; i < inputs; i++)
			t->x[r * inputs + i] = (float) (2 * adv_uniform(11, ADV_FOR_ATTACK, r, i) - 1);
		for (int k = 0; k < classes; k++)
		{
			double score = 0;

			for (size_t i = 0; i < inputs; i++)
				score += t->x[r * inputs + i] * (adv_uniform(12, ADV_FOR_ATTACK, (uint64_t) k, i) - 0.5);
			if (score > best)
				t->label[r] = k;
			best = score > best ? score : best;
		}
		t->row[r] = (uint32_t) r;
		t->key[r] = r;
	}
	adv_network_init(&t->net, t->params, t->spec.seed, ADV_INIT_GLOROT);
}

void
training_free(Training *t)
{
	free(t->x);
	free(t->label);
	free(t->row);
	free(t->key);
	free(t->params);
	free(t->epochs);
}

static void *
run_member(void *arg)
{
	Member *m = arg;
	Training *t = m->training;

	t->status[m->team.rank] = adv_train(&m->train, &m->team, &t->error[m->team.rank]);
	return NULL;
}

void
training_run(Training *t, int members)
{
	Member member[MAX_TEAM];
	AdvTrain train = {
		.net = &t->net,
		.spec = &t->spec,
		.data = &t->data,
		.twins = t->twins,
		.n_examples = t->n_examples ? t->n_examples : t->data.n_rows,
		.example_row = t->row,
		.example_key = t->key,
		.validation = t->validation,
		.n_validation = t->validation ? t->validation->n_rows : 0,
		.params = t->params,
		.state = &t->state,
		.checkpoint = t->checkpoint,
		.resume = t->resume,
		.now = seconds_now,
	};

	free(t->epochs);
	train.epochs = t->epochs = zeros(sizeof(AdvEpoch) * (size_t) t->spec.epochs);
	train.shared = zeros(adv_train_shared_size(&t->net, &t->spec, train.n_examples));
	memset(&t->state, 0, sizeof(t->state));
	memset(t->error, 0, sizeof(t->error));
	adv_team_init(&t->team);
	for (int i = 0; i < members; i++)
	{
		size_t size = adv_train_private_size(&t->net, &t->spec);

		member[i] = (Member){t, train, {i, members, &t->team, t->poll, t->poll_arg}, 0};
		member[i].train.private = zeros(size);
		memset(member[i].train.private, 0xff, size); /* need not be zeros */
		if (pthread_create(&member[i].thread, NULL, run_member, &member[i]) != 0)
			bail_out("could not start a thread");
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(member[i].thread, NULL);
		free(member[i].train.private);
	}
	free(train.shared);
}
