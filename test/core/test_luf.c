/*
 * test_luf.c
 *		Leave-one-out runs: the same bits for any team and after an interruption, and as if trained by hand on rows without
 *		the one left out.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/kernel/gemm.h"
#include "core/train/luf.h"
#include "core/network/loss.h"
#include "core/network/predict.h"
#include "tap.h"
#include "training.h"

#define TABULAR  "dense 12, tanh, dense 7, relu"
#define IMAGE    "conv 3x3, maxpool 2, relu, dense 6, tanh"
#define N_ROWS   70
#define N_EVAL   300 /* three pieces */
#define N_TWICE  20  /* rows that occur twice */
#define N_LEFT   9
#define N_MODELS (N_LEFT + 3)
#define UNUSED   (N_ROWS - 1)           /* no example is this row */
#define N_CLEAN  (N_ROWS - 1 + N_TWICE) /* examples that are not twins */
#define CLASSES  3
#define N_MOST   (2 * N_CLEAN) /* with a twin of each */

/* A run and all of its memory. */
typedef struct Problem
{
	Training t; /* N_ROWS rows to train on, followed by N_EVAL others */
	AdvTrain train;
	AdvDataset eval;
	const unsigned char *eval_chunk;
	uint32_t row[N_MOST];
	uint64_t key[N_MOST];
	float *twin; /* NULL unless merged */
	const unsigned char *twin_chunk;
	AdvDataset twins;
	AdvTrainSpec source_spec;
	AdvAttack attack;
	float *initial;
	AdvLuf luf;
	AdvLufState state;
	AdvLufModel model[N_MODELS];
	float change[N_MODELS][N_EVAL];
	float proba[N_EVAL][CLASSES];
	int32_t prediction[N_EVAL];
	AdvTeamShared team;
	void (*poll)(void *arg);
	int without_memory; /* rank of a member whose allocator has nothing; -1: none */
	atomic_int n_done;
	int stop_after; /* models */
	AdvStatus status[MAX_TEAM];
	AdvError error[MAX_TEAM];
} Problem;

typedef struct Member
{
	Problem *p;
	AdvTeam team;
	void *memory;
} Member;

/* ---- running ---- */

/* Memory is aligned for any type and not for more, and holds anything. */
static void *
member_alloc(void *arg, unsigned long size)
{
	Member *m = arg;

	if (m->memory || m->team.rank == m->p->without_memory)
		return NULL;
	m->memory = zeros(size + 16);
	memset(m->memory, 0xff, size + 16);
	return (char *) m->memory + 16;
}

static void
count_model(void *arg, size_t model)
{
	Problem *p = arg;

	if (!atomic_load(&p->model[model].stage) || atomic_fetch_add(&p->n_done, 1) + 1 == p->stop_after)
		atomic_store(&p->team.abort, 1);
}

static void *
run_member(void *arg)
{
	Member *m = arg;
	AdvLuf luf = m->p->luf;

	luf.allocator = (AdvAllocator){member_alloc, m};
	m->p->status[m->team.rank] = adv_luf(&luf, &m->team, &m->p->error[m->team.rank]);
	return NULL;
}

/* Run with the initial parameters as they are. Models marked as done stay so. */
static void
problem_run(Problem *p, int members)
{
	Member member[MAX_TEAM];
	pthread_t thread[MAX_TEAM];

	memcpy(p->t.params, p->initial, sizeof(float) * p->t.net.n_params);
	memset(p->train.shared, 0, adv_train_shared_size(&p->t.net, &p->t.spec, p->train.n_examples));
	memset(&p->t.state, 0, sizeof(p->t.state));
	memset(&p->state, 0, sizeof(p->state));
	memset(p->error, 0, sizeof(p->error));
	atomic_store(&p->n_done, 0);
	adv_team_init(&p->team);
	for (int i = 0; i < members; i++)
	{
		member[i] = (Member){p, {i, members, &p->team, p->poll, p}, NULL};
		if (pthread_create(&thread[i], NULL, run_member, &member[i]) != 0)
			bail_out("could not start a thread");
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(thread[i], NULL);
		free(member[i].memory);
	}
}

/* ---- problems ---- */

