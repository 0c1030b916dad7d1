/*
 * recourse.c
 *		The cheapest changes of rows that a model gives a class to. See recourse.h.
 *
 * Changes of a row are looked at by cost, so the first that reach the class are the cheapest: that is exact, and quick where they are cheap. Where so
 * many have been looked at that it would take too long, a random search finds a change at any cost, which is then made as small as it can be.
 */
#include "pg/operation/recourse.h"

#include <math.h>

#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/operation/best_first.h"
#include "pg/operation/random_search.h"

#define PLACES      64    /* rows that are worked on at a time */
#define FIRST_BATCH 8     /* changes of a row that are asked about at a time, at first; */
#define MOST_BATCH  256   /* then twice as many in each round */
#define ALL         50000 /* changes of a row, if there are no more, are looked at until one is found, */
#define SOME        2000  /* and so many if there are */
#define SEARCHED    1000  /* queries of a random search */
#define COARSE      3     /* ways to make a changed column smaller, that are tried first, */
#define FINE        32    /* and all of them */
#define LEAST_LOSS  1e-9  /* of how far a class is ahead: less counts as that */
#define SHRINKING   256   /* changes that are made smaller at a time */

/* A row that is worked on. */
typedef struct Place
{
	size_t row;
	AdvpgBestFirst *changes;
	int64 looked; /* changes that were looked at, */
	int64 most;   /* of at most so many */
	bool ended;   /* there is no other change, or none within the budget */
	int batch;
	int n;        /* changes that are asked about in this round */
	double *cost; /* (MOST_BATCH) */
	double *x;    /* (MOST_BATCH, space->n) */
} Place;

static double *
change_of(const AdvpgRecourse *r, const Place *p, int i)
{
	return p->x + (size_t) i * r->space->n;
}

static void
add_way(AdvpgRecourse *r, size_t row, const double *x)
{
	AdvpgWay *way;

	if (r->n_ways[row] == 0)
		r->ways[row] = palloc(sizeof(AdvpgWay) * r->k);
	way = &r->ways[row][r->n_ways[row]++];
	way->cost = advpg_space_cost(r->space, row, x);
	way->x = memcpy(palloc(sizeof(double) * r->space->n), x, sizeof(double) * r->space->n);
}

/* Whether the class of an answer is the target, and no other: what row functions take for the class decides on ties otherwise. */
static bool
is_reached(const AdvpgRecourse *r, size_t answer)
{
	return advpg_oracle_margin(r->oracle, answer, r->target) > 0;
}

/* ---- by cost ---- */

/* Take up a row, to be asked about as it is at first; whether it may be changed. */
static bool
take_row(AdvpgRecourse *r, Place *p, size_t row)
{
	p->row = row;
	p->looked = 0;
	p->ended = false;
	p->batch = FIRST_BATCH;
	p->n = 0;
	if (!advpg_candidate_original(r->candidate, row))
	{
		r->broken++;
		return false;
	}
	p->changes = advpg_best_first_begin(r->space, row);
	p->most = r->queries > 0 ? r->queries : advpg_best_first_count(p->changes) <= ALL ? ALL : SOME;
	(void) advpg_best_first_next(p->changes, change_of(r, p, 0), &p->cost[0]); /* that is the row as it is */
	advpg_oracle_put(r->oracle, r->candidate->row, row);
	p->n = 1;
	return true;
}

/* Put the next changes of a row. */
static void
put_changes(AdvpgRecourse *r, Place *p)
{
	p->n = 0;
	while (p->n < p->batch && p->looked < p->most && !p->ended)
	{
		double *x = change_of(r, p, p->n);

		CHECK_FOR_INTERRUPTS();
		p->looked++;
		p->ended = !advpg_best_first_next(p->changes, x, &p->cost[p->n]) || p->cost[p->n] > r->space->budget;
		if (p->ended || !advpg_candidate_change(r->candidate, p->row, x))
			continue;
		advpg_oracle_put(r->oracle, r->candidate->row, p->row);
		p->n++;
	}
	p->batch = Min(2 * p->batch, MOST_BATCH);
}

