/*
 * certifytask.c
 *		What a task says of a method of certification, be it all that is wanted or part of an audit.
 */
#include "pg/task/parameter.h"
#include "pg/task/settings.h"
#include "pg/task/task.h"

/* Read the method's settings, which the task has under a key. */
static void
settle(AdvpgCertifyTask *certify, const char *key)
{
	const AdvCertifyMethod *method = adv_certify_methods[certify->method];
	AdvpgSettingsOf lists[] = {{method->parameters, &certify->how}, {NULL}};

	certify->how = adv_certify_unset(method);
	advpg_settings_read(psprintf("method %s", method->name), key, certify->attack.settings, lists);
}

void
advpg_certify_settle(void *task)
{
	settle(task, "settings");
}

void
advpg_audit_settle(void *task)
{
	AdvpgCertifyTask *certify = &((AdvpgAuditTask *) task)->certify;

	if (certify->method >= 0)
		settle(certify, "certify_settings");
	else if (certify->attack.settings)
		advpg_task_invalid("certify_settings", "is given, but nothing is certified without certify");
}

void
advpg_retrain_settle(void *task)
{
	advpg_audit_settle(&((AdvpgRetrainTask *) task)->audit);
}
