/*
 * background.c
 *		Background workers of this library: what all of them tell the postmaster.
 */
#include "pg/base/background.h"

#include "miscadmin.h"

static BackgroundWorker
describe(const AdvpgBackground *what)
{
	BackgroundWorker worker = {0};

	Assert(what->extra_size <= sizeof(worker.bgw_extra));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | (what->connects ? BGWORKER_BACKEND_DATABASE_CONNECTION : 0);
	worker.bgw_start_time = what->recovers ? BgWorkerStart_ConsistentState : BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = what->arg;
	if (what->extra_size > 0)
		memcpy(worker.bgw_extra, what->extra, what->extra_size);
	strlcpy(worker.bgw_library_name, "$libdir/advfair", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, what->function, sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, what->name ? what->name : what->type, sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, what->type, sizeof(worker.bgw_type));
	return worker;
}

BackgroundWorkerHandle *
advpg_background_start(const AdvpgBackground *what)
{
	BackgroundWorker worker = describe(what);
	BackgroundWorkerHandle *handle;

	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

void
advpg_background_preload(const AdvpgBackground *what, int restart_s)
{
	BackgroundWorker worker = describe(what);

	worker.bgw_restart_time = restart_s;
	/* the library that is being loaded, from wherever: its variables are the postmaster's */
	strlcpy(worker.bgw_library_name, "advfair", sizeof(worker.bgw_library_name));
	RegisterBackgroundWorker(&worker);
}