static void
make_examples(Problem *p)
{
	size_t n = 0;

	for (uint32_t r = 0; r < N_ROWS; r++)
		if (r != UNUSED)
		{
			p->row[n] = r;
			p->key[n++] = 1000 + r;
		}
	for (uint32_t r = 0; r < N_TWICE; r++)
	{
		p->row[n] = r;
		p->key[n++] = 2000 + r;
	}
	p->train.n_examples = n;
	p->train.example_row = p->row;
	p->train.example_key = p->key;
}

/* Rows 0, 7, 14, ... left out, two other seeds, and the base's. */
static void
make_models(Problem *p)
{
	for (int m = 0; m < N_MODELS; m++)
	{
		p->model[m].left_row = m < N_LEFT ? 7 * m : -1;
		p->model[m].seed = p->t.spec.seed;
	}
	p->model[N_LEFT].seed = 77;
	p->model[N_LEFT + 1].seed = 78;
	p->luf.models = p->model;
	p->luf.n_models = N_MODELS;
}

static void
forget_models(Problem *p)
{
	for (int m = 0; m < N_MODELS; m++)
		p->model[m].stage = ADV_LUF_OPEN;
	memset(p->change, 0xff, sizeof(p->change));
}

static Problem *
problem_make(const char *arch, AdvShape shape)
{
	Problem *p = zeros(sizeof(Problem));
	Training *t = &p->t;
	AdvError err;

	training_make(t, arch, shape, CLASSES, N_ROWS + N_EVAL);
	t->data.n_rows = N_ROWS;
	t->spec.epochs = 3;
	t->spec.batch_size = 20;
	t->spec.optimizer.learning_rate = 0.01;
	p->eval = t->data;
	p->eval_chunk = t->chunk + N_ROWS * t->data.layout.row_bytes;
	p->eval.chunks = &p->eval_chunk;
	p->eval.label = NULL;
	p->eval.n_rows = N_EVAL;

	adv_network_parse(&t->net, arch, shape, CLASSES, true, &err);
	free(t->params);
	t->params = zeros(sizeof(float) * t->net.n_params);
	p->initial = zeros(sizeof(float) * t->net.n_params);
	adv_network_init(&t->net, p->initial, t->spec.seed, ADV_INIT_HE);
	p->initial[0] = 0.25f;
	p->initial[shape.c] = 2;

	make_examples(p);
	make_models(p);
	forget_models(p);
	t->epochs = zeros(sizeof(AdvEpoch) * (size_t) t->spec.epochs);
	p->train.net = &t->net;
	p->train.spec = &t->spec;
	p->train.data = &t->data;
	p->train.params = t->params;
	p->train.state = &t->state;
	p->train.epochs = t->epochs;
	p->train.shared = zeros(adv_train_shared_size(&t->net, &t->spec, p->train.n_examples));
	p->train.now = seconds_now;
	p->luf.train = &p->train;
	p->luf.initial = p->initial;
	p->luf.init = ADV_INIT_HE;
	p->luf.eval = &p->eval;
	p->luf.change = p->change[0];
	p->luf.base_proba = p->proba[0];
	p->luf.base_prediction = p->prediction;
	p->luf.state = &p->state;
	p->luf.model_done = count_model;
	p->luf.model_done_arg = p;
	p->without_memory = -1;
	return p;
}

static void
problem_free(Problem *p)
{
	free(p->initial);
	free(p->twin);
	free(p->train.shared);
	training_free(&p->t);
	free(p);
}

static int
n_done(const Problem *p)
{
	int n = 0;

	for (size_t m = 0; m < p->luf.n_models; m++)
		n += p->model[m].stage != ADV_LUF_OPEN;
	return n;
}

static bool
all_zero(const float *change)
{
	static const float nothing[N_EVAL];

	return memcmp(change, nothing, sizeof(nothing)) == 0;
}

static size_t
n_flips(const float *change, size_t n, size_t stride)
{
	size_t flips = 0;

	for (size_t i = 0; i < n; i++)
		flips += signbit(change[i * stride]) != 0;
	return flips;
}

/* ---- what a model should be ---- */

