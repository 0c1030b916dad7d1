/*
 * luf.c
 *		Leave-one-out trainings. A member trains a model as a team of one: the same code as for the base model, with memory
 *		of its own for what a training shares, and a poll that passes on what the real team is told.
 */
#include <math.h>
#include <string.h>

#include "carve.h"
#include "core/luf.h"

/* What a member has for itself: memory for one training, used for all of its models in turn. */
typedef struct Memory
{
	float *params;         /* (n_params) */
	AdvEpoch *epochs;      /* (epochs) */
	void *shared;          /* of adv_train */
	void *private;         /* of adv_train and adv_predict in turn */
	uint32_t *example_row; /* (n_examples) those without the row left out */
	uint64_t *example_key;
	float *proba; /* (eval->n_rows, classes) */
	int32_t *prediction;
	size_t bytes;
} Memory;

typedef struct Member
{
	const AdvLuf *luf;
	AdvTeam *team; /* all members */
	AdvTeam alone; /* the team of one that trains the other models */
	AdvTeamShared alone_shared;
	Memory memory;
	AdvTrainState state;         /* of the training under way */
	unsigned long long reported; /* of its examples, in luf->state */
} Member;

/* ---- memory ---- */

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static Memory
carve_memory(const AdvLuf *luf, void *memory)
{
	AdvCarver carver = {memory, 0};
	const AdvTrain *t = luf->train;
	size_t n_eval = luf->eval->n_rows;
	Memory m;

	m.params = adv_carve_floats(&carver, t->net->n_params);
	m.epochs = adv_carve(&carver, (size_t) t->spec->epochs, sizeof(AdvEpoch));
	m.shared = adv_carve(&carver, adv_train_shared_size(t->net, t->spec, t->n_examples), 1);
	m.private = adv_carve(
		&carver, larger(adv_train_private_size(t->net, t->spec), adv_predict_private_size(t->net)), 1);
	m.example_row = adv_carve(&carver, t->n_examples, sizeof(uint32_t));
	m.example_key = adv_carve(&carver, t->n_examples, sizeof(uint64_t));
	m.proba = adv_carve_floats(&carver, n_eval * (size_t) t->net->classes);
	m.prediction = adv_carve(&carver, n_eval, sizeof(int32_t));
	m.bytes = carver.used;
	return m;
}

/* The allocator aligns for any type, which may be less than the core wants. */
size_t
adv_luf_private_size(const AdvLuf *luf)
{
	return carve_memory(luf, NULL).bytes + ADV_ALIGN;
}

static AdvStatus
get_memory(Member *m, AdvError *err)
{
	const AdvAllocator *allocator = &m->luf->allocator;
	size_t size = adv_luf_private_size(m->luf);
	unsigned char *memory = allocator->alloc(allocator->arg, size);

	if (!memory)
		return adv_fail(err, ADV_LIMIT, "could not allocate %zu bytes for a training", size);
	memory += (ADV_ALIGN - (uintptr_t) memory % ADV_ALIGN) % ADV_ALIGN;
	m->memory = carve_memory(m->luf, memory);
	return ADV_OK;
}

/* ---- the team of one ---- */

static void
report_progress(Member *m)
{
	unsigned long long done = atomic_load(&m->state.examples_done);

	if (done != m->reported)
		atomic_fetch_add(&m->luf->state->examples_done, done - m->reported);
	m->reported = done;
}

/* AdvTeam.poll of the team of one. */
static void
relay(void *arg)
{
	Member *m = arg;

	if (adv_team_should_stop(m->team))
		atomic_store(&m->alone_shared.abort, 1);
	report_progress(m);
}

/* Train memory->params with spec on the first n_examples of memory's examples. */
static AdvStatus
train_alone(Member *m, const AdvTrainSpec *spec, size_t n_examples, AdvError *err)
{
	AdvTrain t = *m->luf->train;
	AdvStatus status;

	t.spec = spec;
	t.n_examples = n_examples;
	t.example_row = m->memory.example_row;
	t.example_key = m->memory.example_key;
	if (spec->robust.method != ADV_METHOD_FAST) /* the only one that acts on what it sees there */
	{
		t.validation = NULL;
		t.n_validation = 0;
	}
	t.params = m->memory.params;
	t.state = &m->state;
	t.epochs = m->memory.epochs;
	t.shared = memset(m->memory.shared, 0, adv_train_shared_size(t.net, spec, n_examples));
	t.private = m->memory.private;

	memset(&m->state, 0, sizeof(m->state));
	m->reported = 0;
	status = adv_train(&t, &m->alone, err);
	report_progress(m);
	return status;
}

/* ---- one model ---- */

/* Collect the examples that do not come from left_row (-1: all), neither as themselves nor as twins. Returns their number. */
static size_t
select_examples(Member *m, int64_t left_row)
{
	const AdvTrain *t = m->luf->train;
	size_t n = 0;

	for (size_t i = 0; i < t->n_examples; i++)
	{
		size_t row = t->example_row[i];

		if ((int64_t) (row < t->data->n_rows ? row : row - t->data->n_rows) == left_row)
			continue;
		m->memory.example_row[n] = t->example_row[i];
		m->memory.example_key[n++] = t->example_key[i];
	}
	return n;
}

/* Parameters before training. The scaling layer belongs to the data, not to the seed. */
static void
start_params(Member *m, uint64_t seed)
{
	const AdvLuf *luf = m->luf;
	const AdvNetwork *net = luf->train->net;
	size_t copied = net->n_params;

	if (seed != luf->train->spec->seed && !luf->warm)
	{
		adv_network_init(net, m->memory.params, seed, (AdvInit) luf->init);
		copied = net->first_trained;
	}
	memcpy(m->memory.params, luf->initial, sizeof(float) * copied);
}

