/*
 * training.c
 *		From a training task to model bytes: rows, examples, network, twins, run.
 *
 * A plan holds all that is made before the core runs. Merged adversarial training needs a model to craft the twins on: a
 * source from the registry, or one trained here first, from the same plan without twins.
 */
#include "pg/operation/training.h"

#include <math.h>

#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "core/network/model.h"
#include "core/base/rng.h"
#include "pg/base/advpg.h"
#include "pg/base/compat.h"
#include "pg/model/callsite.h"
#include "pg/data/charset.h"
#include "pg/run/checkpoint.h"
#include "pg/run/run_train.h"
#include "pg/operation/crafting.h"
#include "pg/task/json.h"
#include "pg/base/operation.h"
#include "pg/base/progress.h"
#include "pg/model/registry.h"
#include "pg/base/segment.h"
#include "pg/data/source.h"

#define PARAMS_AT_ONCE 1000000 /* drawn between two looks at interrupts */

static uint64_t
seed_of(const AdvpgTrainTask *task)
{
	return (uint64_t) (int64) task->seed;
}

/* ---- rows ---- */

double
advpg_validation_fraction(const AdvpgTrainTask *task)
{
	char *end;
	double fraction;

	if (task->validation == NULL)
		return 0;
	fraction = strtod(task->validation, &end);
	if (end == task->validation || end[strspn(end, " \t\n\r")] != '\0')
		return 0;
	if (!(fraction > 0 && fraction < 1))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("task key \"validation\" is %s, but a fraction must be greater than 0 and less than 1",
					   task->validation));
	return fraction;
}

static AdvpgRowsSpec
training_spec(const AdvpgTrainTask *task)
{
	AdvpgRowsSpec spec = {0};

	spec.data = task->data;
	spec.label = task->label;
	spec.label_required = true;
	spec.id = task->id;
	spec.id_required = true;
	spec.drop_missing = task->missing == ADVPG_MISSING_DROP;
	spec.features = task->features;
	spec.exclude = task->exclude;
	spec.encoding = task->encoding;
	spec.unseen = task->unseen;
	spec.held_out = advpg_validation_fraction(task);
	spec.seed = seed_of(task);
	if (task->input_shape)
	{
		spec.input_shape.c = *(double *) linitial(task->input_shape);
		spec.input_shape.h = *(double *) lsecond(task->input_shape);
		spec.input_shape.w = *(double *) lthird(task->input_shape);
	}
	return spec;
}

/* Rows that are to be attacked by a source are encoded as it wants them. */
static void
use_source(const AdvpgPlan *t, AdvpgRowsSpec *spec)
{
	if (t->task.source == NULL)
		return;
	spec->encoder = &t->source.encoder;
	spec->classes = t->source.classes;
	spec->n_classes = t->source.net.classes;
	spec->want_order = true;
	spec->split = true;
}

static void
read_training(AdvpgPlan *t)
{
	AdvpgRowsSpec spec = training_spec(&t->task);

	use_source(t, &spec);
	t->rows = advpg_rows_read(&spec);
	if (t->rows->labels.n > t->rows->n_classes)
		advpg_fail_no_class(&t->source, t->rows->labels.texts[t->rows->n_classes]);
	t->task.data = t->rows->source;
	t->task.session = t->rows->temporary ? advpg_session() : NULL;
	t->task.id = unconstify(char *, t->rows->id_name);
}

static void
read_validation(AdvpgPlan *t)
{
	AdvpgRowsSpec spec = training_spec(&t->task);

	t->listed = t->rows->held;
	t->n_listed = t->rows->n_held;
	if (t->task.validation == NULL || spec.held_out > 0)
		return;
	spec.data = t->task.validation;
	spec.id_required = false;
	spec.encoder = t->rows->encoder;
	spec.classes = t->rows->labels.texts;
	spec.n_classes = t->rows->n_classes;
	spec.want_order = true;
	t->validation = advpg_rows_read(&spec);
	t->task.validation = t->validation->source;
	if (t->validation->temporary)
		t->task.session = advpg_session();
	if (t->validation->n == 0)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("validation data \"%s\" has no rows", t->validation->source));
	if (t->validation->labels.n > t->rows->n_classes)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("label \"%s\" of validation data \"%s\" is not among the classes of the training data",
					   advpg_text_cstring(t->validation->labels.texts[t->rows->n_classes]),
					   t->validation->source));
	t->listed = t->validation->canonical;
	t->n_listed = t->validation->n;
}

