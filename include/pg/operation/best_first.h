/*
 * best_first.h
 *		All changes of a row, the cheapest first.
 */
#ifndef ADVPG_BEST_FIRST_H
#define ADVPG_BEST_FIRST_H

#include "postgres.h"

#include "pg/operation/space.h"

typedef struct AdvpgBestFirst AdvpgBestFirst;

/* Begin with a row of a space, in a memory context of its own within the current one. */
extern AdvpgBestFirst *advpg_best_first_begin(const AdvpgSpace *space, size_t row);

/*
 * The next change, of a row whose numbers all have steps, x (n), whose cost is no less than that of those before; false when there is none. The first one changes nothing. Each change comes
 * once; of those that cost the same, the order is always the same. Time and memory grow with the changes that have come, not with those there are.
 */
extern bool advpg_best_first_next(AdvpgBestFirst *b, double *x, double *cost);

/* How many changes there are; infinitely many where a number has no steps. */
extern double advpg_best_first_count(const AdvpgBestFirst *b);

extern void advpg_best_first_end(AdvpgBestFirst *b);

#endif
