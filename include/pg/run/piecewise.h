/*
 * piecewise.h
 *		Runs whose rows are computed piece by piece: what is complete is a state that a job's checkpoint keeps, and goes on from.
 *
 * Rows are those of ADVPG_DATA. Arrays of the manifest that have an element for each row, and are to be kept (ADVPG_KEPT), are kept.
 */
#ifndef ADVPG_PIECEWISE_H
#define ADVPG_PIECEWISE_H

#include "postgres.h"

#include "pg/run/run.h"

/* How a kind of run cuts rows into pieces, and what it can have made of them. */
typedef struct AdvpgPieces
{
	size_t (*count)(size_t n);                               /* pieces of n rows */
	size_t (*rows)(size_t n, uint64_t piece, size_t *first); /* rows of a piece, and the first of them */
	bool (*check)(const AdvpgRun *run, size_t first,
				  size_t n); /* whether results of these rows are such as there can be */
} AdvpgPieces;

/* State the flags of n rows' pieces, an atomic_uchar each, which workers set as pieces are complete. */
#define ADVPG_PIECE_DONE "piece done"
extern void advpg_piecewise_put(AdvpgRun *run, size_t n);

/*
 * Keep states of the run, which has been created, under a name, and begin with the one that is there. Outside of jobs nothing happens. Needs a
 * transaction and a connection to SPI. Error (22P03): what is there is no state of such a run.
 */
extern void advpg_piecewise_resume(AdvpgRun *run, const char *name);

#endif