/* ---- examples ---- */

/*
 * How often each row is an example. balance: as many examples of every class as of the largest, whole copies first, then rows
 * drawn by seed; xN: every row of a class smaller than the largest occurs N times.
 */
static uint32_t *
count_copies(AdvpgPlan *t, const uint32_t *kept, size_t n)
{
	uint32_t *copies = palloc_extended(sizeof(uint32_t) * t->rows->n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	size_t *count = palloc0(sizeof(size_t) * t->rows->n_classes);
	size_t largest = 0;
	bool balance = t->task.oversample && strcmp(t->task.oversample, "balance") == 0;

	ADVPG_EACH (i, n)
		count[t->rows->label[kept[i]]]++;
	for (int c = 0; c < t->rows->n_classes; c++)
		largest = Max(largest, count[c]);
	ADVPG_EACH (i, n)
	{
		size_t of_class = count[t->rows->label[kept[i]]];

		copies[kept[i]] = t->task.oversample == NULL || of_class == largest ? 1
						  : balance                                         ? largest / of_class
									: strtol(t->task.oversample + 1, NULL, 10);
	}
	if (balance)
	{
		uint32_t *drawn = advpg_rows_draw(t->rows, kept, n, seed_of(&t->task), ADV_FOR_OVERSAMPLE);
		size_t *taken = palloc0(sizeof(size_t) * t->rows->n_classes);

		ADVPG_EACH (i, n)
		{
			int32_t c = t->rows->label[drawn[i]];

			if (taken[c]++ < largest % count[c])
				copies[drawn[i]]++;
		}
		pfree(drawn);
	}
	return copies;
}

static void
make_examples(AdvpgPlan *t)
{
	const uint32_t *kept = t->rows->fitted;
	size_t n = t->rows->n_fitted;
	uint32_t *copies = count_copies(t, kept, n);
	size_t total = 0;

	ADVPG_EACH (i, n)
		total += copies[kept[i]];
	if (total > PG_UINT32_MAX)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("oversampling gives %zu examples, but at most %u are possible", total, PG_UINT32_MAX));
	advpg_check_memory(total * (sizeof(uint32_t) + sizeof(uint64_t)), "the examples");
	t->example_row = palloc_extended(sizeof(uint32_t) * total, MCXT_ALLOC_HUGE);
	t->example_key = palloc_extended(sizeof(uint64_t) * total, MCXT_ALLOC_HUGE);
	ADVPG_EACH (i, n)
		for (uint32_t copy = 0; copy < copies[kept[i]]; copy++)
		{
			uint64_t key = t->rows->key[kept[i]];

			t->example_row[t->n_examples] = kept[i];
			t->example_key[t->n_examples++] = copy ? hash_combine64(key, copy) : key;
		}
	pfree(copies);
}

/* ---- network ---- */

/* What the scaling layer learns of a channel of the input: its mean and spread over the rows examples come from. */
typedef struct Channel
{
	float min;
	float max;
	double mean; /* until all are known their sum */
	double squares;
} Channel;

/* Show each of these rows to all channels. */
static void
sweep_channels(const AdvpgPlan *t, Channel *channels, void (*look)(Channel *, float))
{
	AdvDataset data = advpg_rows_dataset(t->rows);
	size_t n_inputs = adv_shape_size(t->net.input);
	float *x = palloc_extended(sizeof(float) * n_inputs, MCXT_ALLOC_HUGE);

	ADVPG_EACH (i, t->rows->n_fitted)
	{
		adv_layout_expand(&data.layout, adv_dataset_row(&data, t->rows->fitted[i]), x);
		for (size_t k = 0; k < n_inputs; k++)
			look(&channels[k % t->net.input.c], x[k]);
	}
	pfree(x);
}

static void
add_up(Channel *channel, float x)
{
	channel->min = Min(channel->min, x);
	channel->max = Max(channel->max, x);
	channel->mean += x;
}

static void
add_square(Channel *channel, float x)
{
	double d = x - channel->mean;

	channel->squares += d * d;
}

