/*
 * run_certify.c
 *		Certificates of rows as a run.
 */
#include "pg/run/run_certify.h"

#include <math.h>

#include "storage/shmem.h"

#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/run/attach.h"
#include "pg/run/piecewise.h"

/* Complete certificates are of a class of the network or none, and of a radius within eps_max. */
static bool
check_certificates(const AdvpgRun *run, size_t first, size_t n)
{
	const AdvCertificate *certificate = advpg_run_place(run, "certificate");
	const AdvCertify *how = advpg_run_place(run, "how");
	int classes = ((const AdvNetwork *) advpg_run_place(run, "network"))->classes;

	for (size_t i = first; i < first + n; i++)
	{
		const AdvCertificate *c = &certificate[i];
		uint8 abstained;

		memcpy(&abstained, &c->abstained, 1); /* whatever byte it is */
		if (c->prediction < -1 || c->prediction >= classes || abstained > 1 ||
			!(c->radius >= 0 && c->radius <= how->eps_max))
			return false;
	}
	return true;
}

static void
report(AdvpgRun *run, void *arg)
{
	atomic_ullong *done = advpg_run_place(run, "done");

	advpg_progress_update(atomic_load(done), NAN);
}

void
advpg_run_certify(AdvpgCertification *c)
{
	size_t n = c->rows->n;
	AdvpgRun run;

	if (n == 0)
		return;
	advpg_run_init(&run, &advpg_run_certify_kind);
	advpg_run_array(&run, "network", c->net, 1, sizeof(AdvNetwork), 0);
	advpg_run_array(&run, "params", c->params, c->net->n_params, sizeof(float), 0);
	advpg_run_array(&run, "how", c->how, 1, sizeof(AdvCertify), 0);
	if (c->how->ball.unit)
		advpg_run_array(&run, "unit", c->how->ball.unit, adv_shape_size(c->net->input), sizeof(float), 0);
	advpg_run_array(&run, "row key", c->rows->key, n, sizeof(uint64), 0);
	advpg_run_rows(&run, ADVPG_DATA, c->rows);
	c->certificate = advpg_run_result(&run, "certificate", n, sizeof(AdvCertificate), ADVPG_KEPT);
	advpg_piecewise_put(&run, n);
	advpg_run_array(&run, "done", NULL, 1, sizeof(atomic_ullong), 0);
	advpg_run_create(&run, "the certification");
	advpg_piecewise_resume(&run, c->name);
	advpg_progress_phase("certifying", n);
	(void) advpg_run_workers(&run, Min(advpg_wanted_workers(c->workers), adv_certify_pieces(n)), report,
							 NULL);
	advpg_run_release(&run);
}

static AdvStatus
work(shm_toc *toc, AdvTeam *team, AdvError *err)
{
	AdvCertify how = *(AdvCertify *) advpg_attach(toc, "how");
	AdvCertifyRun run = {0};
	AdvDataset data;
	void *private;

	if (!advpg_attach_rows(toc, ADVPG_DATA, &data))
		return ADV_ABORTED;
	how.ball.unit = advpg_attach_optional(toc, "unit");
	run.net = advpg_attach(toc, "network");
	run.params = advpg_attach(toc, "params");
	run.how = &how;
	run.data = &data;
	run.key = advpg_attach(toc, "row key");
	run.n = data.n_rows;
	run.certificate = advpg_attach(toc, "certificate");
	run.done = advpg_attach(toc, "done");
	run.piece_done = advpg_attach(toc, ADVPG_PIECE_DONE);
	private = advpg_attach_memory(adv_certify_private_size(run.net, &how), err);
	if (private == NULL)
		return ADV_LIMIT;
	return adv_certify(&run, team, private);
}

static const AdvpgPieces pieces = {adv_certify_pieces, adv_certify_piece, check_certificates};

const AdvpgRunKind advpg_run_certify_kind = {"certify", work, &pieces};
