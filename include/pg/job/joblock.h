/*
 * joblock.h
 *		Who runs a job: the session that holds its lock. Locks are advisory ones of a kind that no SQL function takes, so that they
 *		outlive transactions, end with their session whatever ends that, and are seen in pg_locks.
 */
#ifndef ADVPG_JOBLOCK_H
#define ADVPG_JOBLOCK_H

#include "postgres.h"

#include "storage/lock.h"
#include "miscadmin.h"

#define ADVPG_JOBLOCK_KIND 0x6a6f /* SQL's own advisory locks are of kinds 1 and 2; objsubid in pg_locks */

static inline LOCKTAG
advpg_joblock_tag(int64 job)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (job >> 32), (uint32) job, ADVPG_JOBLOCK_KIND);
	return tag;
}

/* Take the lock of a job for this session; false when another one has it. */
static inline bool
advpg_joblock_take(int64 job)
{
	LOCKTAG tag = advpg_joblock_tag(job);

	return LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_OK;
}

static inline void
advpg_joblock_release(int64 job)
{
	LOCKTAG tag = advpg_joblock_tag(job);

	(void) LockRelease(&tag, ExclusiveLock, true);
}

#endif