/* 1 / standard deviation; a constant keeps its unit. */
static float
scaling_factor(const Channel *channel, int number, double n)
{
	float factor = 1 / sqrt(channel->squares / n);

	if (channel->min == channel->max)
		return 1;
	if (!(factor > 0 && isfinite(factor)))
		ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("input %d of the network cannot be scaled in single precision", number + 1),
				errdetail("Its values in training rows lie between %g and %g.", channel->min, channel->max),
				errhint("Use encoding standard or minmax, without scale."));
	return factor;
}

static void
fit_scaling(AdvpgPlan *t)
{
	AdvShape shape = t->net.input;
	double n = (double) t->rows->n_fitted * shape.h * shape.w;
	Channel *channels = palloc_extended(sizeof(Channel) * shape.c, MCXT_ALLOC_HUGE);

	for (int c = 0; c < shape.c; c++)
		channels[c] = (Channel){INFINITY, -INFINITY, 0, 0};
	sweep_channels(t, channels, add_up);
	for (int c = 0; c < shape.c; c++)
		channels[c].mean /= n;
	sweep_channels(t, channels, add_square);
	for (int c = 0; c < shape.c; c++)
	{
		t->params[c] = (float) channels[c].mean;
		t->params[shape.c + c] = scaling_factor(&channels[c], c, n);
	}
	pfree(channels);
}

static void
make_network(AdvpgPlan *t)
{
	bool is_image = t->rows->layout.fields[0].kind == ADV_FIELD_IMAGE;
	bool scale = t->task.scale >= 0 ? t->task.scale : !is_image && t->task.encoding == ADV_ENCODING_ORDINAL;
	char canonical[ADV_MAX_ARCH];
	AdvError err;

	if (t->task.arch == NULL)
		t->task.arch = is_image ? ADV_ARCH_IMAGE : ADV_ARCH_TABULAR;
	t->task.scale = scale;
	if (adv_network_parse(&t->net, t->task.arch, t->rows->layout.shape, t->rows->n_classes, scale, &err) !=
		ADV_OK)
		advpg_raise(&err, NULL);
	adv_network_arch(&t->net, canonical);
	t->task.arch = pstrdup(canonical);
	if (t->net.n_params > MaxAllocSize / sizeof(float) / 2)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("the network has %zu parameters, more than a model can store", t->net.n_params));
	advpg_check_memory(t->net.n_params * sizeof(float), "the network");
	t->params = palloc_extended(sizeof(float) * t->net.n_params, MCXT_ALLOC_HUGE);
	for (size_t first = 0; first < t->net.n_params; first += PARAMS_AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		adv_network_init_some(&t->net, t->params, seed_of(&t->task), t->task.init, first,
							  Min(PARAMS_AT_ONCE, t->net.n_params - first));
	}
	if (scale)
		fit_scaling(t);
}

static AdvTrainSpec
train_spec(const AdvpgTrainTask *task)
{
	AdvTrainSpec spec = {0};

	spec.optimizer.kind = task->optimizer;
	spec.optimizer.learning_rate = task->learning_rate;
	spec.optimizer.beta1 = 0.9;
	spec.optimizer.beta2 = 0.999;
	spec.optimizer.epsilon = 1e-8;
	spec.optimizer.momentum = task->momentum;
	spec.optimizer.weight_decay = task->weight_decay;
	spec.epochs = task->epochs;
	spec.batch_size = task->batch_size;
	spec.options = task->options;
	spec.seed = seed_of(task);
	return spec;
}

/* ---- the run ---- */

AdvpgTraining
advpg_plan_training(const AdvpgPlan *t)
{
	AdvpgTraining training = {0};

	training.net = &t->net;
	training.spec = &t->spec;
	training.params = t->params;
	training.rows = t->rows;
	training.twins = t->twins;
	training.validation = t->validation;
	training.n_listed = t->n_listed;
	training.listed = t->listed;
	training.n_examples = t->n_examples;
	training.example_row = t->example_row;
	training.example_key = t->example_key;
	training.workers = t->task.workers;
	training.phase = "computing";
	training.name = "training";
	return training;
}

/*
 * Train the plan's network: params (n_params) and epochs (spec.epochs) receive the results; returns how many epochs there were. phase is NULL
 * for what the task asks for, else what is done on the way, which is called so in checkpoints, too.
 */
