/*
 * search.h
 *		Which eps is tried next in the search for the least one that breaks a row.
 */
#ifndef ADV_SEARCH_H
#define ADV_SEARCH_H

#include "core/attack/attack.h"

/* What is known of a row; zero before the first try. */
typedef struct AdvBracket
{
	double failed;  /* the largest eps below nearest that failed; 0: none */
	double nearest; /* distance of the nearest example, once there is one */
	double eps;     /* of the present try */
	uint64_t n_tries;
	bool broken; /* there is an example */
} AdvBracket;

/* Choose the eps of the next try; false when nothing is left to try. */
extern bool adv_search_next(const AdvSearch *search, AdvBracket *bracket);

/* Tell how the try went: an example at a distance of at most eps, in units, or none. */
extern void adv_search_broken(AdvBracket *bracket, double distance);
extern void adv_search_failed(AdvBracket *bracket);

/* The least eps, once nothing is left to try. */
extern double adv_search_result(const AdvSearch *search, const AdvBracket *bracket);

#endif
