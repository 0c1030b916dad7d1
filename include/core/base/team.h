/*
 * team.h
 *		A team: the processes (or threads) that run one operation together over shared memory.
 *
 * Every member runs the same code; rank and size tell it which of the fixed pieces of work are its own. Pieces never
 * depend on size, so results do not either. AdvTeamShared lies in shared memory and holds lock-free atomics only.
 */
#ifndef ADV_TEAM_H
#define ADV_TEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

#define ADV_TEAM_MAX 1024 /* members */

typedef struct AdvTeamShared
{
	atomic_uint arrived;
	atomic_uint generation;
	atomic_uint abort;        /* set once by anybody: everybody unwinds with ADV_ABORTED */
	atomic_ullong next_piece; /* dynamic distribution of independent pieces */

	/* for each member the generation, and how many of its own units have been claimed in it */
	atomic_ullong claimed[ADV_TEAM_MAX];
} AdvTeamShared;

typedef struct AdvTeam
{
	int rank; /* 0 .. size - 1 */
	int size; /* at most ADV_TEAM_MAX */
	AdvTeamShared *shared;
	void (*poll)(void *arg); /* called now and then while waiting: may set abort; may be NULL */
	void *poll_arg;
} AdvTeam;

extern void adv_team_init(AdvTeamShared *shared);

/* Wait for all members: spins briefly, then yields, then sleeps. ADV_ABORTED once abort is set. */
extern AdvStatus adv_team_barrier(AdvTeam *team);

/* Polls the host and tells whether to stop; fits AdvWorkspace.should_stop with the team as argument. */
extern int adv_team_should_stop(void *team);

/*
 * Next piece of 0 .. n - 1 nobody has taken, or n when there is none or the team stops. Between two uses somebody calls
 * adv_team_rewind with barriers around it.
 */
extern uint64_t adv_team_take(AdvTeam *team, uint64_t n);
extern void adv_team_rewind(AdvTeam *team);

/*
 * A unit of 0 .. n - 1 that nobody has begun since the last barrier, or n when there is none. Every size-th is a member's own, and those come
 * first, because what they work on is in its processor's cache; then what slower members have not come to. Once between two barriers.
 */
extern int adv_team_claim(AdvTeam *team, int n);

#endif