static int
run_plan(const AdvpgPlan *t, const char *phase, float *params, AdvEpoch *epochs, int *n_workers)
{
	AdvpgTraining training = advpg_plan_training(t);
	AdvTrainState state;

	if (phase)
		training.phase = training.name = phase;
	state = advpg_run_train(&training, params, epochs, n_workers);
	if (state.ended_epoch > 0)
		ereport(WARNING,
				errmsg("training stopped in epoch %d of %d: %s", state.ended_epoch, t->spec.epochs,
					   state.ended.message),
				errdetail_internal("%s", state.ended.detail), errhint("%s", state.ended.hint));
	return atomic_load(&state.epochs_done);
}

/* ---- adversarial training ---- */

AdvModel
advpg_plan_model(const AdvpgPlan *t)
{
	AdvModel model = {0};

	model.net = t->net;
	model.label = advpg_cstring_text(t->task.label);
	model.classes = t->rows->labels.texts;
	model.encoder = *t->rows->encoder;
	model.params = t->params;
	return model;
}

/* Find the model that crafts, and take over how it encodes rows. */
static void
open_source(AdvpgPlan *t, Oid schema)
{
	AdvpgTrainTask *task = &t->task;
	AdvpgEntry *entry;

	if (task->source == NULL && task->source_id == NULL)
		return;
	entry = task->source_id ? advpg_registry_find_id(schema, task->source_id)
							: advpg_registry_find(schema, task->source);
	if (entry == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("source \"%s\" does not exist", task->source ? task->source : task->source_id),
				errdetail("It is known by its model_id, %s.", task->source_id),
				errhint("It was deleted since the task was recorded, or you may not use it."));
	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, &t->source);
	task->source = psprintf("%s@%d", entry->name, entry->version);
	task->source_id = entry->model_id;
	if ((task->encoding && task->encoding != t->source.encoder.encoding) ||
		(task->unseen && task->unseen != t->source.encoder.unseen))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("encoding or unseen differ from those of source \"%s\"", task->source),
				errdetail("Rows are encoded as the source does, with encoding \"%s\".",
						  adv_encoding_name(t->source.encoder.encoding)),
				errhint("Leave them out."));
	task->encoding = t->source.encoder.encoding;
	task->unseen = t->source.encoder.unseen;
	if (task->features || task->exclude)
		advpg_task_invalid(task->features ? "features" : "exclude",
						   "has no place beside source: features are those of the source");
	if (adv_text_compare(t->source.label, advpg_cstring_text(task->label)) != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the label of source \"%s\" is \"%s\", not \"%s\"", task->source,
					   advpg_text_cstring(t->source.label), task->label));
}

/* What a method leaves open, and the task's record of it. */
static void
resolve_attack(AdvpgPlan *t, const AdvModel *model, AdvAttack *attack)
{
	const AdvDefence *defence = advpg_defence(&t->task);
	const AdvpgAttackPreset preset = {defence->steps, defence->alpha};
	AdvpgAttackSettings *settings = &t->task.attack;

	if (settings->eps == NULL && t->rows->layout.fields[0].kind == ADV_FIELD_IMAGE)
	{
		settings->eps = palloc0(sizeof(JsonbValue));
		settings->eps->type = jbvNumeric;
		settings->eps->val.numeric = advpg_numeric(8.0 / 255);
	}
	advpg_attack_resolve(settings, model, t->rows->domain, defence->craft ? &preset : NULL, seed_of(&t->task),
						 attack);
	settings->how.steps = attack->steps;
	if (attack->alpha > 0)
		settings->how.alpha = attack->alpha;
	settings->how.restarts = attack->restarts;
	settings->how.random_start = attack->random_start;
	settings->clip_min = isfinite(attack->ball.low) ? attack->ball.low : NAN;
	settings->clip_max = isfinite(attack->ball.high) ? attack->ball.high : NAN;
}

/* Every example gets a twin. */
static void
double_examples(AdvpgPlan *t)
{
	size_t n = t->n_examples;

	if (n > PG_UINT32_MAX / 2 || t->rows->n > PG_UINT32_MAX / 2)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("%zu examples and as many adversarial ones are more than %u", n, PG_UINT32_MAX));
	t->example_row = repalloc_huge(t->example_row, sizeof(uint32_t) * 2 * n);
	t->example_key = repalloc_huge(t->example_key, sizeof(uint64_t) * 2 * n);
	ADVPG_EACH (i, n)
	{
		t->example_row[n + i] = t->rows->n + t->example_row[i];
		t->example_key[n + i] = hash_combine64(t->example_key[i], UINT64CONST(0x7477696e)); /* "twin" */
	}
	t->n_examples = 2 * n;
}

