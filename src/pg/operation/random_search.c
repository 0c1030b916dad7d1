/*
 * random_search.c
 *		Random search for changes of rows. See random_search.h.
 *
 * Each query changes some columns of the best change so far, fewer as the search goes on, by the schedule of the square attack, and is kept unless the
 * margin has grown worse. Columns mostly go to an end of their range, where square has them too. One query in four, and any that had to be drawn
 * again because the row would not have been allowed, may also go to a value within or back to the row's own.
 *
 * A row that has no more changes than queries needs no search: all are tried, the cheapest first.
 *
 * Rows need different numbers of queries: some are worked on at a time, and one that is through gives its place to the next. A round asks about one
 * candidate of each.
 */
#include "pg/operation/random_search.h"

#include <math.h>

#include "core/attack/square.h"
#include "core/base/rng.h"
#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/operation/best_first.h"

#define PLACES  2048 /* rows that are worked on at a time */
#define TRIES   20   /* draws for a query, until one is allowed */
#define SKIPPED 8    /* queries for which none was, before others have their turn */
#define MIXED   4    /* one query in so many is not of ends alone */

/* A row that is worked on. */
typedef struct Place
{
	size_t row;
	int64 turn; /* 0: the row as it is, 1: the start, then moves from the best */
	int try;
	bool asked;          /* about y, in this round */
	AdvpgBestFirst *all; /* of its changes; NULL: they are drawn */
	bool ended;          /* there is none left */
	double best;         /* how far the wrong classes, or the target, are behind */
	bool *moves;         /* (n) which columns can change, */
	int moving;          /* and how many they are */
	double *x;           /* (n) the best change so far */
	double *y;           /* (n) the candidate */
} Place;

/* ---- random numbers of a candidate: three for each column, and one ---- */

enum
{
	WHETHER,
	WHAT,
	WHICH,
	HOW_MANY,
	DRAWS
};

static double
draw(const AdvpgSearch *s, const Place *p, int what, int j)
{
	uint64 candidate = (uint64) p->turn * TRIES + (uint64) p->try;

	return adv_uniform(s->seed, ADV_FOR_CANDIDATE, s->space->frame->key[p->row],
					   (candidate * DRAWS + (uint64) what) * (uint64) s->space->n + (uint64) j);
}

/* ---- candidates ---- */

static const double *
origin_of(const AdvpgSearch *s, const Place *p)
{
	return advpg_space_origin(s->space, p->row);
}

/* Another category than the one there is, or now and then the row's own. */
static double
draw_category(const AdvpgSearch *s, const Place *p, int j, bool mixed)
{
	double x0 = origin_of(s, p)[j], now = p->x[j];
	double other = floor(draw(s, p, WHICH, j) * (s->space->moves[j].n_categories - 1));

	if (mixed && now != x0 && draw(s, p, WHAT, j) < 0.5)
		return x0;
	return other >= now ? other + 1 : other;
}

static double
draw_number(const AdvpgSearch *s, const Place *p, int j, bool mixed)
{
	const AdvpgMove *move = &s->space->moves[j];
	double x0 = origin_of(s, p)[j], u = draw(s, p, WHAT, j), x;
	AdvpgRange range = advpg_move_range(move, x0);

	if (!mixed)
		x = u < 0.5 ? range.low : range.high;
	else if (u < 0.5)
		x = u < 0.25 ? range.low : range.high;
	else
		x = u < 0.75 ? x0 : range.low + draw(s, p, WHICH, j) * (range.high - range.low);
	return advpg_move_settle(move, x0, x);
}

/*
 * How many of the columns a candidate changes: all at the start, then a share of them. One that has to be drawn again may change any number: few keep
 * within a budget, and rules may want several to change together.
 */
static int
wanted_of(const AdvpgSearch *s, const Place *p)
{
	double share = p->turn <= 1 ? 1 : adv_square_share(ADV_SQUARE_SHARE, p->turn - 2);

	if (p->try > 0)
		return 1 + (int) (draw(s, p, HOW_MANY, 0) * p->moving);
	return Max((int) lround(share * p->moving), 1);
}