/* Look at the answers about a row, the cheapest first; whether it is through. */
static bool
judge(AdvpgRecourse *r, Place *p, size_t answer)
{
	for (int i = 0; i < p->n; i++)
		if (r->n_ways[p->row] < r->k && is_reached(r, answer + i))
		{
			add_way(r, p->row, change_of(r, p, i));
			if (p->cost[i] == 0 && p->looked == 0) /* as it is: there is nothing to change */
				return true;
		}
	return r->n_ways[p->row] == r->k || p->ended || p->looked >= p->most;
}

/* A row is through: it is settled, unless nothing was found and others are left. */
static void
finish(AdvpgRecourse *r, Place *p, bool *unsettled)
{
	unsettled[p->row] = r->n_ways[p->row] == 0 && !p->ended;
	advpg_best_first_end(p->changes);
}

/* Fill a place with the next row that may be changed; false when there is none. */
static bool
refill(AdvpgRecourse *r, Place *p, size_t *next)
{
	while (*next < r->space->frame->n)
		if (take_row(r, p, (*next)++))
			return true;
	return false;
}

static Place *
make_places(const AdvpgRecourse *r)
{
	Place *places = palloc0(sizeof(Place) * PLACES);

	for (int i = 0; i < PLACES; i++)
	{
		places[i].cost = palloc(sizeof(double) * MOST_BATCH);
		places[i].x = palloc(sizeof(double) * MOST_BATCH * r->space->n);
	}
	return places;
}

/* Look at changes of all rows by cost. */
static void
look_by_cost(AdvpgRecourse *r, bool *unsettled)
{
	Place *places = make_places(r);
	size_t next = 0, done = 0;
	int n = 0;

	advpg_progress_phase("searching", r->space->frame->n);
	do
	{
		size_t answer = 0;
		bool through[PLACES];

		while (n < PLACES && refill(r, &places[n], &next))
			n++;
		advpg_oracle_ask(r->oracle);
		for (int i = 0; i < n; i++)
		{
			through[i] = judge(r, &places[i], answer);
			answer += places[i].n;
		}
		for (int i = n - 1; i >= 0; i--)
			if (through[i])
			{
				Place p = places[i];

				finish(r, &p, unsettled);
				places[i] = places[--n];
				places[n] = p;
				advpg_progress_update(++done, NAN);
			}
		for (int i = 0; i < n; i++)
			put_changes(r, &places[i]);
	} while (n > 0 || next < r->space->frame->n);
}

/* ---- at random ---- */

/* A way that is made smaller, and the cheaper ones that are asked about in this round. */
typedef struct Shrinking
{
	size_t row;
	bool fine; /* whether steps are so small as can be, by now */
	bool ended;
	double *x;
	double ahead; /* how far the target is */
	int n;
	double *tried; /* (space->n * FINE, space->n) */
} Shrinking;

/*
 * A smaller change of column j: back to what the row has, or by a part of the way, half of it at first and then half of that each time, down to one
 * step. False when there is none any more.
 */
static bool
smaller(const AdvpgSpace *space, const Shrinking *s, int j, int how, double *x)
{
	const AdvpgMove *move = &space->moves[j];
	double x0 = advpg_space_origin(space, s->row)[j], back = (s->x[j] - x0) * ldexp(1, -how);

	if (how > 0 && (move->kind == ADVPG_MOVE_CATEGORY || fabs(back) < move->step / 2))
		return false;
	if (how > 0 && fabs(back) < move->step)
		back = copysign(move->step, back);
	*x = how == 0 ? x0 : advpg_move_settle(move, x0, s->x[j] - back);
	return true;
}

static void
put_smaller(AdvpgRecourse *r, Shrinking *s)
{
	const double *origin = advpg_space_origin(r->space, s->row);
	double cost = advpg_space_cost(r->space, s->row, s->x);

	s->n = 0;
	for (int j = 0; j < r->space->n; j++)
		for (int how = 0; how < (s->fine ? FINE : COARSE) && !isnan(origin[j]) && s->x[j] != origin[j]; how++)
		{
			double *x = s->tried + (size_t) s->n * r->space->n;

			memcpy(x, s->x, sizeof(double) * r->space->n);
			if (!smaller(r->space, s, j, how, &x[j]))
				break;
			if (!(advpg_space_cost(r->space, s->row, x) < cost) ||
				!advpg_candidate_change(r->candidate, s->row, x))
				continue;
			advpg_oracle_put(r->oracle, r->candidate->row, s->row);
			s->n++;
		}
}