/* warm: from the source's weights. */
static void
start_warm(AdvpgPlan *t)
{
	char own[ADV_MAX_ARCH];
	char source[ADV_MAX_ARCH];

	adv_network_arch(&t->net, own);
	adv_network_arch(&t->source.net, source);
	if (strcmp(own, source) != 0 || t->net.scale != t->source.net.scale)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("warm training needs the network of source \"%s\"", t->task.source),
				errdetail("The source is \"%s\"%s, the new network \"%s\"%s.", source,
						  t->source.net.scale ? " with scale" : "", own, t->net.scale ? " with scale" : ""));
	advpg_segment_fill(t->params, t->source.params, sizeof(float) * t->net.n_params);
}

/* The paper's way: examples crafted once on a standard model join the others. */
static void
make_twins(AdvpgPlan *t)
{
	AdvpgAttackSpec spec = {0};
	AdvpgAttacked *attacked;
	size_t successes = 0;

	/* told now, and not when a source has been trained */
	advpg_check_memory(mul_size(t->rows->n, adv_shape_size(t->net.input) * sizeof(float)),
					   "the adversarial examples");
	t->source_spec = t->spec;
	if (t->task.source == NULL)
	{
		float *params = palloc_extended(sizeof(float) * t->net.n_params, MCXT_ALLOC_HUGE);
		AdvEpoch *epochs = palloc_extended(sizeof(AdvEpoch) * t->spec.epochs, MCXT_ALLOC_HUGE);
		int workers;

		(void) run_plan(t, "training the source", params, epochs, &workers);
		t->source = advpg_plan_model(t);
		t->source.params = params;
		pfree(epochs);
	}
	resolve_attack(t, &t->source, &t->craft);
	t->craft.early_stop = false;
	spec.model = &t->source;
	spec.rows = t->rows;
	spec.attack = &t->craft;
	spec.want_x = true;
	spec.phase = spec.name = "crafting";
	spec.workers = t->task.workers;
	attacked = advpg_attack(&spec);
	t->twins = attacked->x;
	ADVPG_EACH (i, attacked->n)
		successes += (attacked->flags[i] & ADV_ATTACK_SUCCESS) != 0;
	t->twin_success = (double) successes / attacked->n;
	double_examples(t);
	if (t->task.warm > 0)
		start_warm(t);
}

static void
make_robust(AdvpgPlan *t)
{
	AdvModel model = advpg_plan_model(t);
	AdvAttack attack;

	resolve_attack(t, &model, &attack);
	t->spec.robust.method = adv_defence(advpg_defence(&t->task)->name);
	t->spec.robust.settings = t->task.defence;
	t->spec.robust.attack = attack.method;
	memcpy(t->spec.robust.own, attack.own, sizeof(attack.own));
	t->spec.robust.ball = attack.ball;
	t->spec.robust.eps = attack.eps;
	t->spec.robust.alpha = attack.alpha;
	t->spec.robust.steps = attack.steps;
	t->spec.robust.random_start = attack.random_start;
}

/* ---- plan and training ---- */

