/*
 * worker.c
 *		A compute worker: attaches to a run's shared memory, runs the core, leaves.
 *
 * It has no database connection, takes no lock and touches nothing but the run's segments. It stops when the run is aborted, on
 * SIGTERM, and when the postmaster is gone; should its leader vanish, the leader's exit aborts the run.
 */
#include "pg/run/compute.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#include "core/kernel/gemm.h"
#include "pg/base/advpg.h"
#include "pg/base/priority.h"
#include "pg/base/segment.h"

#define JOIN_LOOK_MS 1 /* how often a worker looks whether its team is complete */

PGDLLEXPORT void advfair_worker_main(Datum arg);

/* AdvTeam.poll: turn what the server tells us into an abort of the run. */
static void
poll_server(void *arg)
{
	AdvpgShared *shared = arg;

	advpg_priority_retry();
	if (ShutdownRequestPending || !PostmasterIsAlive())
		atomic_store(&shared->team.abort, 1);
}

static double
now_seconds(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* Memory of our own, aligned to 64 bytes. */
static void *
private_memory(size_t size, AdvError *err)
{
	void *memory = palloc_extended(size + 64, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);

	if (memory == NULL)
	{
		adv_fail(err, ADV_LIMIT, "could not allocate %zu bytes in a compute worker", size);
		return NULL;
	}
	return ADVPG_ALIGN64(memory);
}

/* Rebuild a data set from the table of contents, attaching to its chunks. */
static bool
attach_set(shm_toc *toc, const AdvpgShared *shared, int set, AdvDataset *data)
{
	const AdvpgSharedSet *s = &shared->sets[set];
	uint64 base = (uint64) set * ADVPG_KEY_SET_STRIDE;
	const dsm_handle *handles = shm_toc_lookup(toc, base + ADVPG_KEY_HANDLES, false);
	const unsigned char **chunks = palloc(sizeof(*chunks) * (s->n_chunks + 1));

	for (int i = 0; i < s->n_chunks; i++)
	{
		dsm_segment *segment = atomic_load(&shared->team.abort) ? NULL : dsm_attach(handles[i]);

		if (segment == NULL)
			return false; /* or the leader is gone */
		advpg_segment_map(segment, false);
		chunks[i] = dsm_segment_address(segment);
	}
	memset(data, 0, sizeof(*data));
	data->layout.fields = shm_toc_lookup(toc, base + ADVPG_KEY_FIELDS, false);
	data->layout.n_fields = s->n_fields;
	data->layout.shape = s->shape;
	data->layout.row_bytes = s->row_bytes;
	data->n_rows = s->n_rows;
	data->rows_per_chunk = s->rows_per_chunk;
	data->chunks = chunks;
	data->label = s->labelled ? shm_toc_lookup(toc, base + ADVPG_KEY_LABEL, false) : NULL;
	return true;
}

/* A training and the data sets it points to. */
typedef struct Training
{
	AdvTrain train;
	AdvTrainSpec spec;
	AdvDataset data;
	AdvDataset validation;
	AdvDataset twins;
} Training;

/* Rebuild a training, all but its private memory; false when the leader is gone. */
static bool
attach_training(shm_toc *toc, AdvpgShared *shared, Training *training)
{
	AdvTrain *t = &training->train;

	memset(training, 0, sizeof(*training));
	training->spec = shared->spec;
	training->spec.robust.ball.unit = shm_toc_lookup(toc, ADVPG_KEY_UNIT, true);
	if (!attach_set(toc, shared, ADVPG_SET_DATA, &training->data))
		return false;
	t->net = &shared->net;
	t->spec = &training->spec;
	t->data = &training->data;
	if (shared->sets[ADVPG_SET_PERTURBED].n_rows > 0)
	{
		if (!attach_set(toc, shared, ADVPG_SET_PERTURBED, &training->twins))
			return false;
		t->twins = &training->twins;
	}
	t->n_examples = shared->n_examples;
	t->example_row = shm_toc_lookup(toc, ADVPG_KEY_EXAMPLE_ROW, false);
	t->example_key = shm_toc_lookup(toc, ADVPG_KEY_EXAMPLE_KEY, false);
	if (shared->n_validation > 0)
	{
		t->n_validation = shared->n_validation;
		t->validation_row = shm_toc_lookup(toc, ADVPG_KEY_VALIDATION_ROW, false);
		t->validation = &training->data;
		if (shared->validation_set == ADVPG_SET_VALIDATION)
		{
			if (!attach_set(toc, shared, ADVPG_SET_VALIDATION, &training->validation))
				return false;
			t->validation = &training->validation;
		}
	}
	t->params = shm_toc_lookup(toc, ADVPG_KEY_PARAMS, false);
	t->state = &shared->state;
	t->epochs = shm_toc_lookup(toc, ADVPG_KEY_EPOCHS, false);
	t->shared = ADVPG_ALIGN64(shm_toc_lookup(toc, ADVPG_KEY_TRAIN, false));
	t->now = now_seconds;
	return true;
}

static AdvStatus
run_train(shm_toc *toc, AdvpgShared *shared, AdvTeam *team, AdvError *err)
{
	Training training;
	AdvTrain *t = &training.train;

	if (!attach_training(toc, shared, &training))
		return ADV_ABORTED;
	t->private = private_memory(adv_train_private_size(t->net, t->spec), err);
	if (t->private == NULL)
		return ADV_LIMIT;
	t->checkpoint = advpg_run_checkpoint(toc);
	t->resume = shm_toc_lookup(toc, ADVPG_KEY_RESUME, true);
	return adv_train(t, team, err);
}

/* The attack with its arrays at their place in this process. */
static AdvAttack
attach_attack(shm_toc *toc, const AdvpgShared *shared)
{
	AdvAttack attack = shared->attack;

	attack.ball.unit = shm_toc_lookup(toc, ADVPG_KEY_UNIT, true);
	attack.grid = shm_toc_lookup(toc, ADVPG_KEY_GRID, true);
	return attack;
}

static AdvStatus
run_luf(shm_toc *toc, AdvpgShared *shared, AdvTeam *team, AdvError *err)
{
	Training training;
	AdvDataset eval;
	AdvAttack craft;
	AdvLuf luf = {0};

	if (!attach_training(toc, shared, &training) || !attach_set(toc, shared, ADVPG_SET_EVAL, &eval))
		return ADV_ABORTED;
	luf.train = &training.train;
	luf.initial = shm_toc_lookup(toc, ADVPG_KEY_INITIAL, false);
	luf.init = shared->init;
	luf.warm = shared->warm;
	luf.eval = &eval;
	luf.n_models = shared->n_models;
	luf.models = shm_toc_lookup(toc, ADVPG_KEY_MODELS, false);
	luf.change = shm_toc_lookup(toc, ADVPG_KEY_CHANGE, false);
	luf.base_proba = shm_toc_lookup(toc, ADVPG_KEY_PROBA, false);
	luf.base_prediction = shm_toc_lookup(toc, ADVPG_KEY_PREDICTION, false);
	luf.state = &shared->luf_state;
	if (shared->regenerate)
	{
		craft = attach_attack(toc, shared);
		luf.regenerate = &craft;
		luf.source_spec = &shared->source_spec;
		luf.key = shm_toc_lookup(toc, ADVPG_KEY_ROW_KEY, false);
	}
	luf.allocator = advpg_allocator(CurrentMemoryContext);
	return adv_luf(&luf, team, err);
}

static AdvStatus
run_predict(shm_toc *toc, AdvpgShared *shared, AdvTeam *team, AdvError *err)
{
	AdvDataset data;
	void *private;

	if (!attach_set(toc, shared, ADVPG_SET_DATA, &data))
		return ADV_ABORTED;
	private = private_memory(adv_predict_private_size(&shared->net), err);
	if (private == NULL)
		return ADV_LIMIT;
	return adv_predict(&shared->net, shm_toc_lookup(toc, ADVPG_KEY_PARAMS, false), &data, NULL, data.n_rows,
					   team, shm_toc_lookup(toc, ADVPG_KEY_PREDICTION, false),
					   shm_toc_lookup(toc, ADVPG_KEY_PROBA, true), NULL, private, &shared->done);
}

/* Perturbed inputs as the core writes them. */
static bool
attach_inputs(shm_toc *toc, const AdvpgShared *shared, AdvInputs *inputs)
{
	AdvDataset set;

	if (!attach_set(toc, shared, ADVPG_SET_PERTURBED, &set))
		return false;
	inputs->rows_per_chunk = set.rows_per_chunk;
	inputs->chunks = (float *const *) set.chunks;
	return true;
}

/* Craft, and with a model to transfer to, score. */
static AdvStatus
run_attack(shm_toc *toc, AdvpgShared *shared, AdvTeam *team, AdvError *err)
{
	AdvAttack attack = attach_attack(toc, shared);
	AdvAttackRun run = {0};
	AdvDataset data;
	AdvInputs x;
	size_t size = adv_attack_private_size(&shared->net);
	AdvStatus status;

	if (!attach_set(toc, shared, ADVPG_SET_DATA, &data))
		return ADV_ABORTED;
	if (shared->sets[ADVPG_SET_PERTURBED].n_rows > 0)
	{
		if (!attach_inputs(toc, shared, &x))
			return ADV_ABORTED;
		run.result.x = &x;
	}
	if (shared->transfer)
		size = Max(size, adv_attack_private_size(&shared->scored));
	run.net = &shared->net;
	run.params = shm_toc_lookup(toc, ADVPG_KEY_PARAMS, false);
	run.data = &data;
	run.key = shm_toc_lookup(toc, ADVPG_KEY_ROW_KEY, false);
	run.n = data.n_rows;
	run.attack = &attack;
	run.search = shared->searching ? &shared->search : NULL;
	run.result.prediction = shm_toc_lookup(toc, ADVPG_KEY_PREDICTION, false);
	run.result.adversarial = shm_toc_lookup(toc, ADVPG_KEY_ADVERSARIAL, false);
	run.result.flags = shm_toc_lookup(toc, ADVPG_KEY_FLAGS, false);
	run.result.linf = shm_toc_lookup(toc, ADVPG_KEY_LINF, false);
	run.result.l2 = shm_toc_lookup(toc, ADVPG_KEY_L2, false);
	run.result.loss = shm_toc_lookup(toc, ADVPG_KEY_LOSS, false);
	run.result.eps = shm_toc_lookup(toc, ADVPG_KEY_LEAST_EPS, true);
	run.result.forwards = shm_toc_lookup(toc, ADVPG_KEY_FORWARDS, false);
	run.result.gradients = shm_toc_lookup(toc, ADVPG_KEY_GRADIENTS, false);
	run.piece_done = shm_toc_lookup(toc, ADVPG_KEY_PIECE_DONE, true);
	run.state = &shared->attack_state;
	run.private = private_memory(size, err);
	if (run.private == NULL)
		return ADV_LIMIT;

	status = adv_attack(&run, team);
	if (status != ADV_OK || !shared->transfer)
		return status;
	if (adv_team_barrier(team) != ADV_OK)
		return ADV_ABORTED;
	if (team->rank == 0)
		adv_team_rewind(team);
	if (adv_team_barrier(team) != ADV_OK)
		return ADV_ABORTED;
	run.net = &shared->scored;
	run.params = shm_toc_lookup(toc, ADVPG_KEY_SCORED, false);
	return adv_attack_score(&run, team);
}

/* Join the team; false when the run ended before it began. */
static bool
join(AdvpgShared *shared, AdvTeam *team)
{
	team->shared = &shared->team;
	team->poll = poll_server;
	team->poll_arg = shared;
	team->rank = atomic_fetch_add(&shared->joined, 1);
	SetLatch(&shared->leader->procLatch);
	while ((team->size = atomic_load(&shared->size)) == 0)
	{
		if (adv_team_should_stop(team))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, JOIN_LOOK_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	return true;
}

/*
 * The first member to fail tells why, and stops the others. One that was stopped leaves that to whoever stopped it: when a
 * training diverges all members unwind, and only rank 0, perhaps the last to notice, says so.
 */
static void
report_failure(AdvpgShared *shared, AdvStatus status, const AdvError *err)
{
	if (status == ADV_ABORTED)
		return;
	if (!atomic_flag_test_and_set(&shared->error_taken))
		shared->error = *err;
	atomic_store(&shared->team.abort, 1);
}

static void
run_core(shm_toc *toc, AdvpgShared *shared, AdvTeam *team)
{
	AdvStatus status = ADV_OK;
	AdvError err = {0};

	AdvIsa isa = adv_cpu_use(shared->most);

	(void) adv_gemm_load_blas();
	if (team->rank == 0)
	{
		shared->isa = isa;
		strlcpy(shared->blas, adv_gemm_name(), sizeof(shared->blas));
	}
	switch (shared->kind)
	{
		case ADVPG_RUN_TRAIN:
			status = run_train(toc, shared, team, &err);
			break;
		case ADVPG_RUN_PREDICT:
			status = run_predict(toc, shared, team, &err);
			break;
		case ADVPG_RUN_ATTACK:
			status = run_attack(toc, shared, team, &err);
			break;
		case ADVPG_RUN_LUF:
			status = run_luf(toc, shared, team, &err);
			break;
		default:
			break;
	}
	if (status != ADV_OK)
		report_failure(shared, status, &err);
}

void
advfair_worker_main(Datum arg)
{
	dsm_segment *segment;
	shm_toc *toc;
	AdvpgShared *shared;
	AdvTeam team = {0};

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "advfair compute worker");
	CurrentMemoryContext =
		AllocSetContextCreate(TopMemoryContext, "advfair compute worker", ALLOCSET_DEFAULT_SIZES);

	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		return; /* the leader is gone */
	toc = shm_toc_attach(ADVPG_SHARED_MAGIC, dsm_segment_address(segment));
	if (toc == NULL)
		return;
	shared = shm_toc_lookup(toc, ADVPG_KEY_SHARED, false);
	if (!join(shared, &team))
		return;
	advpg_priority_lower(shared->nice);

	PG_TRY();
	{
		run_core(toc, shared, &team);
	}
	PG_CATCH();
	{
		ErrorData *error;
		AdvError err;

		MemoryContextSwitchTo(TopMemoryContext);
		error = CopyErrorData();
		adv_fail(&err, ADV_LIMIT, "compute worker failed: %s", error->message);
		report_failure(shared, ADV_LIMIT, &err);
		FlushErrorState();
	}
	PG_END_TRY();
	atomic_fetch_add(&shared->finished, 1);
	SetLatch(&shared->leader->procLatch);
	dsm_detach(segment);
}
