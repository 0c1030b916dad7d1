/*
 * advpg.h
 *		What every server-side file needs: settings, raising core errors, and names of things in SQL.
 */
#ifndef ADVPG_H
#define ADVPG_H

#include "postgres.h"

#include "miscadmin.h"

#include "core/base/status.h"
#include "pg/base/compat.h"

#define ADVFAIR_VERSION "1.3" /* default_version of advfair.control */

#define ADVPG_MOST_JOBS 64 /* that a launcher runs at a time */

/* A loop over rows, or over anything there may be millions of: with a look at interrupts after each. */
#define ADVPG_EACH(i, n) for (size_t i = 0; i < (size_t) (n); i++, advpg_look_at_interrupts())

/* An address, moved up to the next multiple of 64 bytes, as the core wants its memory. */
#define ADVPG_ALIGN64(p) ((void *) TYPEALIGN(64, (uintptr_t) (p)))

static inline void
advpg_look_at_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* guc.c: settings, all prefixed advfair. */
extern int advpg_checkpoint_interval; /* advfair.checkpoint_interval, in seconds */
extern int advpg_max_jobs;            /* advfair.max_jobs */
extern int advpg_nice;                /* advfair.nice: added to the nice value of compute workers */
extern int advpg_instruction_set;     /* advfair.instruction_set: an AdvIsa, the widest that may be used */
extern int advpg_workers;             /* advfair.workers: 0 means one for each processor */
extern int advpg_max_memory;          /* advfair.max_memory, in kB */
extern int advpg_max_workers;         /* advfair.max_workers: 0 means no limit but max_worker_processes */
extern bool advpg_verbose;            /* advfair.verbose */
extern void advpg_guc_init(void);

/* How many compute workers to ask for when the caller did not say (0) or did; at most advfair.max_workers. */
extern int advpg_wanted_workers(int requested);

/* errors.c: raise a core error as an SQL error; prefix, when not NULL, precedes the message (as in "row 7: "). */
pg_noreturn extern void advpg_raise(const AdvError *err, const char *prefix);

/*
 * errors.c: interrupts while the core computes in a backend. advpg_interrupted is for the core to ask whether to stop: it handles what is
 * pending. An error of that must not jump through the core: it is kept, and raised once the core has returned.
 */
typedef struct AdvpgInterruption
{
	MemoryContext context; /* where the error is kept */
	ErrorData *error;      /* NULL: none so far */
} AdvpgInterruption;

extern int advpg_interrupted(void *interruption);
extern void advpg_raise_interruption(const AdvpgInterruption *interruption);

/* errors.c: the core's allocator over a memory context. */
extern AdvAllocator advpg_allocator(MemoryContext context);

#endif
