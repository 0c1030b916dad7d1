/*
 * run_luf.c
 *		A leave-one-out run. See run_luf.h.
 *
 * It keeps no checkpoints: models are its pieces, and the keeper writes down each that is finished, in jobs as in statements.
 */
#include "pg/run/run_luf.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/jobsession.h"
#include "pg/base/progress.h"
#include "pg/run/attach.h"
#include "pg/run/keeper.h"
#include "pg/run/run_attack.h"

/* What is not an array of its own. */
typedef struct Head
{
	uint64 n_models;
	int init;
	bool warm;
	AdvLufState state;
} Head;

#define HEAD "luf"

/* ---- the leader ---- */

static Head *
head_of(const AdvpgLufSpec *spec)
{
	Head *head = palloc0(sizeof(Head));

	head->n_models = spec->n_models;
	head->init = spec->init;
	head->warm = spec->warm;
	return head;
}

static AdvpgKeeperRun *
keeper_of(const AdvpgLufSpec *spec)
{
	AdvpgKeeperRun *keeper = palloc0(sizeof(AdvpgKeeperRun));

	keeper->database = MyDatabaseId;
	keeper->role = GetUserId();
	keeper->schema = spec->schema;
	keeper->n_models = spec->n_models;
	keeper->n_eval = spec->eval->n;
	strlcpy(keeper->digest, spec->digest, sizeof(keeper->digest));
	return keeper;
}

static void
create_run(AdvpgRun *run, const AdvpgLufSpec *spec, AdvpgLufResult *result)
{
	const AdvpgTraining *t = spec->training;
	size_t n = spec->eval->n;

	advpg_run_init(run, &advpg_run_luf_kind);
	advpg_run_train_put(run, t);
	advpg_run_array(run, HEAD, head_of(spec), 1, sizeof(Head), 0);
	advpg_run_array(run, "initial", t->params, t->net->n_params, sizeof(float), 0);
	advpg_run_array(run, "models", spec->models, spec->n_models, sizeof(AdvLufModel), 0);
	if (spec->craft)
	{
		advpg_run_attack_put(run, spec->craft, adv_shape_size(t->net->input));
		advpg_run_array(run, "source", spec->source_spec, 1, sizeof(AdvTrainSpec), 0);
		advpg_run_array(run, "row key", t->rows->key, t->rows->n, sizeof(uint64_t), 0);
	}
	advpg_run_rows(run, ADVPG_EVAL, spec->eval);
	advpg_run_array(run, "change", NULL, mul_size(spec->n_models, n), sizeof(float), 0);
	advpg_run_array(run, "proba", NULL, mul_size(n, t->net->classes), sizeof(float), 0);
	result->prediction = advpg_run_result(run, "prediction", n, sizeof(int32_t), 0);
	advpg_run_array(run, "part", spec->part, spec->n_models, sizeof(int64), 0);
	advpg_run_array(run, ADVPG_KEEPER, keeper_of(spec), 1, sizeof(AdvpgKeeperRun), 0);
	advpg_run_create(run, "the leave-one-out run");
}

static void
report(AdvpgRun *run, void *arg)
{
	AdvTrainState *base = advpg_run_train_state(run->toc);
	Head *head = advpg_run_place(run, HEAD);

	advpg_progress_update(atomic_load(&base->examples_done) + atomic_load(&head->state.examples_done),
						  atomic_load(&base->loss));
}

/*
 * Run with a keeper at hand, which must be gone before this returns or fails. Parts of a run that is through are deleted; a job, whose result
 * has yet to be stored, does so in the transaction that stores it.
 */
static void
run_kept(AdvpgRun *run, int wanted)
{
	AdvpgKeeper keeper = run->spare = advpg_keeper_start(run);

	PG_TRY();
	{
		(void) advpg_run_workers(run, wanted, report, NULL);
	}
	PG_CATCH();
	{
		advpg_keeper_end(run, keeper, ADVPG_KEEPER_STOP);
		PG_RE_THROW();
	}
	PG_END_TRY();
	advpg_keeper_end(run, keeper, advpg_in_job() ? ADVPG_KEEPER_STOP : ADVPG_KEEPER_FORGET);
	if (advpg_in_job())
		advpg_keeper_forget(run);
}

/* What changed for each row, over all models. */
static void
collect(const AdvpgRun *run, const AdvpgLufSpec *spec, AdvpgLufResult *result)
{
	const float *change = advpg_run_place(run, "change");
	size_t n = spec->eval->n;

	result->luf = palloc_extended(sizeof(double) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	result->changed = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int64 m = 0; m < spec->n_models; m++)
		ADVPG_EACH (i, n)
		{
			float c = change[m * n + i];

			result->luf[i] = fmax(result->luf[i], fabs(c));
			result->changed[i] += signbit(c) != 0;
		}
}

/* How many examples the run will see: those of the base model, of each other one, and of the sources trained again, without twins. */
static uint64
count_examples(const AdvpgLufSpec *spec, int64 n_models)
{
	uint64 n = spec->training->n_examples;
	uint64 of_one = n + (spec->craft ? n / 2 : 0);

	return spec->training->spec->epochs * (n + n_models * of_one);
}

void
advpg_run_luf(const AdvpgLufSpec *spec, AdvpgLufResult *result)
{
	AdvpgRun run;

	create_run(&run, spec, result);
	result->resumed = advpg_keeper_load(&run);
	if (result->resumed > 0)
		ereport(NOTICE, errmsg("going on with a run of which %d of " INT64_FORMAT " models are trained",
							   result->resumed, spec->n_models));
	advpg_progress_phase("computing", count_examples(spec, spec->n_models - result->resumed));
	run_kept(&run, advpg_wanted_workers(spec->training->workers));
	collect(&run, spec, result);
	advpg_run_release(&run);
}

/* ---- workers ---- */

static AdvStatus
work(shm_toc *toc, AdvTeam *team, AdvError *err)
{
	Head *head = advpg_attach(toc, HEAD);
	AdvpgAttachedTraining training;
	AdvDataset eval;
	AdvAttack craft;
	AdvLuf luf = {0};

	if (!advpg_run_train_attach(toc, &training) || !advpg_attach_rows(toc, ADVPG_EVAL, &eval))
		return ADV_ABORTED;
	luf.train = &training.train;
	luf.initial = advpg_attach(toc, "initial");
	luf.init = head->init;
	luf.warm = head->warm;
	luf.source_spec = advpg_attach_optional(toc, "source");
	if (luf.source_spec)
	{
		craft = advpg_run_attack_attach(toc);
		luf.regenerate = &craft;
		luf.key = advpg_attach(toc, "row key");
	}
	luf.eval = &eval;
	luf.n_models = head->n_models;
	luf.models = advpg_attach(toc, "models");
	luf.change = advpg_attach(toc, "change");
	luf.base_proba = advpg_attach(toc, "proba");
	luf.base_prediction = advpg_attach(toc, "prediction");
	luf.state = &head->state;
	luf.allocator = advpg_allocator(CurrentMemoryContext);
	return adv_luf(&luf, team, err);
}

const AdvpgRunKind advpg_run_luf_kind = {"luf", work};
