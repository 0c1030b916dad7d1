/*
 * certifytask.c
 *		What a task of certification says of its method.
 */
#include "pg/task/settings.h"
#include "pg/task/task.h"

void
advpg_certify_settle(void *task)
{
	AdvpgCertifyTask *certify = task;
	const AdvCertifyMethod *method = adv_certify_methods[certify->method];
	AdvpgSettingsOf lists[] = {{method->parameters, &certify->how}, {NULL}};

	certify->how = adv_certify_unset(method);
	advpg_settings_read(psprintf("method %s", method->name), certify->attack.settings, lists);
}
