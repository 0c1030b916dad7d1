/*
 * run_train.c
 *		A training as a run. See run_train.h.
 */
#include "pg/run/run_train.h"

#include <math.h>

#include "portability/instr_time.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/run/attach.h"
#include "pg/run/checkpoint.h"

/* What is not an array of its own. Sizes of arrays are told here, and not by who attaches. */
typedef struct Head
{
	AdvNetwork net;
	AdvTrainSpec spec;
	uint64 n_examples;
	uint64 n_listed;
	AdvTrainState state;
	int handed_over; /* of AdvCheckpoint.taken: what the leader has had */
} Head;

#define HEAD "training"

/* ---- the leader ---- */

void
advpg_run_train_put(AdvpgRun *run, const AdvpgTraining *t)
{
	Head *head = palloc0(sizeof(Head));
	const float *unit = t->spec->robust.ball.unit;

	head->net = *t->net;
	head->spec = *t->spec;
	head->n_examples = t->n_examples;
	head->n_listed = t->n_listed;
	advpg_run_array(run, HEAD, head, 1, sizeof(Head), 0);
	advpg_run_array(run, "params", t->params, t->net->n_params, sizeof(float), 0);
	advpg_run_array(run, "example row", t->example_row, t->n_examples, sizeof(uint32_t), 0);
	advpg_run_array(run, "example key", t->example_key, t->n_examples, sizeof(uint64_t), 0);
	advpg_run_array(run, "validation row", t->listed, t->n_listed, sizeof(uint32_t), 0);
	advpg_run_array(run, "epochs", NULL, t->spec->epochs, sizeof(AdvEpoch), 0);
	advpg_run_array(run, "core", NULL, adv_train_shared_size(t->net, t->spec, t->n_examples), 1,
					ADVPG_ALIGNED);
	if (unit)
		advpg_run_array(run, "training unit", unit, adv_shape_size(t->net->input), sizeof(float), 0);
	advpg_run_rows(run, ADVPG_DATA, t->rows);
	if (t->twins)
		advpg_run_rows(run, "twins", t->twins);
	if (t->validation)
		advpg_run_rows(run, "validation", t->validation);
}

AdvTrainState *
advpg_run_train_state(shm_toc *toc)
{
	return &((Head *) advpg_attach(toc, HEAD))->state;
}

/* ---- checkpoints of jobs ---- */

/* Have one taken, or hand over the one that was. */
static bytea *
take_state(AdvpgRun *run)
{
	Head *head = advpg_run_place(run, HEAD);
	AdvCheckpoint *checkpoint = advpg_run_place(run, "checkpoint");
	int taken = atomic_load(&checkpoint->taken);
	size_t size = adv_checkpoint_size(&head->net, &head->spec);
	bytea *state;

	if (taken == head->handed_over)
	{
		atomic_store(&checkpoint->wanted, 1);
		return NULL;
	}
	head->handed_over = taken;
	if (size > MaxAllocSize - VARHDRSZ)
		return NULL; /* more than a value can hold: such a job starts again */
	state = palloc(size + VARHDRSZ);
	SET_VARSIZE(state, size + VARHDRSZ);
	memcpy(VARDATA(state), checkpoint->state, size);
	return state;
}

/* Room for them, and the state to go on from, which must be one of this training. */
static void
put_checkpoint(AdvpgRun *run, const AdvpgTraining *t)
{
	bytea *resume;
	AdvError err;

	if (!advpg_checkpointing())
		return;
	run->take_state = take_state;
	advpg_run_array(run, "checkpoint", NULL, 1, sizeof(AdvCheckpoint) + adv_checkpoint_size(t->net, t->spec),
					ADVPG_ALIGNED);
	resume = advpg_checkpoint_load(t->name);
	if (resume == NULL)
		return;
	if (adv_checkpoint_check(VARDATA_ANY(resume), VARSIZE_ANY_EXHDR(resume), t->net, t->spec, t->n_examples,
							 &err) != ADV_OK)
		advpg_raise(&err, NULL);
	advpg_run_array(run, "resume", VARDATA_ANY(resume), VARSIZE_ANY_EXHDR(resume), 1, 0);
}

/* ---- the run ---- */

typedef struct Report
{
	const char *what; /* in front of each epoch's notice */
	int noticed;      /* epochs reported with advfair.verbose */
} Report;