/* Draw a candidate from the best change; whether it differs from that. */
static bool
draw_candidate(const AdvpgSearch *s, Place *p)
{
	bool mixed = p->try > 0 || p->turn % MIXED == MIXED - 1;
	int left = p->moving, wanted = wanted_of(s, p);
	bool differs = false;

	memcpy(p->y, p->x, sizeof(double) * s->space->n);
	for (int j = 0; j < s->space->n && wanted > 0; j++)
	{
		const AdvpgMove *move = &s->space->moves[j];

		if (!p->moves[j] || draw(s, p, WHETHER, j) * left-- >= wanted)
			continue;
		wanted--;
		p->y[j] =
			move->kind == ADVPG_MOVE_CATEGORY ? draw_category(s, p, j, mixed) : draw_number(s, p, j, mixed);
		differs |= p->y[j] != p->x[j];
	}
	return differs;
}

/* The next candidate of a row that is allowed, drawn; false when there is none for now. Moves on to the query it is for. */
static bool
next_drawn(const AdvpgSearch *s, Place *p)
{
	for (int skipped = 0; skipped < SKIPPED && p->turn + 1 < s->queries; skipped++)
	{
		p->turn++;
		for (p->try = 0; p->try < TRIES; p->try++)
		{
			CHECK_FOR_INTERRUPTS();
			if (draw_candidate(s, p) && advpg_candidate_change(s->candidate, p->row, p->y))
				return true;
		}
	}
	p->ended = p->turn + 1 >= s->queries;
	return false;
}

/* The next one of all. */
static bool
next_of_all(const AdvpgSearch *s, Place *p)
{
	double cost;

	p->turn++;
	while (advpg_best_first_next(p->all, p->y, &cost))
	{
		CHECK_FOR_INTERRUPTS();
		if (advpg_candidate_change(s->candidate, p->row, p->y))
			return true;
	}
	p->ended = true;
	return false;
}

/* ---- rounds ---- */

static void
take_row(const AdvpgSearch *s, Place *p, size_t row)
{
	p->row = row;
	p->turn = 0;
	p->all = NULL;
	p->ended = false;
	memcpy(p->x, advpg_space_origin(s->space, row), sizeof(double) * s->space->n);
	memcpy(p->y, p->x, sizeof(double) * s->space->n);
	p->moving = 0;
	for (int j = 0; j < s->space->n; j++)
		p->moving += p->moves[j] = advpg_move_moves(&s->space->moves[j], p->x[j]);
	if (!advpg_candidate_original(s->candidate, row))
		s->flags[row] |= ADVPG_SEARCH_BROKEN;
}

/* Put the candidate of a row, if it has one. */
static void
put(const AdvpgSearch *s, Place *p, bool fresh)
{
	p->asked = fresh || (p->all ? next_of_all(s, p) : next_drawn(s, p));
	if (p->asked)
		advpg_oracle_put(s->oracle, s->candidate->row, p->row);
}

static bool
is_reached(const AdvpgSearch *s, size_t row, int class, double margin)
{
	if (s->target < 0)
		return class != s->label[row];
	return class == s->target && (!s->strict || margin < 0);
}

/* Have all changes of a row tried, if there are few enough. */
static void
try_all(const AdvpgSearch *s, Place *p)
{
	p->all = advpg_best_first_begin(s->space, p->row);
	if (advpg_best_first_count(p->all) <= (double) s->queries)
		return;
	advpg_best_first_end(p->all);
	p->all = NULL;
}

/* Whether a candidate is to be the best from now on. A start is, however it does; of all changes the first one of those that do as well. */
static bool
is_better(const Place *p, double margin)
{
	if (p->turn == 0)
		return true;
	return p->all ? margin < p->best : p->turn == 1 || margin <= p->best;
}

