/*
 * run_predict.c
 *		The prediction of rows as a run: one forward pass for each row, so short that nothing of it is kept.
 */
#include "pg/run/run_predict.h"

#include <math.h>

#include "storage/shmem.h"

#include "core/network/predict.h"
#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/run/attach.h"

static void
report(AdvpgRun *run, void *arg)
{
	atomic_ullong *done = advpg_run_place(run, "done");

	advpg_progress_update(atomic_load(done), NAN);
}

void
advpg_run_predict(AdvpgPrediction *p)
{
	size_t n = p->rows->n;
	size_t pieces = (n + ADV_EVAL_ROWS - 1) / ADV_EVAL_ROWS;
	AdvpgRun run;

	advpg_run_init(&run, &advpg_run_predict_kind);
	advpg_run_array(&run, "network", p->net, 1, sizeof(AdvNetwork), 0);
	advpg_run_array(&run, "params", p->params, p->net->n_params, sizeof(float), 0);
	advpg_run_rows(&run, ADVPG_DATA, p->rows);
	p->prediction = advpg_run_result(&run, "prediction", n, sizeof(int32_t), 0);
	if (p->need_proba)
		p->proba = advpg_run_result(&run, "proba", mul_size(n, p->net->classes), sizeof(float), 0);
	advpg_run_array(&run, "done", NULL, 1, sizeof(atomic_ullong), 0);
	advpg_run_create(&run, "the prediction");
	advpg_progress_phase("computing", n);
	(void) advpg_run_workers(&run, Min(advpg_wanted_workers(p->workers), pieces), report, NULL);
	advpg_run_release(&run);
}

static AdvStatus
work(shm_toc *toc, AdvTeam *team, AdvError *err)
{
	const AdvNetwork *net = advpg_attach(toc, "network");
	AdvDataset data;
	void *private;

	if (!advpg_attach_rows(toc, ADVPG_DATA, &data))
		return ADV_ABORTED;
	private = advpg_attach_memory(adv_predict_private_size(net), err);
	if (private == NULL)
		return ADV_LIMIT;
	return adv_predict(&(AdvPrediction){.net = net,
										.params = advpg_attach(toc, "params"),
										.data = &data,
										.n = data.n_rows,
										.prediction = advpg_attach(toc, "prediction"),
										.proba = advpg_attach_optional(toc, "proba"),
										.done = advpg_attach(toc, "done")},
					   team, private);
}

const AdvpgRunKind advpg_run_predict_kind = {"predict", work};
