/*
 * luf.c
 *		Leave-one-out trainings. A member trains a model as a team of one: the same code as for the base model, with memory
 *		of its own for what a training shares, and a poll that passes on what the real team is told.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/network/predict.h"
#include "core/train/luf.h"

/* What a member has for itself: memory for one training, used for all of its models in turn. */
typedef struct Memory
{
	float *params;         /* (n_params) */
	AdvEpoch *epochs;      /* (epochs) */
	void *shared;          /* of adv_train */
	void *private;         /* of adv_train, adv_predict and adv_attack in turn */
	uint32_t *example_row; /* (n_examples) those without the row left out */
	uint64_t *example_key;
	float *proba; /* (eval->n_rows, classes) */
	int32_t *prediction;
	float *twin;    /* (data->n_rows, inputs) crafted again */
	uint8_t *flags; /* (data->n_rows) of the attack */
	size_t bytes;
} Memory;

typedef struct Member
{
	const AdvLuf *luf;
	AdvTeam *team; /* all members */
	AdvTeam alone; /* the team of one that trains the other models */
	AdvTeamShared alone_shared;
	Memory memory;
	AdvField twin_field;
	const unsigned char *twin_chunk;
	AdvDataset twins;            /* memory->twin */
	AdvTrainState state;         /* of the training under way */
	unsigned long long reported; /* of its examples, in luf->state */
} Member;

/* ---- memory ---- */

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* What serves for several things in turn is as large as the largest. */
static Memory
carve_memory(const AdvLuf *luf, void *memory)
{
	AdvCarver carver = {memory, 0};
	const AdvTrain *t = luf->train;
	const AdvTrainSpec *source = luf->regenerate ? luf->source_spec : t->spec;
	size_t n_twins = luf->regenerate ? t->data->n_rows : 0;
	size_t n_eval = luf->eval->n_rows;
	size_t shared = larger(adv_train_shared_size(t->net, t->spec, t->n_examples),
						   adv_train_shared_size(t->net, source, t->n_examples));
	size_t private = larger(adv_train_private_size(t->net, t->spec), adv_train_private_size(t->net, source));
	Memory m;

	private = larger(private, adv_predict_private_size(t->net));
	private = larger(private, luf->regenerate ? adv_attack_private_size(t->net) : 0);
	m.params = adv_carve_floats(&carver, t->net->n_params);
	m.epochs =
		adv_carve(&carver, larger((size_t) t->spec->epochs, (size_t) source->epochs), sizeof(AdvEpoch));
	m.shared = adv_carve(&carver, shared, 1);
	m.private = adv_carve(&carver, private, 1);
	m.example_row = adv_carve(&carver, t->n_examples, sizeof(uint32_t));
	m.example_key = adv_carve(&carver, t->n_examples, sizeof(uint64_t));
	m.proba = adv_carve_floats(&carver, n_eval * (size_t) t->net->classes);
	m.prediction = adv_carve(&carver, n_eval, sizeof(int32_t));
	m.twin = adv_carve_floats(&carver, n_twins * adv_shape_size(t->net->input));
	m.flags = adv_carve(&carver, n_twins, sizeof(uint8_t));
	m.bytes = carver.used;
	return m;
}

/* The allocator aligns for any type, which may be less than the core wants. */
size_t
adv_luf_private_size(const AdvLuf *luf)
{
	return carve_memory(luf, NULL).bytes + ADV_ALIGN;
}

