/*
 * training.c
 *		From a training task to model bytes: rows, examples, network, run.
 */
#include "pg/training.h"

#include <math.h>

#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "core/model.h"
#include "core/rng.h"
#include "pg/advpg.h"
#include "pg/compat.h"
#include "pg/compute.h"
#include "pg/progress.h"

/* What a training goes through, step by step. */
typedef struct Training
{
	AdvpgTrainTask task;
	AdvpgRows *rows;
	AdvpgRows *validation; /* rows from elsewhere, or NULL */
	AdvNetwork net;
	float *params;
	size_t n_examples;
	uint32_t *example_row;
	uint64_t *example_key;
	size_t n_listed; /* validation rows: of rows, or of validation if there is one */
	uint32_t *listed;
	int noticed; /* epochs reported with advfair.verbose */
} Training;

static uint64_t
seed_of(const AdvpgTrainTask *task)
{
	return (uint64_t) (int64) task->seed;
}

/* ---- rows ---- */

/* A fraction when validation is a number, else 0. */
static double
validation_fraction(const AdvpgTrainTask *task)
{
	char *end;
	double fraction;

	if (task->validation == NULL)
		return 0;
	fraction = strtod(task->validation, &end);
	if (end == task->validation || *end != '\0')
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
	spec.drop_missing = task->missing == ADVPG_MISSING_DROP;
	spec.features = task->features;
	spec.exclude = task->exclude;
	spec.encoding = task->encoding;
	spec.unseen = task->unseen;
	spec.held_out = validation_fraction(task);
	spec.seed = seed_of(task);
	if (task->input_shape)
	{
		spec.input_shape.c = *(double *) linitial(task->input_shape);
		spec.input_shape.h = *(double *) lsecond(task->input_shape);
		spec.input_shape.w = *(double *) lthird(task->input_shape);
	}
	return spec;
}