static void
notice_epoch(const Report *r, const AdvEpoch *e, int of)
{
	if (isnan(e->validation_loss))
		ereport(NOTICE, errmsg("advfair: %sepoch %d of %d: loss %.4f, accuracy %.4f, %.2f s", r->what,
							   r->noticed + 1, of, e->loss, e->accuracy, e->seconds));
	else
		ereport(NOTICE, errmsg("advfair: %sepoch %d of %d: loss %.4f, accuracy %.4f, validation loss "
							   "%.4f, accuracy %.4f, %.2f s",
							   r->what, r->noticed + 1, of, e->loss, e->accuracy, e->validation_loss,
							   e->validation_accuracy, e->seconds));
}

static void
report(AdvpgRun *run, void *arg)
{
	Report *r = arg;
	Head *head = advpg_run_place(run, HEAD);
	int done = atomic_load(&head->state.epochs_done);
	uint64 examples = atomic_load(&head->state.examples_done);
	const AdvEpoch *epochs = advpg_run_place(run, "epochs");

	advpg_progress_update(examples, examples ? atomic_load(&head->state.loss) : NAN);
	for (; advpg_verbose && r->noticed < done; r->noticed++)
		notice_epoch(r, &epochs[r->noticed], head->spec.epochs);
}

AdvTrainState
advpg_run_train(const AdvpgTraining *t, float *params, AdvEpoch *epochs, int *n_workers)
{
	int slices = (t->spec->batch_size + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	Report r = {strcmp(t->phase, "computing") == 0 ? "" : psprintf("%s: ", t->phase), 0};
	AdvTrainState state;
	AdvpgRun run;

	advpg_run_init(&run, &advpg_run_train_kind);
	advpg_run_train_put(&run, t);
	put_checkpoint(&run, t);
	advpg_run_create(&run, "the training");
	advpg_progress_phase(t->phase, (uint64) t->spec->epochs * t->n_examples);
	*n_workers = advpg_run_workers(&run, Min(advpg_wanted_workers(t->workers), slices), report, &r);

	state = *advpg_run_train_state(run.toc);
	advpg_run_copy(&run, "params", params);
	advpg_run_copy(&run, "epochs", epochs);
	advpg_run_release(&run);
	return state;
}

/* ---- workers ---- */

static double
now_seconds(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* Rows to validate on: those from elsewhere, or else some of the data. */
static bool
attach_validation(shm_toc *toc, const Head *head, AdvpgAttachedTraining *training)
{
	AdvTrain *t = &training->train;

	if (head->n_listed == 0)
		return true;
	t->n_validation = head->n_listed;
	t->validation_row = advpg_attach(toc, "validation row");
	if (!advpg_attach_optional_rows(toc, "validation", &training->elsewhere, &t->validation))
		return false;
	if (t->validation == NULL)
		t->validation = &training->data;
	return true;
}

bool
advpg_run_train_attach(shm_toc *toc, AdvpgAttachedTraining *training)
{
	Head *head = advpg_attach(toc, HEAD);
	AdvTrain *t = &training->train;

	memset(training, 0, sizeof(*training));
	training->spec = head->spec;
	training->spec.robust.ball.unit = advpg_attach_optional(toc, "training unit");
	t->net = &head->net;
	t->spec = &training->spec;
	t->data = &training->data;
	t->n_examples = head->n_examples;
	t->example_row = advpg_attach(toc, "example row");
	t->example_key = advpg_attach(toc, "example key");
	t->params = advpg_attach(toc, "params");
	t->state = &head->state;
	t->epochs = advpg_attach(toc, "epochs");
	t->shared = advpg_attach(toc, "core");
	t->now = now_seconds;
	return advpg_attach_rows(toc, ADVPG_DATA, &training->data) &&
		   advpg_attach_optional_rows(toc, "twins", &training->twins, &t->twins) &&
		   attach_validation(toc, head, training);
}

static AdvStatus
work(shm_toc *toc, AdvTeam *team, AdvError *err)
{
	AdvpgAttachedTraining training;
	AdvTrain *t = &training.train;

	if (!advpg_run_train_attach(toc, &training))
		return ADV_ABORTED;
	t->private = advpg_attach_memory(adv_train_private_size(t->net, t->spec), err);
	if (t->private == NULL)
		return ADV_LIMIT;
	t->checkpoint = advpg_attach_optional(toc, "checkpoint");
	t->resume = advpg_attach_optional(toc, "resume");
	return adv_train(t, team, err);
}

const AdvpgRunKind advpg_run_train_kind = {"train", work};
