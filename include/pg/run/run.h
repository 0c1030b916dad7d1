/*
 * run.h
 *		A run: one operation of the core, carried out by compute workers over shared memory while a backend waits.
 *
 * The backend (the leader) states everything that workers need, each array once: this list is the run's manifest. From it follow the size
 * of the run's segment of dynamic shared memory, what is copied there, what is copied back when workers are through, and what a checkpoint
 * holds. The segment is laid out by the server's table of contents (shm_toc), next to the segments that hold the rows. Workers are
 * dynamic background workers without a database connection: they find what they need by its name (attach.h), run the core as a team,
 * and leave results in the segment.
 *
 * What a kind of run puts there, and what its workers make of it, stands in one file, run_<kind>.c.
 */
#ifndef ADVPG_RUN_H
#define ADVPG_RUN_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/proc.h"
#include "storage/shm_toc.h"

#include "core/base/team.h"
#include "core/kernel/cpu.h"
#include "pg/data/rows.h"

/* A kind of run: what a member of its team does. All kinds are in the list of worker.c. */
typedef struct AdvpgRunKind
{
	const char *name;
	AdvStatus (*work)(shm_toc *toc, AdvTeam *team, AdvError *err);
	const struct AdvpgPieces *pieces; /* piecewise.h; NULL: its rows are not computed piece by piece */
} AdvpgRunKind;

/* Does nothing: its workers only load BLAS, and say which. */
extern const AdvpgRunKind advpg_run_probe_kind;

/* The head of a run's segment: the team. */
typedef struct AdvpgShared
{
	char kind[16];  /* AdvpgRunKind.name */
	PGPROC *leader; /* whose latch is set when something happens */
	AdvTeamShared team;
	atomic_int joined;       /* workers that have attached */
	atomic_int size;         /* of the team; 0 until the leader has decided */
	atomic_int finished;     /* workers that are through */
	atomic_flag error_taken; /* the first failing worker fills error */
	AdvError error;
	int nice;      /* added to the workers' nice value */
	AdvIsa most;   /* the widest instruction set that may be used */
	AdvIsa isa;    /* the one in use by the first worker */
	char blas[64]; /* adv_gemm_name() of the first worker */
} AdvpgShared;

#define ADVPG_SHARED_MAGIC 0x61647666
#define ADVPG_TEAM         "team" /* name of the AdvpgShared */

/* Data sets that messages name rows of (AdvErrorRow). */
#define ADVPG_DATA "data"
#define ADVPG_EVAL "eval"

/* What an array is, beside being there. */
#define ADVPG_KEPT    1 /* part of a checkpoint */
#define ADVPG_ALIGNED 2 /* at a multiple of 64 bytes */

/* An array of the manifest. */
typedef struct AdvpgArray
{
	const char *name;
	const void *source; /* NULL: it begins as zeros */
	size_t n;
	size_t size; /* of an element */
	int flags;
	void *place;           /* in the segment, once there is one */
	void *result;          /* private memory that receives it when workers are through, or NULL */
	const AdvpgRows *rows; /* of a data set's array: the rows, for messages; else NULL */
} AdvpgArray;

/* A run as its leader holds it. */
typedef struct AdvpgRun
{
	const AdvpgRunKind *kind;
	List *arrays; /* of AdvpgArray *: the manifest */
	dsm_segment *segment;
	shm_toc *toc;
	AdvpgShared *shared;
	BackgroundWorkerHandle *spare; /* gives up its slot when there is none for computing; or NULL */

	/*
	 * What the run has become so far, as bytes to go on from; NULL when there is nothing yet: then it is asked again soon. Called
	 * outside of any transaction. The function may be NULL: nothing is kept.
	 */
	bytea *(*take_state)(struct AdvpgRun *run);
} AdvpgRun;

/* Begin a manifest. It, and all that it names, must stay until the run is created. */
extern void advpg_run_init(AdvpgRun *run, const AdvpgRunKind *kind);

/*
 * State an array of n elements: what it is called, its first values (NULL: zeros), and flags. One that does not apply is left out; workers
 * find none then.
 */
extern void advpg_run_array(AdvpgRun *run, const char *name, const void *source, size_t n, size_t size,
							int flags);

/* State an array of zeros that workers fill; returns private memory that has it when advpg_run_workers returns. */
extern void *advpg_run_result(AdvpgRun *run, const char *name, size_t n, size_t size, int flags);

/* State rows. */
extern void advpg_run_rows(AdvpgRun *run, const char *name, const AdvpgRows *rows);

/* Make the segment and fill it. what is the subject of errors: memory beyond advfair.max_memory, or none to be had (53400, 53200). */
extern void advpg_run_create(AdvpgRun *run, const char *what);

/* Where an array of the run is, and a copy of it. */
extern void *advpg_run_place(const AdvpgRun *run, const char *name);
extern void advpg_run_copy(const AdvpgRun *run, const char *name, void *to);

/*
 * Start up to wanted workers and wait until they are through. report is called now and then, may be NULL. Errors: no worker slot
 * is free at all (53400), whatever the core reports, cancellation; then, too, all workers are gone on return. Returns the number of
 * workers that ran.
 */
extern int advpg_run_workers(AdvpgRun *run, int wanted, void (*report)(AdvpgRun *run, void *arg), void *arg);

extern void advpg_run_release(AdvpgRun *run);

/*
 * Ask the postmaster for one background worker that attaches to the run; NULL when no slot is free. Compute workers are started by
 * advpg_run_workers; this is for others.
 */
extern BackgroundWorkerHandle *advpg_run_register(AdvpgRun *run, const char *type, const char *function,
												  bool connects);

#endif