/* Class probabilities of a row are all NaN when its logits are not finite. */
static AdvStatus
check_finite(const AdvLuf *luf, const float *proba, AdvError *err)
{
	for (size_t x = 0; x < luf->eval->n_rows; x++)
		if (isnan(proba[x * (size_t) luf->train->net->classes]))
		{
			adv_fail(err, ADV_DIVERGED, "compared row %zu: the output of the network is not finite", x + 1);
			adv_hint(err, "The row is far outside of what the model can have been trained on.");
			return ADV_DIVERGED;
		}
	return ADV_OK;
}

/* How far memory's predictions are from the base model's. */
static void
compare(const Member *m, float *change)
{
	const AdvLuf *luf = m->luf;
	size_t classes = (size_t) luf->train->net->classes;

	for (size_t x = 0; x < luf->eval->n_rows; x++)
	{
		bool flipped = m->memory.prediction[x] != luf->base_prediction[x];
		float largest = 0;

		for (size_t i = x * classes; i < (x + 1) * classes; i++)
			largest = fmaxf(largest, fabsf(m->memory.proba[i] - luf->base_proba[i]));
		change[x] = flipped ? -largest : largest;
	}
}

static AdvStatus
run_model(Member *m, size_t number, AdvError *err)
{
	const AdvLuf *luf = m->luf;
	const AdvLufModel *model = &luf->models[number];
	AdvTrainSpec spec = *luf->train->spec;
	AdvStatus status;

	spec.seed = model->seed;
	start_params(m, model->seed);
	status = train_alone(m, &spec, select_examples(m, model->left_row), err);
	if (status != ADV_OK)
		return status;

	adv_team_rewind(&m->alone);
	status = adv_predict(luf->train->net, m->memory.params, luf->eval, NULL, luf->eval->n_rows, &m->alone,
						 m->memory.prediction, m->memory.proba, NULL, m->memory.private, NULL);
	if (status == ADV_OK)
		status = check_finite(luf, m->memory.proba, err);
	if (status == ADV_OK)
		compare(m, luf->change + number * luf->eval->n_rows);
	return status;
}

/* ---- the run ---- */

/* Everybody has taken the pieces there were; the next use may begin. */
static AdvStatus
rewind_team(AdvTeam *team)
{
	if (adv_team_barrier(team) != ADV_OK)
		return ADV_ABORTED;
	if (team->rank == 0)
		adv_team_rewind(team);
	return adv_team_barrier(team);
}

/* Train and predict by the whole team. What goes wrong for all is reported by rank 0. */
static AdvStatus
run_base(Member *m, AdvError *err)
{
	const AdvLuf *luf = m->luf;
	AdvTrain t = *luf->train;
	AdvStatus status;

	t.private = m->memory.private;
	if ((status = adv_train(&t, m->team, err)) != ADV_OK)
		return status;
	if (rewind_team(m->team) != ADV_OK)
		return ADV_ABORTED;
	status = adv_predict(t.net, t.params, luf->eval, NULL, luf->eval->n_rows, m->team, luf->base_prediction,
						 luf->base_proba, NULL, m->memory.private, NULL);
	if (status != ADV_OK || rewind_team(m->team) != ADV_OK)
		return ADV_ABORTED;
	status = check_finite(luf, luf->base_proba, err);
	return status == ADV_OK || m->team->rank == 0 ? status : ADV_ABORTED;
}

/* Only the first model to fail is reported. */
static AdvStatus
model_failed(Member *m, size_t number, AdvStatus status, AdvError *err)
{
	const AdvLufModel *model = &m->luf->models[number];
	unsigned long long none = 0;

	if (status == ADV_ABORTED ||
		!atomic_compare_exchange_strong(&m->luf->state->failed_model, &none, number + 1))
		return ADV_ABORTED;
	if (model->left_row >= 0)
		adv_detail(err, "Row number %lld was left out.", (long long) model->left_row);
	else
		adv_detail(err, "The seed was %llu.", (unsigned long long) model->seed);
	return status;
}

/* Take models until there are none. */
static AdvStatus
run_models(Member *m, AdvError *err)
{
	const AdvLuf *luf = m->luf;
	uint64_t i;

	while ((i = adv_team_take(m->team, luf->n_models)) < luf->n_models)
	{
		AdvStatus status;

		if (atomic_load(&luf->models[i].done))
			continue;
		status = run_model(m, (size_t) i, err);
		if (status != ADV_OK)
			return model_failed(m, (size_t) i, status, err);
		atomic_store_explicit(&luf->models[i].done, 1, memory_order_release);
		if (luf->model_done)
			luf->model_done(luf->model_done_arg, (size_t) i);
	}
	return atomic_load(&m->team->shared->abort) ? ADV_ABORTED : ADV_OK;
}

AdvStatus
adv_luf(const AdvLuf *luf, AdvTeam *team, AdvError *err)
{
	Member m = {.luf = luf, .team = team, .alone = {.size = 1, .poll = relay}};
	AdvStatus status;

	adv_team_init(&m.alone_shared);
	m.alone.shared = &m.alone_shared;
	m.alone.poll_arg = &m;

	status = get_memory(&m, err);
	if (status == ADV_OK)
		status = run_base(&m, err);
	if (status == ADV_OK)
		status = run_models(&m, err);
	if (status == ADV_ABORTED)
		return adv_fail(err, ADV_ABORTED, "training was stopped");
	if (status != ADV_OK)
		atomic_store(&team->shared->abort, 1);
	return status;
}