static void
read_validation(Training *t)
{
	AdvpgRowsSpec spec = training_spec(&t->task);

	t->listed = t->rows->held;
	t->n_listed = t->rows->n_held;
	if (t->task.validation == NULL || spec.held_out > 0)
		return;
	spec.data = t->task.validation;
	spec.encoder = t->rows->encoder;
	spec.classes = t->rows->labels.texts;
	spec.n_classes = t->rows->n_classes;
	spec.want_order = true;
	t->validation = advpg_rows_read(&spec);
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

typedef struct Draw
{
	uint64_t value;
	uint32_t row;
} Draw;

static int
compare_draws(const void *a, const void *b)
{
	const Draw *x = a;
	const Draw *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/*
 * How often each row is an example. balance: as many examples of every class as of the largest, whole copies first, then rows
 * drawn by seed; xN: every row of a class smaller than the largest occurs N times.
 */
static uint32_t *
count_copies(Training *t, const uint32_t *kept, size_t n)
{
	uint32_t *copies = palloc_extended(sizeof(uint32_t) * t->rows->n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	size_t *count = palloc0(sizeof(size_t) * t->rows->n_classes);
	size_t largest = 0;
	bool balance = t->task.oversample && strcmp(t->task.oversample, "balance") == 0;

	for (size_t i = 0; i < n; i++)
		count[t->rows->label[kept[i]]]++;
	for (int c = 0; c < t->rows->n_classes; c++)
		largest = Max(largest, count[c]);
	for (size_t i = 0; i < n; i++)
	{
		size_t of_class = count[t->rows->label[kept[i]]];

		copies[kept[i]] = t->task.oversample == NULL || of_class == largest ? 1
						  : balance                                         ? largest / of_class
									: strtol(t->task.oversample + 1, NULL, 10);
	}
	for (int c = 0; balance && c < t->rows->n_classes; c++)
	{
		size_t extra = count[c] ? largest % count[c] : 0;
		Draw *draws;
		size_t drawn = 0;

		if (extra == 0)
			continue;
		draws = palloc_extended(sizeof(Draw) * count[c], MCXT_ALLOC_HUGE);
		for (size_t i = 0; i < n; i++)
			if (t->rows->label[kept[i]] == c)
			{
				draws[drawn].value =
					adv_random64(seed_of(&t->task), ADV_FOR_OVERSAMPLE, t->rows->key[kept[i]], 0);
				draws[drawn++].row = kept[i];
			}
		qsort(draws, drawn, sizeof(Draw), compare_draws);
		for (size_t i = 0; i < extra; i++)
			copies[draws[i].row]++;
		pfree(draws);
	}
	return copies;
}

static void
make_examples(Training *t)
{
	const uint32_t *kept = t->rows->fitted;
	size_t n = t->rows->n_fitted;
	uint32_t *copies = count_copies(t, kept, n);
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += copies[kept[i]];
	if (total > PG_UINT32_MAX)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("oversampling gives %zu examples, but at most %u are possible", total, PG_UINT32_MAX));
	advpg_check_memory(total * (sizeof(uint32_t) + sizeof(uint64_t)), "the examples");
	t->example_row = palloc_extended(sizeof(uint32_t) * total, MCXT_ALLOC_HUGE);
	t->example_key = palloc_extended(sizeof(uint64_t) * total, MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < n; i++)
		for (uint32_t copy = 0; copy < copies[kept[i]]; copy++)
		{
			uint64_t key = t->rows->key[kept[i]];

			t->example_row[t->n_examples] = kept[i];
			t->example_key[t->n_examples++] = copy ? hash_combine64(key, copy) : key;
		}
	pfree(copies);
}

/* ---- network ---- */

/* Mean and 1 / standard deviation of each channel of the input, over the rows examples come from. */
static void
fit_scaling(Training *t)
{
	AdvDataset data = advpg_rows_dataset(t->rows);
	AdvShape shape = t->net.input;
	size_t n_inputs = adv_shape_size(shape);
	double n = (double) t->rows->n_fitted * shape.h * shape.w;
	float *x = palloc_extended(sizeof(float) * n_inputs, MCXT_ALLOC_HUGE);
	double *mean = palloc_extended(sizeof(double) * shape.c, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	double *squares = palloc_extended(sizeof(double) * shape.c, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int pass = 0; pass < 2; pass++)
	{
		for (size_t i = 0; i < t->rows->n_fitted; i++)
		{
			CHECK_FOR_INTERRUPTS();
			adv_layout_expand(&data.layout, adv_dataset_row(&data, t->rows->fitted[i]), x);
			for (size_t k = 0; k < n_inputs; k++)
			{
				double d = x[k] - mean[k % shape.c];

				if (pass == 0)
					squares[k % shape.c] += x[k];
				else
					squares[k % shape.c] += d * d;
			}
		}
		for (int c = 0; c < shape.c; c++)
		{
			if (pass == 0)
				mean[c] = squares[c] / n;
			else
			{
				float factor = (float) (1 / sqrt(squares[c] / n));

				t->params[c] = (float) mean[c];
				t->params[shape.c + c] = isfinite(factor) ? factor : 1;
			}
			squares[c] = 0;
		}
	}
}

static void
make_network(Training *t)
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
	adv_network_init(&t->net, t->params, seed_of(&t->task), t->task.init);
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
	spec.seed = seed_of(task);
	return spec;
}

/* ---- the run ---- */

static void
report(AdvpgRun *run, void *arg)
{
	Training *t = arg;
	AdvTrainState *state = &run->shared->state;
	int done = atomic_load(&state->epochs_done);
	uint64 examples = atomic_load(&state->examples_done);
	AdvEpoch *epochs = shm_toc_lookup(run->toc, ADVPG_KEY_EPOCHS, false);

	advpg_progress_update(examples, examples ? atomic_load(&state->loss) : NAN);
	for (; advpg_verbose && t->noticed < done; t->noticed++)
	{
		AdvEpoch *e = &epochs[t->noticed];

		if (isnan(e->validation_loss))
			ereport(NOTICE,
					errmsg("advfair: epoch %d of %d: loss %.4f, accuracy %.4f, %.2f s", t->noticed + 1,
						   run->shared->spec.epochs, e->loss, e->accuracy, e->seconds));
		else
			ereport(
				NOTICE,
				errmsg(
					"advfair: epoch %d of %d: loss %.4f, accuracy %.4f, validation loss %.4f, accuracy %.4f, "
					"%.2f s",
					t->noticed + 1, run->shared->spec.epochs, e->loss, e->accuracy, e->validation_loss,
					e->validation_accuracy, e->seconds));
	}
}

static void
fill_run(AdvpgRun *run, Training *t, const AdvTrainSpec *spec)
{
	size_t core_size = adv_train_shared_size(&t->net, spec, t->n_examples) + 64;
	AdvpgShared *shared;

	advpg_run_init(run);
	advpg_run_estimate(run, t->net.n_params, sizeof(float));
	advpg_run_estimate(run, t->n_examples, sizeof(uint32_t));
	advpg_run_estimate(run, t->n_examples, sizeof(uint64_t));
	advpg_run_estimate(run, t->n_listed, sizeof(uint32_t));
	advpg_run_estimate(run, spec->epochs, sizeof(AdvEpoch));
	advpg_run_estimate(run, core_size, 1);
	advpg_run_estimate_rows(run, t->rows);
	if (t->validation)
		advpg_run_estimate_rows(run, t->validation);

	advpg_run_create(run, ADVPG_RUN_TRAIN, "the training");
	shared = run->shared;
	shared->net = t->net;
	shared->spec = *spec;
	shared->n_examples = t->n_examples;
	shared->n_validation = t->n_listed;
	shared->validation_set = t->validation ? 1 : 0;
	advpg_run_put(run, ADVPG_KEY_PARAMS, t->params, t->net.n_params, sizeof(float));
	advpg_run_put(run, ADVPG_KEY_EXAMPLE_ROW, t->example_row, t->n_examples, sizeof(uint32_t));
	advpg_run_put(run, ADVPG_KEY_EXAMPLE_KEY, t->example_key, t->n_examples, sizeof(uint64_t));
	advpg_run_put(run, ADVPG_KEY_VALIDATION_ROW, t->listed, t->n_listed, sizeof(uint32_t));
	advpg_run_put(run, ADVPG_KEY_EPOCHS, NULL, spec->epochs, sizeof(AdvEpoch));
	advpg_run_put(run, ADVPG_KEY_TRAIN, NULL, core_size, 1);
	advpg_run_put_rows(run, 0, t->rows);
	if (t->validation)
		advpg_run_put_rows(run, 1, t->validation);
}

static bytea *
model_bytes(Training *t)
{
	AdvModel model = {0};
	bytea *bytes;
	size_t size;

	model.net = t->net;
	model.label = advpg_cstring_text(t->task.label);
	model.classes = t->rows->labels.texts;
	model.encoder = *t->rows->encoder;
	model.params = t->params;
	size = adv_model_size(&model) + VARHDRSZ;
	if (!AllocSizeIsValid(size))
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("the model would take %zu bytes, more than a value can", size));
	bytes = palloc(size);
	SET_VARSIZE(bytes, size);
	adv_model_write(&model, (unsigned char *) VARDATA(bytes));
	return bytes;
}

static double
seconds_since(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

AdvpgTrained *
advpg_training(const AdvpgTrainTask *task)
{
	AdvpgTrained *result = palloc0(sizeof(AdvpgTrained));
	Training t = {.task = *task};
	AdvpgRowsSpec rows_spec = training_spec(task);
	AdvTrainSpec spec = train_spec(task);
	AdvpgRun run;
	instr_time start;
	int slices = (spec.batch_size + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;

	INSTR_TIME_SET_CURRENT(start);
	advpg_progress_phase("reading rows", 0);
	t.rows = advpg_rows_read(&rows_spec);
	t.task.data = t.rows->source;
	t.task.id = unconstify(char *, t.rows->id_name);
	read_validation(&t);
	result->read_seconds = seconds_since(start);
	if (t.validation)
		t.task.validation = t.validation->source;
	make_examples(&t);
	make_network(&t);
	result->digest = advpg_rows_digest(t.rows);

	fill_run(&run, &t, &spec);
	advpg_progress_phase("computing", (uint64) spec.epochs * t.n_examples);
	result->n_workers = advpg_run_workers(&run, Min(advpg_wanted_workers(task->workers), slices), report, &t);

	memcpy(t.params, shm_toc_lookup(run.toc, ADVPG_KEY_PARAMS, false), sizeof(float) * t.net.n_params);
	result->n_epochs = spec.epochs;
	result->epochs = palloc_extended(sizeof(AdvEpoch) * spec.epochs, MCXT_ALLOC_HUGE);
	memcpy(result->epochs, shm_toc_lookup(run.toc, ADVPG_KEY_EPOCHS, false), sizeof(AdvEpoch) * spec.epochs);
	advpg_run_release(&run);
	result->model = model_bytes(&t);
	advpg_rows_release(t.rows);
	if (t.validation)
		advpg_rows_release(t.validation);

	result->seconds = seconds_since(start);
	result->task = t.task;
	result->n_rows = t.rows->n;
	result->n_examples = t.n_examples;
	return result;
}