/* Twins as a data set, like the base model's. */
static void
place_twins(Member *m)
{
	AdvShape shape = m->luf->train->net->input;
	size_t n_rows = m->luf->train->data->n_rows;

	m->twin_field = (AdvField){ADV_FIELD_FLOAT, (int32_t) adv_shape_size(shape)};
	m->twin_chunk = (const unsigned char *) m->memory.twin;
	m->twins = (AdvDataset){
		.layout = {&m->twin_field, 1, shape, adv_layout_row_bytes(&m->twin_field, 1)},
		.n_rows = n_rows,
		.rows_per_chunk = n_rows,
		.chunks = &m->twin_chunk,
	};
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
	if (m->luf->regenerate)
		place_twins(m);
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
	if (m->luf->regenerate)
		t.twins = &m->twins;
	t.n_examples = n_examples;
	t.example_row = m->memory.example_row;
	t.example_key = m->memory.example_key;
	if (!adv_train_heeds_validation(spec))
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

static AdvStatus
not_finite(AdvError *err, AdvErrorRow which, size_t row)
{
	adv_fail(err, ADV_DIVERGED, "the output of the network is not finite");
	adv_hint(err, "The row is far outside of what the model can have been trained on.");
	adv_about_row(err, which, row);
	return ADV_DIVERGED;
}

/* Collect the examples that do not come from left_row (-1: all), neither as themselves nor as twins. Returns their number. */
static size_t
select_examples(Member *m, int64_t left_row, bool with_twins)
{
	const AdvTrain *t = m->luf->train;
	size_t n = 0;

	for (size_t i = 0; i < t->n_examples; i++)
	{
		size_t row = t->example_row[i];
		bool twin = row >= t->data->n_rows;

		if ((twin && !with_twins) || (int64_t) (twin ? row - t->data->n_rows : row) == left_row)
			continue;
		m->memory.example_row[n] = t->example_row[i];
		m->memory.example_key[n++] = t->example_key[i];
	}
	return n;
}

/* The scaling layer belongs to the data, not to the seed. */
static void
draw_params(Member *m, uint64_t seed)
{
	const AdvNetwork *net = m->luf->train->net;

	adv_network_init(net, m->memory.params, seed, (AdvInit) m->luf->init);
	adv_network_copy_fixed(net, m->luf->initial, m->memory.params);
}

/* Parameters before training. A model crafted with is in their place already. */
static void
start_params(Member *m, uint64_t seed)
{
	const AdvLuf *luf = m->luf;

	if (luf->warm && luf->regenerate)
		return;
	if (luf->warm || seed == luf->train->spec->seed)
		memcpy(m->memory.params, luf->initial, sizeof(float) * luf->train->net->n_params);
	else
		draw_params(m, seed);
}

/* Attack all rows with the model in memory->params. */
static AdvStatus
craft_twins(Member *m, const AdvAttack *attack, AdvError *err)
{
	const AdvDataset *data = m->luf->train->data;
	AdvInputs twins = {data->n_rows, &m->memory.twin};
	AdvAttackState state = {0};
	AdvAttackRun run = {
		.net = m->luf->train->net,
		.params = m->memory.params,
		.data = data,
		.key = m->luf->key,
		.n = data->n_rows,
		.attack = attack,
		.result = {.flags = m->memory.flags, .x = &twins},
		.state = &state,
		.private = m->memory.private,
	};

	adv_team_rewind(&m->alone);
	if (adv_attack(&run, &m->alone) != ADV_OK)
		return ADV_ABORTED;
	for (size_t r = 0; r < data->n_rows; r++)
		if (m->memory.flags[r] & ADV_ATTACK_OVERFLOW)
			return not_finite(err, ADV_ROW_OF_DATA, r);
	return ADV_OK;
}

/* Train the source model and craft its twins. Seeds differ from those of the base as much as the model's does. */
static AdvStatus
regenerate(Member *m, const AdvLufModel *model, AdvError *err)
{
	const AdvLuf *luf = m->luf;
	uint64_t other = model->seed ^ luf->train->spec->seed;
	AdvTrainSpec source = *luf->source_spec;
	AdvAttack attack = *luf->regenerate;
	AdvStatus status;

	source.seed ^= other;
	attack.seed ^= other;
	draw_params(m, source.seed);
	status = train_alone(m, &source, select_examples(m, model->left_row, false), err);
	return status == ADV_OK ? craft_twins(m, &attack, err) : status;
}

/* Class probabilities of a row are all NaN when its logits are not finite. */
static AdvStatus
check_finite(const AdvLuf *luf, const float *proba, AdvError *err)
{
	for (size_t x = 0; x < luf->eval->n_rows; x++)
		if (isnan(proba[x * (size_t) luf->train->net->classes]))
			return not_finite(err, ADV_ROW_COMPARED, x);
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

	if (luf->regenerate && (status = regenerate(m, model, err)) != ADV_OK)
		return status;
	spec.seed = model->seed;
	start_params(m, model->seed);
	status = train_alone(m, &spec, select_examples(m, model->left_row, true), err);
	if (status != ADV_OK)
		return status;

	adv_team_rewind(&m->alone);
	status = adv_predict(&(AdvPrediction){.net = luf->train->net,
										  .params = m->memory.params,
										  .data = luf->eval,
										  .n = luf->eval->n_rows,
										  .prediction = m->memory.prediction,
										  .proba = m->memory.proba},
						 &m->alone, m->memory.private);
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
	status = adv_predict(&(AdvPrediction){.net = t.net,
										  .params = t.params,
										  .data = luf->eval,
										  .n = luf->eval->n_rows,
										  .prediction = luf->base_prediction,
										  .proba = luf->base_proba},
						 m->team, m->memory.private);
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
		adv_about_row(err, ADV_ROW_LEFT_OUT, (size_t) model->left_row);
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

		if (atomic_load(&luf->models[i].stage) != ADV_LUF_OPEN)
			continue;
		status = run_model(m, (size_t) i, err);
		if (status != ADV_OK)
			return model_failed(m, (size_t) i, status, err);
		atomic_store_explicit(&luf->models[i].stage, ADV_LUF_TRAINED, memory_order_release);
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