/* Train params, which are initial ones, by a team of one. */
static void
train_by_hand(const AdvTrain *what, const AdvTrainSpec *spec, float *params)
{
	AdvTrain t = *what;
	AdvTrainState state = {0};
	AdvTeamShared shared;
	AdvTeam team = {0, 1, &shared, NULL, NULL};

	adv_team_init(&shared);
	t.spec = spec;
	t.params = params;
	t.state = &state;
	t.epochs = zeros(sizeof(AdvEpoch) * (size_t) spec->epochs);
	t.shared = zeros(adv_train_shared_size(t.net, spec, t.n_examples));
	t.private = zeros(adv_train_private_size(t.net, spec));
	if (adv_train(&t, &team, NULL) != ADV_OK)
		bail_out("training by hand failed");
	free(t.epochs);
	free(t.shared);
	free(t.private);
}

/* Attack all rows with a model. */
static void
craft_by_hand(const Problem *p, const AdvAttack *attack, const float *params, float *twin)
{
	uint8_t flags[N_ROWS];
	AdvInputs x = {N_ROWS, &twin};
	AdvAttackState state = {0};
	AdvTeamShared shared;
	AdvTeam team = {0, 1, &shared, NULL, NULL};
	AdvAttackRun run = {
		.net = &p->t.net,
		.params = params,
		.data = &p->t.data,
		.key = p->t.key,
		.n = N_ROWS,
		.attack = attack,
		.result = {.flags = flags, .x = &x},
		.state = &state,
		.private = zeros(adv_attack_private_size(&p->t.net)),
	};

	adv_team_init(&shared);
	if (adv_attack(&run, &team) != ADV_OK)
		bail_out("attack by hand failed");
	free(run.private);
}

/* Compare a model with the base model's predictions, which the run has left. */
static void
compare_by_hand(const Problem *p, const float *params, float *change)
{
	static float proba[N_EVAL][CLASSES];
	static int32_t prediction[N_EVAL];
	AdvTeamShared shared;
	AdvTeam team = {0, 1, &shared, NULL, NULL};
	void *private = zeros(adv_predict_private_size(&p->t.net));

	adv_team_init(&shared);
	if (adv_predict(&(AdvPrediction){.net = &p->t.net,
									 .params = params,
									 .data = &p->eval,
									 .n = N_EVAL,
									 .prediction = prediction,
									 .proba = proba[0]},
					&team, private) != ADV_OK)
		bail_out("prediction by hand failed");
	for (size_t x = 0; x < N_EVAL; x++)
	{
		change[x] = 0;
		for (int y = 0; y < CLASSES; y++)
			change[x] = fmaxf(change[x], fabsf(proba[x][y] - p->proba[x][y]));
		if (adv_argmax(CLASSES, proba[x]) != adv_argmax(CLASSES, p->proba[x]))
			change[x] = -change[x];
	}
	free(private);
}

static float *
initial_by_hand(const Problem *p, uint64_t seed)
{
	float *params = zeros(sizeof(float) * p->t.net.n_params);

	adv_network_init(&p->t.net, params, seed, ADV_INIT_HE);
	adv_network_copy_fixed(&p->t.net, p->initial, params);
	return params;
}

/* Values of all rows but one, which then have other numbers. */
static void *
without_row(const void *values, size_t bytes, size_t left_row)
{
	char *rest = zeros(N_ROWS * bytes);

	memcpy(rest, values, left_row * bytes);
	memcpy(rest + left_row * bytes, (const char *) values + (left_row + 1) * bytes,
		   (N_ROWS - 1 - left_row) * bytes);
	return rest;
}

/* The examples without those of a row; other rows have the numbers they have without it. */
static size_t
examples_without(const Problem *p, size_t left_row, uint32_t *row, uint64_t *key)
{
	size_t n = 0;

	for (size_t i = 0; i < p->train.n_examples; i++)
	{
		size_t of = p->row[i] % N_ROWS;

		if (of == left_row)
			continue;
		row[n] = (uint32_t) (of - (of > left_row) + p->row[i] / N_ROWS * (N_ROWS - 1));
		key[n++] = p->key[i];
	}
	return n;
}

