/*
 * test_team.c
 *		Who claims which units of work: own ones first, then those of members who have not come to theirs; each once, and all anew after a
 *		barrier.
 */
#include "core/base/team.h"
#include "tap.h"

enum
{
	UNITS = 10,
	MEMBERS = 3
};

/* Claim count units for a member into order, from place at on. */
static void
claim(AdvTeam *team, int count, int *order, int *at)
{
	for (int i = 0; i < count; i++)
		order[(*at)++] = adv_team_claim(team, UNITS);
}

static bool
same(const int *order, const int *expected)
{
	for (int i = 0; i < UNITS; i++)
		if (order[i] != expected[i])
			return false;
	return true;
}

int
main(void)
{
	static AdvTeamShared shared;
	AdvTeam member[MEMBERS];
	int order[UNITS], at = 0;

	adv_team_init(&shared);
	for (int i = 0; i < MEMBERS; i++)
		member[i] = (AdvTeam){.rank = i, .size = MEMBERS, .shared = &shared};

	claim(&member[0], 2, order, &at);
	claim(&member[1], 5, order, &at);
	claim(&member[0], 3, order, &at);
	ok(same(order, (int[]){0, 3, 1, 4, 7, 2, 5, 6, 9, 8}),
	   "own units first, then what others have not begun, each once");
	ok(adv_team_claim(&member[0], UNITS) == UNITS && adv_team_claim(&member[2], UNITS) == UNITS,
	   "then there is none, not even for who comes late");

	for (int turn = 0; turn < 2; turn++)
	{
		atomic_fetch_add(&shared.generation, 1); /* as the last member to come to a barrier does */
		at = 0;
		claim(&member[2], UNITS, order, &at);
		ok(same(order, (int[]){2, 5, 8, 0, 3, 6, 9, 1, 4, 7}), "after a barrier all are there again");
	}
	atomic_store(&shared.generation, UINT32_MAX);
	ok(adv_team_claim(&member[1], 1) == 0 && adv_team_claim(&member[1], 1) == 1 &&
		   adv_team_claim(&member[1], 0) == 0,
	   "of fewer units than members, and of none");
	done_testing();
	return 0;
}
