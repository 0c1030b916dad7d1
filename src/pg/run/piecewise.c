/*
 * piecewise.c
 *		Runs whose rows are computed piece by piece, as states of checkpoints. See piecewise.h.
 *
 * A state is the flags of the pieces, and behind them the arrays that are kept, one after the other.
 */
#include "pg/run/piecewise.h"

#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/run/attach.h"
#include "pg/run/checkpoint.h"

void
advpg_piecewise_put(AdvpgRun *run, size_t n)
{
	advpg_run_array(run, ADVPG_PIECE_DONE, NULL, run->kind->pieces->count(n), sizeof(atomic_uchar), 0);
}

static size_t
rows_of(const AdvpgRun *run)
{
	return ((const AdvpgSharedSet *) advpg_run_place(run, ADVPG_DATA))->n_rows;
}

static size_t
state_size(const AdvpgRun *run)
{
	size_t size = run->kind->pieces->count(rows_of(run));
	ListCell *cell;

	foreach (cell, run->arrays)
	{
		const AdvpgArray *array = lfirst(cell);

		if (array->flags & ADVPG_KEPT)
			size += array->n * array->size;
	}
	return size;
}

/* Results of pieces that are not complete are no part of a state: one that is no further has the same bytes. */
static void
clear_unfinished(char *to, const AdvpgRun *run, const AdvpgArray *array, const char *done)
{
	const AdvpgPieces *pieces = run->kind->pieces;

	for (uint64 p = 0; p < pieces->count(array->n); p++)
	{
		size_t first, count = pieces->rows(array->n, p, &first);

		if (!done[p])
			memset(to + first * array->size, 0, count * array->size);
	}
}

/* Flags are copied first: what is complete then stays so. */
static bytea *
take_state(AdvpgRun *run)
{
	uint64 pieces = run->kind->pieces->count(rows_of(run));
	size_t size = state_size(run);
	atomic_uchar *done = advpg_run_place(run, ADVPG_PIECE_DONE);
	bytea *state;
	char *to;
	ListCell *cell;

	if (size > MaxAllocSize - VARHDRSZ)
		return NULL; /* more than a value can hold: such a job starts again */
	state = palloc(size + VARHDRSZ);
	SET_VARSIZE(state, size + VARHDRSZ);
	to = VARDATA(state);
	for (uint64 p = 0; p < pieces; p++)
		*to++ = atomic_load(&done[p]);
	foreach (cell, run->arrays)
	{
		const AdvpgArray *array = lfirst(cell);

		if (!(array->flags & ADVPG_KEPT))
			continue;
		memcpy(to, array->place, array->n * array->size);
		clear_unfinished(to, run, array, VARDATA(state));
		to += array->n * array->size;
	}
	return state;
}

/* Whether what is complete can be. */
static bool
check_state(const AdvpgRun *run, const char *done)
{
	const AdvpgPieces *pieces = run->kind->pieces;
	size_t n = rows_of(run);

	for (uint64 p = 0; p < pieces->count(n); p++)
	{
		size_t first, count = pieces->rows(n, p, &first);

		if (done[p] && !pieces->check(run, first, count))
			return false;
	}
	return true;
}

void
advpg_piecewise_resume(AdvpgRun *run, const char *name)
{
	uint64 pieces = run->kind->pieces->count(rows_of(run));
	atomic_uchar *done = advpg_run_place(run, ADVPG_PIECE_DONE);
	bytea *state;
	const char *from;
	ListCell *cell;

	if (!advpg_checkpointing())
		return;
	run->take_state = take_state;
	state = advpg_checkpoint_load(name);
	if (state == NULL)
		return;
	if (VARSIZE_ANY_EXHDR(state) != state_size(run))
		ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				errmsg("checkpoint is not that of this run, %s", name));
	from = VARDATA_ANY(state) + pieces;
	foreach (cell, run->arrays)
	{
		const AdvpgArray *array = lfirst(cell);

		if (!(array->flags & ADVPG_KEPT))
			continue;
		memcpy(array->place, from, array->n * array->size);
		from += array->n * array->size;
	}
	if (!check_state(run, VARDATA_ANY(state)))
		ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				errmsg("checkpoint has results that there cannot be: %s", name));
	for (uint64 p = 0; p < pieces; p++)
		atomic_store(&done[p], VARDATA_ANY(state)[p] != 0);
}