/* A model as if there never had been the row it leaves out: other rows, other twins, other examples. */
static void
change_by_hand(const Problem *p, const AdvLufModel *model, float *change)
{
	size_t bytes = p->t.data.layout.row_bytes;
	size_t inputs = adv_shape_size(p->t.net.input);
	size_t left_row = (size_t) model->left_row;
	uint32_t row[N_MOST];
	uint64_t key[N_MOST];
	AdvTrain train = p->train;
	AdvDataset data = p->t.data;
	AdvDataset twins = p->twins;
	AdvTrainSpec spec = p->t.spec;
	const unsigned char *chunk, *twin_chunk = NULL;
	int32_t *label;
	float *params = initial_by_hand(p, model->seed);

	spec.seed = model->seed;
	if (model->left_row < 0)
	{
		train_by_hand(&train, &spec, params);
		compare_by_hand(p, params, change);
		free(params);
		return;
	}
	chunk = without_row(p->t.x, bytes, left_row);
	data.label = label = without_row(p->t.label, sizeof(int32_t), left_row);
	data.chunks = &chunk;
	data.n_rows = N_ROWS - 1;
	if (p->twin)
		twin_chunk = without_row(p->twin, sizeof(float) * inputs, left_row);
	twins.chunks = &twin_chunk;
	twins.n_rows = N_ROWS - 1;
	train.data = &data;
	train.twins = p->twin ? &twins : NULL;
	train.n_examples = examples_without(p, left_row, row, key);
	train.example_row = row;
	train.example_key = key;
	train_by_hand(&train, &spec, params);
	compare_by_hand(p, params, change);
	free((void *) chunk);
	free((void *) twin_chunk);
	free(label);
	free(params);
}

/* The examples without those of a row (-1: of none), and perhaps without twins; the numbers of rows stay. */
static void
select_by_hand(const Problem *p, int64_t left_row, bool with_twins, uint32_t *row, uint64_t *key, AdvTrain *t)
{
	t->n_examples = 0;
	t->example_row = row;
	t->example_key = key;
	for (size_t i = 0; i < p->train.n_examples; i++)
		if (p->row[i] % N_ROWS != (uint64_t) left_row && (with_twins || p->row[i] < N_ROWS))
		{
			row[t->n_examples] = p->row[i];
			key[t->n_examples++] = p->key[i];
		}
}

/* A model with a source and twins of its own. */
static void
change_regenerated(const Problem *p, const AdvLufModel *model, float *change)
{
	uint32_t row[N_MOST];
	uint64_t key[N_MOST];
	AdvTrain train = p->train;
	AdvTrainSpec source_spec = p->source_spec;
	AdvTrainSpec spec = p->t.spec;
	AdvAttack attack = p->attack;
	AdvDataset twins = p->twins;
	float *twin = zeros(sizeof(float) * N_ROWS * adv_shape_size(p->t.net.input));
	const unsigned char *chunk = (const unsigned char *) twin;
	float *source, *params;

	spec.seed = model->seed;
	source_spec.seed ^= model->seed ^ p->t.spec.seed;
	attack.seed ^= model->seed ^ p->t.spec.seed;
	twins.chunks = &chunk;
	train.twins = &twins;

	source = initial_by_hand(p, source_spec.seed);
	select_by_hand(p, model->left_row, false, row, key, &train);
	train_by_hand(&train, &source_spec, source);
	craft_by_hand(p, &attack, source, twin);

	params = p->luf.warm ? source : initial_by_hand(p, model->seed);
	select_by_hand(p, model->left_row, true, row, key, &train);
	train_by_hand(&train, &spec, params);
	compare_by_hand(p, params, change);
	if (params != source)
		free(source);
	free(params);
	free(twin);
}

/* Have a source model, and twins crafted on it. warm: the base model starts from it. */
static void
problem_source(Problem *p, bool warm)
{
	size_t inputs = adv_shape_size(p->t.net.input);
	float *source;

	p->source_spec = p->t.spec;
	p->source_spec.seed = 31;
	p->source_spec.epochs = 4;
	p->attack = (AdvAttack){
		.ball = {.norm = ADV_NORM_LINF, .low = -2, .high = 2},
		.eps = 0.3,
		.alpha = 0.1,
		.steps = 4,
		.restarts = 1,
		.random_start = true,
		.target = -1,
		.seed = 9,
	};
	source = initial_by_hand(p, p->source_spec.seed);
	p->twin = zeros(sizeof(float) * N_ROWS * inputs);
	train_by_hand(&p->train, &p->source_spec, source);
	craft_by_hand(p, &p->attack, source, p->twin);
	if (warm)
		memcpy(p->initial, source, sizeof(float) * p->t.net.n_params);
	free(source);

	p->twin_chunk = (const unsigned char *) p->twin;
	p->twins = p->t.data;
	p->twins.chunks = &p->twin_chunk;
	p->twins.label = NULL;
	p->twins.rows_per_chunk = p->twins.n_rows;
	p->luf.warm = warm;
	p->luf.source_spec = &p->source_spec;
	p->luf.key = p->t.key;
}

