/*
 * team.c
 *		Barrier and distribution of pieces, by atomics alone: members may be processes that share nothing else.
 *
 * The barrier counts arrivals; the last one resets the count and starts a new generation, which the others wait for.
 * Waiting is first a spin (phases of training end within microseconds of each other), then gives way to other
 * processes, so that a team larger than the machine still moves.
 */
#include <sched.h>
#include <time.h>

#include "core/base/team.h"

#define SPINS      1024 /* 20 to 50 microseconds where a pause takes 40 nanoseconds */
#define YIELDS     64
#define POLL_EVERY 256 /* turns of spinning */

static inline void
pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

void
adv_team_init(AdvTeamShared *shared)
{
	atomic_init(&shared->arrived, 0);
	atomic_init(&shared->generation, 0);
	atomic_init(&shared->abort, 0);
	atomic_init(&shared->next_piece, 0);
	for (int i = 0; i < ADV_TEAM_MAX; i++)
		atomic_init(&shared->claimed[i], 0);
}

int
adv_team_should_stop(void *arg)
{
	AdvTeam *team = arg;

	if (team->poll)
		team->poll(team->poll_arg);
	return atomic_load(&team->shared->abort) != 0;
}

/* Turn number turn of waiting. */
static void
wait_turn(unsigned turn)
{
	if (turn < SPINS)
		pause_processor();
	else if (turn < SPINS + YIELDS)
		sched_yield();
	else
		nanosleep(&(struct timespec){0, 50000}, NULL);
}

AdvStatus
adv_team_barrier(AdvTeam *team)
{
	AdvTeamShared *shared = team->shared;
	unsigned generation = atomic_load(&shared->generation);

	if (atomic_fetch_add(&shared->arrived, 1) + 1 == (unsigned) team->size)
	{
		atomic_store(&shared->arrived, 0);
		atomic_fetch_add(&shared->generation, 1);
	}
	else
	{
		for (unsigned turn = 0; atomic_load(&shared->generation) == generation; turn += turn < SPINS + YIELDS)
		{
			if ((turn >= SPINS || turn % POLL_EVERY == 0) && adv_team_should_stop(team))
				return ADV_ABORTED;
			wait_turn(turn);
		}
	}
	return atomic_load(&shared->abort) ? ADV_ABORTED : ADV_OK;
}

uint64_t
adv_team_take(AdvTeam *team, uint64_t n)
{
	uint64_t piece;

	if (adv_team_should_stop(team))
		return n;
	piece = atomic_fetch_add(&team->shared->next_piece, 1);
	return piece < n ? piece : n;
}

void
adv_team_rewind(AdvTeam *team)
{
	atomic_store(&team->shared->next_piece, 0);
}

/* A unit of member number owner's own, or n. */
static int
claim_of(AdvTeam *team, int owner, int n)
{
	atomic_ullong *word = &team->shared->claimed[owner];
	unsigned long long generation = atomic_load(&team->shared->generation);
	unsigned long long seen = atomic_load(word), claimed;
	int64_t unit;

	do
	{
		claimed = seen >> 32 == generation ? seen & UINT32_MAX : 0;
		unit = owner + (int64_t) claimed * team->size;
		if (unit >= n)
			return n;
	} while (!atomic_compare_exchange_weak(word, &seen, generation << 32 | (claimed + 1)));
	return (int) unit;
}

int
adv_team_claim(AdvTeam *team, int n)
{
	for (int i = 0; i < team->size; i++)
	{
		int unit = claim_of(team, (team->rank + i) % team->size, n);

		if (unit < n)
			return unit;
	}
	return n;
}
