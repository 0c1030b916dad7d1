/*
 * run_attack.c
 *		An attack on rows as a run. See run_attack.h.
 *
 * A new result of the core's is a line in put_results and one in attach_results: its checkpoint (piecewise.c) and its way back follow from the manifest.
 */
#include "pg/run/run_attack.h"

#include <math.h>

#include "storage/shmem.h"

#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/run/attach.h"
#include "pg/run/piecewise.h"

/* ---- the leader ---- */

void
advpg_run_attack_put(AdvpgRun *run, const AdvAttack *attack, size_t inputs)
{
	advpg_run_array(run, "attack", attack, 1, sizeof(AdvAttack), 0);
	if (attack->ball.unit)
		advpg_run_array(run, "unit", attack->ball.unit, inputs, sizeof(float), 0);
	if (attack->grid)
		advpg_run_array(run, "grid", attack->grid, inputs, sizeof(AdvGrid), 0);
}

/* Networks, what is done to which rows. */
static void
put_task(AdvpgRun *run, const AdvpgAttackSpec *spec, const AdvpgRows *x)
{
	const AdvNetwork *net = &spec->model->net;

	advpg_run_array(run, "network", net, 1, sizeof(AdvNetwork), 0);
	advpg_run_array(run, "params", spec->model->params, net->n_params, sizeof(float), 0);
	if (spec->scored)
	{
		advpg_run_array(run, "scored network", &spec->scored->net, 1, sizeof(AdvNetwork), 0);
		advpg_run_array(run, "scored params", spec->scored->params, spec->scored->net.n_params, sizeof(float),
						0);
	}
	advpg_run_attack_put(run, spec->attack, adv_shape_size(net->input));
	if (spec->search)
		advpg_run_array(run, "search", spec->search, 1, sizeof(AdvSearch), 0);
	advpg_run_array(run, "row key", spec->rows->key, spec->rows->n, sizeof(uint64), 0);
	advpg_run_rows(run, ADVPG_DATA, spec->rows);
	if (x)
		advpg_run_rows(run, "x", x);
}

static void
put_results(AdvpgRun *run, const AdvpgAttackSpec *spec, AdvpgAttacked *result)
{
	size_t n = spec->rows->n;

	result->prediction = advpg_run_result(run, "prediction", n, sizeof(int32_t), ADVPG_KEPT);
	result->adversarial = advpg_run_result(run, "adversarial", n, sizeof(int32_t), ADVPG_KEPT);
	result->flags = advpg_run_result(run, "flags", n, sizeof(uint8_t), ADVPG_KEPT);
	result->linf = advpg_run_result(run, "linf", n, sizeof(float), ADVPG_KEPT);
	result->l2 = advpg_run_result(run, "l2", n, sizeof(float), ADVPG_KEPT);
	result->loss = advpg_run_result(run, "loss", n, sizeof(float), ADVPG_KEPT);
	if (spec->search)
		result->eps = advpg_run_result(run, "least eps", n, sizeof(double), ADVPG_KEPT);
	result->forwards = advpg_run_result(run, "forwards", n, sizeof(uint32_t), ADVPG_KEPT);
	result->gradients = advpg_run_result(run, "gradients", n, sizeof(uint32_t), ADVPG_KEPT);
	result->method = advpg_run_result(run, "method", n, sizeof(int32_t), ADVPG_KEPT);
	advpg_run_array(run, "state", NULL, 1, sizeof(AdvAttackState), 0);
	advpg_piecewise_put(run, n);
}

/* Classes of complete pieces are such, or else (an output that is not finite) -1. */
static bool
check_results(const AdvpgRun *run, size_t first, size_t n)
{
	const int32_t *prediction = advpg_run_place(run, "prediction");
	const int32_t *adversarial = advpg_run_place(run, "adversarial");
	const uint8_t *flags = advpg_run_place(run, "flags");
	const int32_t *method = advpg_run_place(run, "method");
	int classes = ((const AdvNetwork *) advpg_run_place(run, "network"))->classes;

	for (size_t i = first; i < first + n; i++)
		if (method[i] < 0 || method[i] >= adv_attack_count() ||
			((prediction[i] < 0 || prediction[i] >= classes || adversarial[i] < 0 ||
			  adversarial[i] >= classes) &&
			 !(flags[i] & ADV_ATTACK_OVERFLOW)))
			return false;
	return true;
}

/* ---- the run ---- */

static void
report(AdvpgRun *run, void *arg)
{
	AdvAttackState *state = advpg_run_place(run, "state");

	advpg_progress_update(atomic_load(&state->rows_done), NAN);
}