/* Merged adversarial training: each example has a twin. */
static void
problem_merge(Problem *p, bool warm)
{
	problem_source(p, warm);
	for (size_t i = 0; i < N_CLEAN; i++)
	{
		p->row[N_CLEAN + i] = N_ROWS + p->row[i];
		p->key[N_CLEAN + i] = p->key[i] + 10000;
	}
	p->train.n_examples = 2 * N_CLEAN;
	p->train.twins = &p->twins;
	free(p->train.shared);
	p->train.shared = zeros(adv_train_shared_size(&p->t.net, &p->t.spec, p->train.n_examples));
}

/* ---- tests ---- */

static void
test_team_sizes(const char *arch, AdvShape shape)
{
	Problem *p = problem_make(arch, shape);
	static float change[N_MODELS][N_EVAL], proba[N_EVAL][CLASSES];

	for (int members = 1; members <= 4; members++)
	{
		bool all = true;

		forget_models(p);
		problem_run(p, members);
		for (int i = 0; i < members; i++)
			all = all && p->status[i] == ADV_OK;
		okf(all && n_done(p) == N_MODELS && p->n_done == N_MODELS, "%s: %d members train all models",
			adv_gemm_name(), members);
		if (members == 1)
		{
			memcpy(change, p->change, sizeof(change));
			memcpy(proba, p->proba, sizeof(proba));
			continue;
		}
		okf(memcmp(change, p->change, sizeof(change)) == 0 && memcmp(proba, p->proba, sizeof(proba)) == 0,
			"%d members find the same changes", members);
	}
	problem_free(p);
}

/* Changes, flips and progress are what trainings by hand give. */
static void
test_by_hand(const char *arch, AdvShape shape)
{
	Problem *p = problem_make(arch, shape);
	float change[N_EVAL];
	bool left = true, seeds = true;
	size_t over_models = 0, over_rows = 0;
	unsigned long long examples = 0;

	problem_run(p, 2);
	for (int m = 0; m < N_MODELS; m++)
	{
		bool same;

		change_by_hand(p, &p->model[m], change);
		same = memcmp(change, p->change[m], sizeof(change)) == 0;
		if (m < N_LEFT)
			left = left && same && !all_zero(change);
		else
			seeds = seeds && same && all_zero(change) == (p->model[m].seed == p->t.spec.seed);
		examples += (p->train.n_examples - (m < N_LEFT) - (m < N_LEFT && 7 * m < N_TWICE)) *
					(unsigned long long) p->t.spec.epochs;
		over_models += n_flips(p->change[m], N_EVAL, 1);
	}
	okf(left, "%s: leaving out a row is training on rows without it", adv_gemm_name());
	ok(seeds, "another seed starts elsewhere, the same one ends where the base model does");
	ok(p->state.examples_done == examples && p->t.state.examples_done == 3 * p->train.n_examples,
	   "progress is complete");

	for (size_t x = 0; x < N_EVAL; x++)
		over_rows += n_flips(&p->change[0][x], N_MODELS, N_EVAL);
	okf(over_rows == over_models && over_rows > 0, "LUF_l |L| = LUF_t |X| = %zu", over_rows);
	problem_free(p);
}

/* Nobody misses a row that is in no example, or one that was not even left out. */
static void
test_identity(void)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});

	p->luf.n_models = 3;
	p->model[0].left_row = UNUSED;
	p->model[1].left_row = -1;
	p->model[2].left_row = 3;
	problem_run(p, 2);
	ok(all_zero(p->change[0]), "a row that is in no example is not missed");
	ok(all_zero(p->change[1]), "nothing left out changes nothing");
	ok(!all_zero(p->change[2]), "a row with examples is missed");
	problem_free(p);
}

