/*
 * background.h
 *		Background workers of this library.
 */
#ifndef ADVPG_BACKGROUND_H
#define ADVPG_BACKGROUND_H

#include "postgres.h"

#include "postmaster/bgworker.h"

/* What to start. */
typedef struct AdvpgBackground
{
	const char *type;     /* as pg_stat_activity shows it */
	const char *name;     /* as the server's log calls it; NULL: its type */
	const char *function; /* of this library */
	bool connects;        /* to a database */
	bool recovers;        /* also on a server that is a standby, or still recovers */
	Datum arg;
	const void *extra; /* (extra_size) copied into bgw_extra */
	size_t extra_size;
} AdvpgBackground;

/* Ask the postmaster for one that tells this process when it starts and ends, and is not started again; NULL when no slot is free. */
extern BackgroundWorkerHandle *advpg_background_start(const AdvpgBackground *what);

/* While the server starts: one that is always there, and is started again restart_s seconds after it ended. */
extern void advpg_background_preload(const AdvpgBackground *what, int restart_s);

#endif
