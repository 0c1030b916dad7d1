/*
 * plan.c
 *		What a training needs before the core runs: its rows, how often each is an example, a network with initial parameters.
 */
#include "pg/operation/plan.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/base/rng.h"
#include "pg/base/advpg.h"
#include "pg/base/segment.h"
#include "pg/data/charset.h"
#include "pg/data/source.h"
#include "pg/model/classes.h"

#define PARAMS_AT_ONCE 1000000 /* drawn between two looks at interrupts */

/* ---- rows ---- */

double
advpg_plan_validation_fraction(const AdvpgTrainTask *task)
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
	spec.held_out = advpg_plan_validation_fraction(task);
	spec.seed = advpg_plan_seed(task);
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
		uint32_t *drawn = advpg_rows_draw(t->rows, kept, n, advpg_plan_seed(&t->task), ADV_FOR_OVERSAMPLE);
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
			ADV_OK ||
		adv_train_options_check(&t->task.options, t->net.input, &err) != ADV_OK)
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
		adv_network_init_some(&t->net, t->params, advpg_plan_seed(&t->task), t->task.init, first,
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
	spec.seed = advpg_plan_seed(task);
	return spec;
}

/* ---- the plan ---- */

void
advpg_plan_read_rows(AdvpgPlan *t)
{
	read_training(t);
	read_validation(t);
	t->spec = train_spec(&t->task);
}

void
advpg_plan_make_network(AdvpgPlan *t)
{
	make_examples(t);
	make_network(t);
}

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

AdvpgCourse
advpg_plan_run(const AdvpgPlan *t, const char *phase, float *params)
{
	AdvpgTraining training = advpg_plan_training(t);
	AdvpgCourse course = {0};
	AdvTrainState state;

	if (phase)
		training.phase = training.name = phase;
	course.epochs = palloc_extended(sizeof(AdvEpoch) * t->spec.epochs, MCXT_ALLOC_HUGE);
	state = advpg_run_train(&training, params, course.epochs, &course.n_workers);
	course.n_epochs = atomic_load(&state.epochs_done);
	course.kept = (state.best_epoch > 0 ? state.best_epoch : course.n_epochs) - 1;
	if (state.ended_epoch > 0)
		ereport(WARNING,
				errmsg("training stopped in epoch %d of %d: %s", state.ended_epoch, t->spec.epochs,
					   state.ended.message),
				errdetail_internal("%s", state.ended.detail), errhint("%s", state.ended.hint));
	else if (advpg_verbose && state.best_epoch > 0)
		ereport(NOTICE, errmsg("advfair: trained %d epochs of %d, the model is that of epoch %d",
							   course.n_epochs, t->spec.epochs, state.best_epoch));
	return course;
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