/* All seeds start from another model's parameters. */
static void
test_warm(void)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});
	float cold[N_EVAL];

	problem_run(p, 1);
	memcpy(cold, p->change[N_LEFT], sizeof(cold));
	forget_models(p);
	p->luf.warm = true;
	p->t.spec.epochs = 0;
	problem_run(p, 1);
	ok(n_done(p) == N_MODELS && all_zero(p->change[0]) && all_zero(p->change[N_LEFT]),
	   "before training all warm models are one");
	p->t.spec.epochs = 3;
	forget_models(p);
	problem_run(p, 1);
	ok(!all_zero(p->change[N_LEFT]) && memcmp(cold, p->change[N_LEFT], sizeof(cold)) != 0,
	   "then the order of examples tells them apart");
	problem_free(p);
}

static void
test_done_before(void)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});
	static float change[N_MODELS][N_EVAL];
	float mark[N_EVAL];
	bool kept = true, same = true;

	problem_run(p, 1);
	memcpy(change, p->change, sizeof(change));
	forget_models(p);
	memcpy(mark, p->change[0], sizeof(mark));
	for (int m = 0; m < N_MODELS; m += 3)
		p->model[m].stage = ADV_LUF_GIVEN;
	problem_run(p, 2);
	for (int m = 0; m < N_MODELS; m++)
		if (m % 3 == 0)
			kept = kept && memcmp(p->change[m], mark, sizeof(mark)) == 0;
		else
			same = same && memcmp(p->change[m], change[m], sizeof(mark)) == 0;
	ok(kept && p->n_done == N_MODELS - N_MODELS / 3, "models done beforehand are left alone");
	ok(same && n_done(p) == N_MODELS, "the others are what they are without them");

	problem_run(p, 3);
	ok(p->status[0] == ADV_OK && p->n_done == 0 && p->state.examples_done == 0,
	   "with all of them done there is nothing to do");
	p->luf.n_models = 0;
	problem_run(p, 2);
	ok(p->status[0] == ADV_OK && p->status[1] == ADV_OK, "nor with none");
	problem_free(p);
}

static void
test_interruption(int members)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});
	static float change[N_MODELS][N_EVAL];
	bool stopped = true, same = true;
	int done;

	problem_run(p, 1);
	memcpy(change, p->change, sizeof(change));
	forget_models(p);
	p->stop_after = 4;
	problem_run(p, members);
	for (int i = 0; i < members; i++)
		stopped = stopped && p->status[i] == ADV_ABORTED;
	for (int m = 0; m < N_MODELS; m++)
		if (p->model[m].stage)
			same = same && memcmp(p->change[m], change[m], sizeof(change[m])) == 0;
	done = n_done(p);
	okf(stopped && done >= 4 && done < 4 + members, "%d members stop after %d models", members, done);
	ok(same && p->state.failed_model == 0, "which are complete");

	p->stop_after = 0;
	problem_run(p, members);
	ok(p->n_done == N_MODELS - done && memcmp(change, p->change, sizeof(change)) == 0,
	   "a second run trains the others, to the same bits");
	problem_free(p);
}

/* Cancelled as soon as a model has trained on its first minibatch. */
static void
stop_within_model(void *arg)
{
	Problem *p = arg;

	if (p->state.examples_done > 0)
		atomic_store(&p->team.abort, 1);
}

static void
test_cancelling(int members)
{
	Problem *p = problem_make(IMAGE, (AdvShape){2, 6, 6});
	bool stopped = true;

	p->poll = stop_within_model;
	problem_run(p, members);
	for (int i = 0; i < members; i++)
		stopped = stopped && p->status[i] == ADV_ABORTED;
	okf(stopped && n_done(p) == 0, "%d members are stopped within their models", members);
	okf(p->state.examples_done <= 40 * (unsigned long long) members, "after %llu examples",
		(unsigned long long) p->state.examples_done);
	is_string(p->error[members - 1].message, "training was stopped", "and say so");
	problem_free(p);
}