/*
 * Take the one that saves most for what it loses of how far the target is ahead, among those where it still is: so what helps little goes first. When
 * there is none the steps get smaller, and the one that simply saves most is taken; then without one the way is as small as it gets.
 */
static void
judge_smaller(AdvpgRecourse *r, Shrinking *s, size_t answer)
{
	double cost = advpg_space_cost(r->space, s->row, s->x), most = 0, ahead = s->ahead;
	const double *best = NULL;

	for (int i = 0; i < s->n; i++)
	{
		const double *x = s->tried + (size_t) i * r->space->n;
		double margin = advpg_oracle_margin(r->oracle, answer + i, r->target);
		double worth = cost - advpg_space_cost(r->space, s->row, x);

		if (!s->fine)
			worth /= fmax(s->ahead - margin, LEAST_LOSS);
		if (margin > 0 && worth > most)
		{
			most = worth;
			ahead = margin;
			best = x;
		}
	}
	s->ended = best == NULL && s->fine;
	s->fine |= best == NULL;
	s->ahead = ahead;
	if (best)
		memcpy(s->x, best, sizeof(double) * r->space->n);
}

/* Make ways smaller, all at a time, until none gets smaller. */
static void
shrink(AdvpgRecourse *r, Shrinking *list, size_t n)
{
	bool any = n > 0;

	while (any)
	{
		size_t answer = 0;

		any = false;
		for (size_t i = 0; i < n; i++)
			if (!list[i].ended)
				put_smaller(r, &list[i]);
		advpg_oracle_ask(r->oracle);
		for (size_t i = 0; i < n; i++)
			if (!list[i].ended)
			{
				judge_smaller(r, &list[i], answer);
				answer += list[i].n;
				any |= !list[i].ended;
			}
	}
}

/* Make some of the changes that were found smaller, and ways of them. */
static void
add_smaller(AdvpgRecourse *r, const AdvpgSearch *search, const size_t *rows, size_t n)
{
	size_t width = r->space->n;
	Shrinking *list = palloc0(sizeof(Shrinking) * n);

	for (size_t i = 0; i < n; i++)
		list[i] = (Shrinking){.row = rows[i],
							  .x = search->x + rows[i] * width,
							  .ahead = search->ahead[rows[i]],
							  .tried = palloc(sizeof(double) * width * width * FINE)};
	shrink(r, list, n);
	for (size_t i = 0; i < n; i++)
	{
		add_way(r, list[i].row, list[i].x);
		pfree(list[i].tried);
	}
	pfree(list);
}

/* Search for ways of the rows that are not settled; those that have none are lost. */
static void
look_at_random(AdvpgRecourse *r, const bool *unsettled)
{
	size_t rows[SHRINKING], n = 0;
	AdvpgSearch search = {.space = r->space,
						  .candidate = r->candidate,
						  .oracle = r->oracle,
						  .wanted = unsettled,
						  .target = r->target,
						  .strict = true,
						  .drawn = true,
						  .queries = SEARCHED,
						  .seed = r->seed};

	advpg_search_run(&search);
	for (size_t i = 0; i < r->space->frame->n; i++)
	{
		bool success = unsettled[i] && (search.flags[i] & ADVPG_SEARCH_SUCCESS);

		r->found += success;
		r->lost += unsettled[i] && !success;
		if (success)
			rows[n++] = i;
		if (n == SHRINKING || (n > 0 && i + 1 == r->space->frame->n))
		{
			add_smaller(r, &search, rows, n);
			n = 0;
		}
	}
}

void
advpg_recourse_run(AdvpgRecourse *r)
{
	size_t n = r->space->frame->n;
	bool *unsettled = palloc0(n + 1);
	bool any = false;

	r->n_ways = palloc0(sizeof(int) * (n + 1));
	r->ways = palloc0(sizeof(AdvpgWay *) * (n + 1));
	look_by_cost(r, unsettled);
	for (size_t i = 0; i < n; i++)
		any |= unsettled[i];
	if (any)
		look_at_random(r, unsettled);
}
