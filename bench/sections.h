/*
 * sections.h
 *		How long each member of a team computes between one barrier and the next.
 *
 * Time is that of the member's processor, not of a clock on the wall: it is the same whether or not all members have processors of their
 * own. So a team of 64 can be measured on two processors. What it leaves out is what members do to each other: memory and caches that
 * they share, and barriers.
 */
#ifndef BENCH_SECTIONS_H
#define BENCH_SECTIONS_H

#include <stddef.h>

/* What a team has computed; seconds, the median of epochs of equal length. */
typedef struct SectionSums
{
	double all;     /* of all members */
	double longest; /* of the slowest member of each section: what a run takes where barriers take no time */
	double unsplit; /* what is not shared among members: see bench_sections_add_up */
} SectionSums;

/* The calling thread is a member from now on, whose sections are kept under number rank of 0 .. 63; what was kept before is forgotten. */
extern void bench_sections_begin(int rank);

/* The calling thread is no member any longer. */
extern void bench_sections_end(void);

/*
 * Adds up the sections of a team, for one of n_epochs (at most 16) epochs of equally many sections, of which the first does not count. Sections
 * before the epochs, if any, are counted in the first. A section's time is the median of epochs. Unsplit is the time of sections in
 * which rank 0 alone computes, and what every member repeats in others, which is the time of the fastest member: that needs a team in
 * which somebody has nothing to do. The sums are 0 if there were no such epochs.
 */
extern SectionSums bench_sections_add_up(int members, int n_epochs);

#endif