/* The base model and other seeds are fine, but models that start from initial are not. */
static void
test_divergence(void)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});
	float *fine = p->initial;
	float *bad = memcpy(zeros(sizeof(float) * p->t.net.n_params), fine, sizeof(float) * p->t.net.n_params);
	float change[N_EVAL];
	int diverged = 0, aborted = 0;

	for (size_t i = (size_t) (p->t.net.scale ? 2 * p->t.net.input.c : 0); i < p->t.net.n_params; i++)
		bad[i] = 3e38f;
	p->luf.initial = bad;
	p->luf.n_models = 4;
	p->model[0] = (AdvLufModel){-1, 77, 0};
	p->model[1].left_row = 5;
	problem_run(p, 1);
	ok(p->status[0] == ADV_DIVERGED && n_done(p) == 1 && p->model[0].stage && p->state.failed_model == 2,
	   "a model that diverges ends the run");
	is_string(p->error[0].message, "training diverged in epoch 1, minibatch 1: the loss is not finite",
			  "the message says where");
	ok(p->error[0].row[ADV_ROW_LEFT_OUT] == 6 && p->error[0].row[ADV_ROW_COMPARED] == 0,
	   "and without which row");
	change_by_hand(p, &p->model[0], change);
	ok(memcmp(change, p->change[0], sizeof(change)) == 0, "the model before it is complete");

	p->model[0].stage = ADV_LUF_OPEN;
	p->luf.n_models = N_MODELS;
	problem_run(p, 4);
	for (int i = 0; i < 4; i++)
	{
		diverged += p->status[i] == ADV_DIVERGED;
		aborted += p->status[i] == ADV_ABORTED;
	}
	ok(diverged == 1 && aborted == 3, "one member of many tells why, the others stop");
	free(bad);

	p->luf.initial = fine;
	p->t.spec.optimizer.learning_rate = 1e30;
	forget_models(p);
	problem_run(p, 2);
	ok(p->status[0] == ADV_DIVERGED && p->status[1] == ADV_ABORTED && p->state.failed_model == 0 &&
		   p->error[0].detail[0] == '\0',
	   "when the base model diverges no row was left out");
	problem_free(p);
}

static void
test_not_finite(void)
{
	Problem *p = problem_make("", (AdvShape){6, 1, 1});

	for (size_t i = 0; i < 6; i++)
		p->t.x[6 * (N_ROWS + 200) + i] = i % 2 ? 3e38f : -3e38f;
	problem_run(p, 3);
	ok(p->status[0] == ADV_DIVERGED && p->status[1] == ADV_ABORTED && p->status[2] == ADV_ABORTED &&
		   n_done(p) == 0,
	   "predictions that are not finite are not compared");
	ok(strcmp(p->error[0].message, "the output of the network is not finite") == 0 &&
		   p->error[0].row[ADV_ROW_COMPARED] == 201 && p->error[0].row[ADV_ROW_LEFT_OUT] == 0,
	   "the row is told");
	problem_free(p);
}

static void
test_other_failures(void)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});

	p->without_memory = 1;
	problem_run(p, 3);
	ok(p->status[0] == ADV_ABORTED && p->status[1] == ADV_LIMIT && p->status[2] == ADV_ABORTED,
	   "a member without memory stops the team");
	p->without_memory = -1;

	p->train.n_examples = 1;
	problem_run(p, 1);
	ok(p->status[0] == ADV_INVALID && p->state.failed_model == 1, "the only example cannot be left out");
	is_string(p->error[0].message, "there are no examples to train on", "and the message says so");
	problem_free(p);
}

/* A row's twin is left out with it. Everything else stays, the other twins too. */
static void
test_twins(void)
{
	Problem *p = problem_make(TABULAR, (AdvShape){6, 1, 1});
	float change[N_EVAL];
	bool same = true;

	problem_merge(p, false);
	problem_run(p, 2);
	for (int m = 0; m < N_MODELS; m++)
	{
		change_by_hand(p, &p->model[m], change);
		same = same && memcmp(change, p->change[m], sizeof(change)) == 0;
	}
	ok(same && n_done(p) == N_MODELS, "a row is left out with its twin");
	problem_free(p);
}

