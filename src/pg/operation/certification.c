/*
 * certification.c
 *		A model of the registry certified on a whole data set.
 */
#include "pg/operation/certification.h"

#include "pg/base/advpg.h"
#include "pg/base/operation.h"
#include "pg/operation/attack.h"
#include "pg/run/checkpoint.h"
#include "pg/run/run_certify.h"

AdvCertify
advpg_certification_resolve(const AdvpgCertifyTask *task, const AdvModel *model)
{
	const AdvCertifyMethod *method = adv_certify_methods[task->method];
	AdvpgAttackSettings settings =
		method->open_ended ? task->attack : advpg_attack_up_to(&task->attack, model);
	AdvCertify how = {0};
	AdvError err = {0};

	settings.eps_key = "eps_max";
	how.method = task->method;
	how.ball = advpg_attack_ball(&settings, model, &how.eps_max);
	how.seed = (uint64_t) (int64) task->seed;
	how.settings = task->how;
	if (method->check(&model->net, &how, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	return how;
}

/* Where nothing is proven even of the rows themselves, the reason may be none of the network's. */
static void
check_wide(const AdvpgEvaluation *e, const AdvCertify *how, const AdvCertificate *certificate)
{
	const AdvCertifyMethod *method = adv_certify_methods[how->method];
	size_t n = e->rows->n, none = 0;

	if (!method->is_wide || !method->is_wide(&e->model.net, how))
		return;
	ADVPG_EACH (i, n)
		none += certificate[i].radius == 0;
	if (2 * none > n)
		ereport(WARNING, errmsg("nothing is proven of %zu of %zu rows, not even with eps 0", none, n),
				errdetail("Convolutions run by Winograd's algorithm, and what rounding may do to it at worst "
						  "is more than what "
						  "tells these rows' classes apart. What it does do is a small part of that."),
				errhint("settings => '{\"rounding\": \"measured\"}' takes what sums of products may be off "
						"by, which is more than was "
						"ever measured of it. That holds for convolutions computed directly, and is no proof "
						"for these."));
}

AdvCertificate *
advpg_certify_rows(const AdvpgEvaluation *e, const AdvpgCertifyTask *task)
{
	AdvCertify how = advpg_certification_resolve(task, &e->model);
	AdvpgCertification c = {.net = &e->model.net,
							.params = e->model.params,
							.rows = e->rows,
							.how = &how,
							.name = psprintf("certificates of %s", e->name),
							.workers = task->workers};

	advpg_run_certify(&c);
	ADVPG_EACH (i, e->rows->n)
		if (c.certificate[i].prediction < 0 && !c.certificate[i].abstained)
			ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("%s: the output of the network is not finite", advpg_rows_name(e->rows, i)),
					errhint("The row is far outside of what the model can have been trained on."));
	check_wide(e, &how, c.certificate);
	return c.certificate;
}

/* What advpg_certification was called with, and its result. */
typedef struct Call
{
	AdvpgEvaluationSpec spec;
	const AdvpgCertifyTask *task;
	AdvpgCertified *certified;
} Call;

static void
open_and_certify(void *arg)
{
	Call *call = arg;

	call->certified = palloc0(sizeof(AdvpgCertified));
	call->certified->e = advpg_evaluation_open(&call->spec);
	advpg_evaluation_announce(call->certified->e);
	call->certified->certificate = advpg_certify_rows(call->certified->e, call->task);
	advpg_rows_release(call->certified->e->rows);
}

AdvpgCertified *
advpg_certification(Oid schema, const AdvpgCertifyTask *task, Oid id_type)
{
	Call call = {.task = task};

	if (task->model == NULL)
		advpg_task_invalid("model", "is missing");
	if (task->data == NULL)
		advpg_task_invalid("data", "is missing");
	call.spec.schema = schema;
	call.spec.model = task->model;
	call.spec.data = task->data;
	call.spec.id = task->id;
	call.spec.want_order = advpg_checkpointing(); /* for a digest */
	call.spec.want_ids = OidIsValid(id_type);
	call.spec.id_type = id_type;
	advpg_operation("certify", task->model, open_and_certify, &call);
	return call.certified;
}
