/*
 * sections.c
 *		Looks at a processor's clock before and after each barrier. The linker puts it in the place of the core's barrier (--wrap), so the core
 *		knows nothing of it. Units of work are then claimed as by members who are all as fast.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/team.h"
#include "sections.h"

#define MAX_MEMBERS 64
#define MAX_EPOCHS  16

typedef struct Sections
{
	double *seconds;
	size_t n, room;
} Sections;

static Sections sections[MAX_MEMBERS];
static _Thread_local Sections *own; /* NULL: not measured */
static _Thread_local double since;
static _Thread_local int claimed; /* units since the last barrier */

extern AdvStatus __real_adv_team_barrier(AdvTeam *team);
extern AdvStatus __wrap_adv_team_barrier(AdvTeam *team);
extern int __real_adv_team_claim(AdvTeam *team, int n);
extern int __wrap_adv_team_claim(AdvTeam *team, int n);

static double
processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void
keep(double seconds)
{
	if (own->n == own->room)
	{
		own->room = own->room ? 2 * own->room : 1024;
		own->seconds = realloc(own->seconds, sizeof(double) * own->room);
		if (!own->seconds)
			exit(1);
	}
	own->seconds[own->n++] = seconds;
}

AdvStatus
__wrap_adv_team_barrier(AdvTeam *team)
{
	AdvStatus status;

	if (own)
		keep(processor_seconds() - since);
	status = __real_adv_team_barrier(team);
	claimed = 0;
	if (own)
		since = processor_seconds();
	return status;
}

int
__wrap_adv_team_claim(AdvTeam *team, int n)
{
	int unit;

	if (!own)
		return __real_adv_team_claim(team, n);
	unit = team->rank + claimed++ * team->size;
	return unit < n ? unit : n;
}

void
bench_sections_begin(int rank)
{
	own = &sections[rank];
	own->n = 0;
	claimed = 0;
	since = processor_seconds();
}

void
bench_sections_end(void)
{
	own = NULL;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The median of a section in epochs 1 .. n_epochs - 1, of each per_epoch sections. */
static double
median_of(int rank, size_t section, int n_epochs, size_t per_epoch)
{
	double of_epoch[MAX_EPOCHS];

	for (int e = 1; e < n_epochs; e++)
		of_epoch[e - 1] = sections[rank].seconds[(size_t) e * per_epoch + section];
	qsort(of_epoch, (size_t) n_epochs - 1, sizeof(double), compare);
	return of_epoch[(n_epochs - 1) / 2];
}

SectionSums
bench_sections_add_up(int members, int n_epochs)
{
	SectionSums sums = {0, 0, 0};
	size_t per_epoch = sections[0].n / (size_t) n_epochs;

	for (size_t s = 0; s < per_epoch && n_epochs > 1; s++)
	{
		double first = median_of(0, s, n_epochs, per_epoch), all = first, longest = first, least = first;

		for (int r = 1; r < members; r++)
		{
			double seconds = median_of(r, s, n_epochs, per_epoch);

			all += seconds;
			longest = seconds > longest ? seconds : longest;
			least = seconds < least ? seconds : least;
		}
		sums.all += all;
		sums.longest += longest;
		sums.unsplit +=
			s == 0 ? first : least; /* an epoch begins with the order of examples, by rank 0 alone */
	}
	return sums;
}