static void
test_regenerate(const char *arch, AdvShape shape, bool warm)
{
	Problem *p = problem_make(arch, shape);
	static float change[N_MODELS][N_EVAL], kept[N_MODELS][N_EVAL];
	size_t n_left = 0, twice;
	bool same = true, different = true;

	problem_merge(p, warm);
	twice = p->train.n_examples / N_CLEAN;
	p->model[1].left_row = UNUSED;
	problem_run(p, 2);
	memcpy(kept, p->change, sizeof(kept));
	forget_models(p);
	p->luf.regenerate = &p->attack;
	problem_run(p, 1);
	memcpy(change, p->change, sizeof(change));
	for (int m = 0; m < N_MODELS; m++)
	{
		float expected[N_EVAL];
		int64_t left_row = p->model[m].left_row;

		change_regenerated(p, &p->model[m], expected);
		same = same && memcmp(expected, change[m], sizeof(expected)) == 0;
		if (left_row != UNUSED && m != N_MODELS - 1)
			different = different && memcmp(kept[m], change[m], sizeof(change[m])) != 0;
		if (left_row >= 0 && left_row != UNUSED)
			n_left += 1 + (left_row < N_TWICE);
	}
	okf(same, "%s: each model%s has a source and twins of its own", adv_gemm_name(),
		warm ? ", started warm," : "");
	ok(different, "which makes a difference");
	ok(all_zero(change[1]) && all_zero(change[N_MODELS - 1]),
	   "they are the base model's if no example is left out");
	ok(p->state.examples_done == (N_MODELS * N_CLEAN - n_left) * (4 + twice * 3),
	   "progress includes the sources");

	forget_models(p);
	problem_run(p, 3);
	ok(memcmp(change, p->change, sizeof(change)) == 0, "3 members craft the same twins");
	problem_free(p);
}

/* Cancelled when a source model is trained and its twins are being crafted, which would take forever. */
static void
stop_within_attack(void *arg)
{
	Problem *p = arg;

	if (p->state.examples_done == N_CLEAN * (unsigned long long) p->source_spec.epochs)
		atomic_store(&p->team.abort, 1);
}

static void
test_regenerate_failures(void)
{
	Problem *p = problem_make("", (AdvShape){6, 1, 1});

	problem_source(p, false);
	p->luf.regenerate = &p->attack;
	p->luf.n_models = 1;
	p->model[0].left_row = -1;
	p->attack.steps = 1 << 30;
	p->poll = stop_within_attack;
	problem_run(p, 2);
	ok(p->status[0] == ADV_ABORTED || p->status[1] == ADV_ABORTED, "crafting can be cancelled");
	ok(n_done(p) == 0, "and leaves no model");
	p->poll = NULL;

	p->attack.steps = 4;
	p->attack.eps = 3e38;
	p->attack.ball.low = -INFINITY;
	p->attack.ball.high = INFINITY;
	problem_run(p, 1);
	ok(p->status[0] == ADV_DIVERGED && p->state.failed_model == 1,
	   "twins that overflow the source end the run");
	ok(strstr(p->error[0].message, "the output of the network is not finite") != NULL &&
		   p->error[0].row[ADV_ROW_OF_DATA] > 0,
	   "the message says so");

	p->source_spec.optimizer.learning_rate = 1e30;
	p->model[0].left_row = 3;
	problem_run(p, 1);
	ok(p->status[0] == ADV_DIVERGED && p->state.failed_model == 1 && p->error[0].row[ADV_ROW_LEFT_OUT] == 4,
	   "so does a source that diverges");
	problem_free(p);
}

int
main(void)
{
	test_team_sizes(TABULAR, (AdvShape){6, 1, 1});
	test_team_sizes(IMAGE, (AdvShape){2, 6, 6});
	test_by_hand(TABULAR, (AdvShape){6, 1, 1});
	test_by_hand(IMAGE, (AdvShape){2, 6, 6});
	test_team_sizes("dense 12, tanh, dropout 0.3, dense 7, relu", (AdvShape){6, 1, 1});
	test_by_hand("dense 12, tanh, dropout 0.3, dense 7, relu", (AdvShape){6, 1, 1});
	test_identity();
	test_warm();
	test_done_before();
	test_interruption(1);
	test_interruption(3);
	test_cancelling(1);
	test_cancelling(3);
	test_divergence();
	test_not_finite();
	test_other_failures();
	test_twins();
	test_regenerate(TABULAR, (AdvShape){6, 1, 1}, false);
	test_regenerate(IMAGE, (AdvShape){2, 6, 6}, true);
	test_regenerate_failures();
	if (adv_gemm_load_blas())
	{
		test_team_sizes(TABULAR, (AdvShape){6, 1, 1});
		test_by_hand(TABULAR, (AdvShape){6, 1, 1});
		test_by_hand(IMAGE, (AdvShape){2, 6, 6});
		test_regenerate(TABULAR, (AdvShape){6, 1, 1}, true);
	}
	done_testing();
	return 0;
}