AdvpgAttacked *
advpg_run_attack(const AdvpgAttackSpec *spec)
{
	AdvpgAttacked *result = palloc0(sizeof(AdvpgAttacked));
	size_t n = result->n = spec->rows->n;
	AdvpgRun run;

	if (n == 0)
		return result;
	if (spec->want_x || spec->scored) /* which are shown to the other model after all are crafted */
		result->x = advpg_rows_floats(n, spec->model->net.input);
	advpg_run_init(&run, &advpg_run_attack_kind);
	put_task(&run, spec, result->x);
	put_results(&run, spec, result);
	advpg_run_create(&run, "the attack");
	if (!result->x) /* examples are not kept, so an attack that returns them has no state */
		advpg_piecewise_resume(&run, spec->name);
	advpg_progress_phase(spec->phase, n);
	(void) advpg_run_workers(&run, Min(advpg_wanted_workers(spec->workers), adv_attack_pieces(n)), report,
							 NULL);
	advpg_run_release(&run);
	if (result->x && !spec->want_x)
	{
		advpg_rows_release(result->x);
		result->x = NULL;
	}
	return result;
}

/* ---- workers ---- */

/* The attack with its arrays at their place in this process. */
AdvAttack
advpg_run_attack_attach(shm_toc *toc)
{
	AdvAttack attack = *(AdvAttack *) advpg_attach(toc, "attack");

	attack.ball.unit = advpg_attach_optional(toc, "unit");
	attack.grid = advpg_attach_optional(toc, "grid");
	return attack;
}

static void
attach_results(shm_toc *toc, AdvAttackRun *run)
{
	run->result.prediction = advpg_attach(toc, "prediction");
	run->result.adversarial = advpg_attach(toc, "adversarial");
	run->result.flags = advpg_attach(toc, "flags");
	run->result.linf = advpg_attach(toc, "linf");
	run->result.l2 = advpg_attach(toc, "l2");
	run->result.loss = advpg_attach(toc, "loss");
	run->result.eps = advpg_attach_optional(toc, "least eps");
	run->result.forwards = advpg_attach(toc, "forwards");
	run->result.gradients = advpg_attach(toc, "gradients");
	run->result.method = advpg_attach(toc, "method");
	run->state = advpg_attach(toc, "state");
	run->piece_done = advpg_attach(toc, ADVPG_PIECE_DONE);
}

/* Perturbed inputs as the core writes them. */
static bool
attach_inputs(shm_toc *toc, AdvAttackRun *run, AdvInputs *inputs)
{
	AdvDataset set;
	const AdvDataset *there;

	if (!advpg_attach_optional_rows(toc, "x", &set, &there))
		return false;
	if (there == NULL)
		return true;
	inputs->rows_per_chunk = set.rows_per_chunk;
	inputs->chunks = (float *const *) set.chunks;
	run->result.x = inputs;
	return true;
}

/* Show the examples to the other model, once all of them are there. */
static AdvStatus
score(AdvAttackRun *run, shm_toc *toc, const AdvNetwork *scored, AdvTeam *team)
{
	if (adv_team_barrier(team) != ADV_OK)
		return ADV_ABORTED;
	if (team->rank == 0)
		adv_team_rewind(team);
	if (adv_team_barrier(team) != ADV_OK)
		return ADV_ABORTED;
	run->net = scored;
	run->params = advpg_attach(toc, "scored params");
	return adv_attack_score(run, team);
}

static AdvStatus
work(shm_toc *toc, AdvTeam *team, AdvError *err)
{
	AdvAttack attack = advpg_run_attack_attach(toc);
	const AdvNetwork *scored = advpg_attach_optional(toc, "scored network");
	AdvAttackRun run = {0};
	AdvDataset data;
	AdvInputs x;
	size_t size;
	AdvStatus status;

	if (!advpg_attach_rows(toc, ADVPG_DATA, &data) || !attach_inputs(toc, &run, &x))
		return ADV_ABORTED;
	run.net = advpg_attach(toc, "network");
	run.params = advpg_attach(toc, "params");
	run.data = &data;
	run.key = advpg_attach(toc, "row key");
	run.n = data.n_rows;
	run.attack = &attack;
	run.search = advpg_attach_optional(toc, "search");
	attach_results(toc, &run);
	size = adv_attack_private_size(run.net);
	if (scored)
		size = Max(size, adv_attack_private_size(scored));
	run.private = advpg_attach_memory(size, err);
	if (run.private == NULL)
		return ADV_LIMIT;
	status = adv_attack(&run, team);
	return status == ADV_OK && scored ? score(&run, toc, scored, team) : status;
}

static const AdvpgPieces pieces = {adv_attack_pieces, adv_attack_piece, check_results};

const AdvpgRunKind advpg_run_attack_kind = {"attack", work, &pieces};
