/*
 * priority.h
 *		A lower priority for a process that only computes: compute workers, as advfair.nice says.
 */
#ifndef ADVPG_PRIORITY_H
#define ADVPG_PRIORITY_H

#include "postgres.h"

/* Add to the nice value of this process, and on Linux of its session's scheduling group, as far as the system lets it. */
extern void advpg_priority_lower(int by);

/* To be called now and then: what could not be set at once is set then. Cheap when there is nothing left to do. */
extern void advpg_priority_retry(void);

#endif