/* Look at the answer about a row; whether the row is through. */
static bool
judge(const AdvpgSearch *s, Place *p, size_t answer)
{
	int class = advpg_oracle_class(s->oracle, answer);
	double margin = s->target < 0 ? advpg_oracle_margin(s->oracle, answer, s->label[p->row])
								  : -advpg_oracle_margin(s->oracle, answer, s->target);
	bool reached = is_reached(s, p->row, class, margin);

	s->asked[p->row]++;
	if (p->turn == 0)
		s->prediction[p->row] = class;
	if (reached || is_better(p, margin))
	{
		memcpy(p->x, p->y, sizeof(double) * s->space->n);
		s->adversarial[p->row] = class;
		p->best = margin;
	}
	if (p->turn == 0 && s->target >= 0 && s->label && s->label[p->row] == s->target)
		s->flags[p->row] |= ADVPG_SEARCH_EXEMPT;
	else if (reached)
		s->flags[p->row] |= ADVPG_SEARCH_SUCCESS;
	if (reached || (p->turn == 0 && (s->flags[p->row] & (ADVPG_SEARCH_EXEMPT | ADVPG_SEARCH_BROKEN)) != 0))
		return true;
	if (p->turn == 0 && !s->drawn)
		try_all(s, p);
	return p->turn + 1 >= s->queries;
}

/* Rows that are worked on, and those that wait. */
typedef struct Rounds
{
	Place *places;
	int n;
	size_t next; /* row */
	size_t done;
} Rounds;

/* Fill a place with the next row; without one it goes. */
static bool
refill(const AdvpgSearch *s, Rounds *r, int i)
{
	while (r->next < s->space->frame->n && s->wanted && !s->wanted[r->next])
		r->next++;
	if (r->next < s->space->frame->n)
	{
		take_row(s, &r->places[i], r->next++);
		put(s, &r->places[i], true);
		return true;
	}
	return false;
}

/* One row is through: its place goes to another one that is worked on, from the end of the list. */
static void
finish(const AdvpgSearch *s, Rounds *r, int i)
{
	Place p = r->places[i];

	memcpy(s->x + p.row * (size_t) s->space->n, p.x, sizeof(double) * s->space->n);
	s->ahead[p.row] = -p.best;
	if (p.all)
		advpg_best_first_end(p.all);
	advpg_progress_update(++r->done, NAN);
	r->places[i] = r->places[--r->n];
	r->places[r->n] = p;
}

/* Judge what was asked, in the order in which it was put; rows that are through go. */
static void
judge_all(const AdvpgSearch *s, Rounds *r, bool *through)
{
	size_t answer = 0;

	for (int i = 0; i < r->n; i++)
	{
		Place *p = &r->places[i];

		through[i] = p->asked ? judge(s, p, answer++) : false;
		through[i] |= p->ended;
	}
	for (int i = r->n - 1; i >= 0; i--)
		if (through[i])
			finish(s, r, i);
}

static void
put_all(const AdvpgSearch *s, Rounds *r)
{
	for (int i = 0; i < r->n; i++)
		put(s, &r->places[i], false);
	while (r->n < PLACES && refill(s, r, r->n))
		r->n++;
}

static void
prepare(AdvpgSearch *s, Rounds *r)
{
	size_t n = s->space->frame->n + 1, width = sizeof(double) * s->space->n;

	s->prediction = palloc_extended(sizeof(int) * n, MCXT_ALLOC_HUGE);
	s->adversarial = palloc_extended(sizeof(int) * n, MCXT_ALLOC_HUGE);
	s->ahead = palloc_extended(sizeof(double) * n, MCXT_ALLOC_HUGE);
	s->flags = palloc_extended(n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	s->asked = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	s->x = palloc_extended(width * n, MCXT_ALLOC_HUGE);
	*r = (Rounds){palloc0(sizeof(Place) * PLACES), 0, 0, 0};
	for (int i = 0; i < PLACES; i++)
	{
		r->places[i].moves = palloc(s->space->n);
		r->places[i].x = palloc(width);
		r->places[i].y = palloc(width);
	}
}

void
advpg_search_run(AdvpgSearch *s)
{
	bool *through = palloc(PLACES);
	Rounds r;

	prepare(s, &r);
	advpg_progress_phase("attacking", s->space->frame->n);
	put_all(s, &r);
	while (r.n > 0)
	{
		advpg_oracle_ask(s->oracle);
		judge_all(s, &r, through);
		put_all(s, &r);
	}
}
