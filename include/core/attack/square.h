/*
 * square.h
 *		How many places the queries of the square attack change: its schedule, for other searches by queries, too.
 */
#ifndef ADV_SQUARE_H
#define ADV_SQUARE_H

#include <stdint.h>

#define ADV_SQUARE_SHARE 0.8 /* of the places, changed by the first queries, unless somebody says otherwise */

/* Share of the places that query number it, from 0, changes, where the first ones change a share of p. */
extern double adv_square_share(double p, int64_t it);

#endif
