/*
 * progress.h
 *		What runs now, for the view advfair_progress.
 *
 * One slot for each session that waits for an operation, in the server's main shared memory. Only the outermost operation of a
 * session is shown. All slots taken: the operation runs unseen.
 */
#ifndef ADVPG_PROGRESS_H
#define ADVPG_PROGRESS_H

#include "postgres.h"

/* Begin an operation, which then holds the extension (extension.h), and end it; both nest. Call end also after an error (PG_FINALLY). */
extern void advpg_progress_begin(const char *task, const char *model);
extern void advpg_progress_end(void);

/* The operation consists of others, whose phases are its own. (Those that run within its data query are not.) */
extern void advpg_progress_show_parts(void);

/* Enter a phase of total rows (0: unknown); with advfair.verbose a notice tells. */
extern void advpg_progress_phase(const char *phase, uint64 total);

/* Rows done in this phase, and the last loss (NaN: none yet). */
extern void advpg_progress_update(uint64 done, double loss);

#endif