static double
seconds_since(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* What a checkpoint of this training is worth nothing without. */
static void
announce(const AdvpgPlan *t)
{
	char *digest;

	if (!advpg_checkpointing())
		return;
	digest = advpg_rows_digest(t->rows);
	advpg_checkpoint_saw(digest, strlen(digest));
	if (t->validation)
	{
		digest = advpg_rows_digest(t->validation);
		advpg_checkpoint_saw(digest, strlen(digest));
	}
	if (t->task.source_id)
		advpg_checkpoint_saw(t->source.params, sizeof(float) * t->source.net.n_params);
}

AdvpgPlan *
advpg_plan_read(const AdvpgTrainTask *task, Oid schema)
{
	AdvpgPlan *t = palloc0(sizeof(AdvpgPlan));
	instr_time start;

	t->task = *task;
	t->twin_success = NAN;
	if (advpg_defence(task)->validation > 0 && task->validation == NULL)
		t->task.validation = psprintf("%g", advpg_defence(task)->validation);
	open_source(t, schema);
	if (t->task.encoding == 0)
		t->task.encoding = ADV_ENCODING_STANDARD;
	if (t->task.unseen == 0)
		t->task.unseen = ADV_UNSEEN_ERROR;
	if (isnan(task->defence.beta))
		t->task.defence.beta = adv_defence_unset(advpg_defence(task)).beta;
	INSTR_TIME_SET_CURRENT(start);
	read_training(t);
	read_validation(t);
	t->read_seconds = seconds_since(start);
	announce(t);
	t->spec = train_spec(&t->task);
	return t;
}

void
advpg_plan_make(AdvpgPlan *t)
{
	make_examples(t);
	make_network(t);
	if (t->task.method == ADVPG_METHOD_MERGED)
		make_twins(t);
	else if (t->task.method != ADVPG_METHOD_NONE)
		make_robust(t);
}

void
advpg_plan_release(AdvpgPlan *t)
{
	advpg_rows_release(t->rows);
	if (t->validation)
		advpg_rows_release(t->validation);
	if (t->twins)
		advpg_rows_release(t->twins);
}

static bytea *
model_bytes(const AdvpgPlan *t)
{
	AdvModel model = advpg_plan_model(t);

	return advpg_model_write(&model);
}

AdvpgTrained *
advpg_training(const AdvpgTrainTask *task, Oid schema)
{
	AdvpgTrained *result = palloc0(sizeof(AdvpgTrained));
	AdvpgPlan *plan;
	instr_time start;

	INSTR_TIME_SET_CURRENT(start);
	plan = advpg_plan_read(task, schema);
	advpg_plan_make(plan);
	result->digest = advpg_rows_digest(plan->rows);
	result->epochs = palloc_extended(sizeof(AdvEpoch) * plan->spec.epochs, MCXT_ALLOC_HUGE);
	result->n_epochs = run_plan(plan, NULL, plan->params, result->epochs, &result->n_workers);
	result->model = model_bytes(plan);
	result->n_rows = plan->rows->n;
	advpg_plan_release(plan);

	result->seconds = seconds_since(start);
	result->read_seconds = plan->read_seconds;
	result->twin_success = plan->twin_success;
	result->task = plan->task;
	result->n_examples = plan->n_examples;
	return result;
}

/* ---- storing ---- */

static Jsonb *
training_metrics(const AdvpgTrained *trained)
{
	JsonbParseState *state = NULL;
	const AdvEpoch *last = &trained->epochs[trained->n_epochs - 1];

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_number(&state, "rows", trained->n_rows);
	advpg_json_put_number(&state, "examples", trained->n_examples);
	advpg_json_put_number(&state, "loss", last->loss);
	advpg_json_put_number(&state, "accuracy", last->accuracy);
	if (!isnan(last->validation_loss))
	{
		advpg_json_put_number(&state, "validation_loss", last->validation_loss);
		advpg_json_put_number(&state, "validation_accuracy", last->validation_accuracy);
	}
	if (!isnan(trained->twin_success))
		advpg_json_put_number(&state, "twin_success", trained->twin_success);
	advpg_json_put_number(&state, "read_seconds", trained->read_seconds);
	advpg_json_put_number(&state, "seconds", trained->seconds);
	advpg_json_put_number(&state, "workers", trained->n_workers);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

int
advpg_training_store(Oid schema, const char *model, AdvpgTrained *trained, bool promoted)
{
	return advpg_registry_add(schema, model, advpg_train_task_write(&trained->task), trained->digest,
							  training_metrics(trained), trained->model, trained->epochs, trained->n_epochs,
							  promoted);
}

/* What advpg_training_run was called with, and its result. */
typedef struct Call
{
	const AdvpgTrainTask *task;
	Oid schema;
	bool store;
	int version;
	AdvpgTrained *trained;
} Call;

static void
train(void *arg)
{
	Call *call = arg;

	call->trained = advpg_training(call->task, call->schema);
	if (!call->store)
		return;
	advpg_progress_phase("storing", 0);
	call->version = advpg_training_store(call->schema, call->task->model, call->trained, true);
}

AdvpgTrained *
advpg_training_run(const AdvpgTrainTask *task, Oid schema, bool store, int *version)
{
	Call call = {task, schema, store};

	MemoryContextSwitchTo(
		AllocSetContextCreate(CurrentMemoryContext, "advfair training", ALLOCSET_DEFAULT_SIZES));
	advpg_operation(task->adversarial ? "adv_train" : "train", task->model, train, &call);
	if (store)
		*version = call.version;
	return call.trained;
}
