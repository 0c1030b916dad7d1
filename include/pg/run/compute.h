/*
 * compute.h
 *		A run: one operation of the core, carried out by compute workers over shared memory while a backend waits.
 *
 * The backend (the leader) puts everything the workers need into one segment of dynamic shared memory, laid out by the server's
 * table of contents (shm_toc), next to the segments that hold the rows. Workers are dynamic background workers without a
 * database connection: they attach, run the core as a team, and leave results in the segment.
 */
#ifndef ADVPG_COMPUTE_H
#define ADVPG_COMPUTE_H

#include "postgres.h"

#include "storage/dsm.h"
#include "storage/proc.h"
#include "storage/shm_toc.h"

#include "core/attack/attack.h"
#include "core/kernel/cpu.h"
#include "core/network/predict.h"
#include "core/train/luf.h"
#include "core/train/train.h"
#include "pg/data/rows.h"

typedef enum AdvpgRunKind
{
	ADVPG_RUN_PROBE, /* only load BLAS and say which */
	ADVPG_RUN_TRAIN,
	ADVPG_RUN_PREDICT,
	ADVPG_RUN_ATTACK,
	ADVPG_RUN_LUF
} AdvpgRunKind;

/* The data sets of a run. */
typedef enum AdvpgSet
{
	ADVPG_SET_DATA = 0,
	ADVPG_SET_VALIDATION, /* rows from elsewhere */
	ADVPG_SET_EVAL,       /* rows whose predictions are compared */
	ADVPG_SET_PERTURBED, /* perturbed inputs of the data's rows: an attack writes them, merged training reads them */
	ADVPG_MAX_SETS
} AdvpgSet;

/* What a worker must know to rebuild an AdvDataset. Arrays stand in the table of contents. */
typedef struct AdvpgSharedSet
{
	uint64 n_rows; /* 0: there is none */
	uint64 rows_per_chunk;
	uint64 row_bytes;
	AdvShape shape;
	int32 n_fields;
	int32 n_chunks;
	bool labelled;
} AdvpgSharedSet;

/* The head of a run's segment. */
typedef struct AdvpgShared
{
	int kind;       /* AdvpgRunKind */
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
	AdvNetwork net;
	AdvpgSharedSet sets[ADVPG_MAX_SETS];

	/* training */
	AdvTrainSpec spec;
	uint64 n_examples;
	uint64 n_validation; /* rows */
	int validation_set;  /* whose rows they are */
	AdvTrainState state;

	/* prediction */
	atomic_ullong done;

	/* attack: ball.unit and grid stand in the table of contents */
	AdvAttack attack;
	AdvSearch search;
	bool searching;    /* the least eps is asked for */
	bool transfer;     /* examples are scored by another model */
	AdvNetwork scored; /* that one */
	AdvAttackState attack_state;

	/* leave-one-out: training as above, and */
	uint64 n_models;
	int init; /* AdvInit */
	bool warm;
	bool regenerate; /* twins are crafted again, as attack says, on a source trained as source_spec says */
	AdvTrainSpec source_spec;
	AdvLufState luf_state;
	atomic_int keeper; /* AdvpgKeeper: what the keeper shall do, see keeper.h */
} AdvpgShared;

/* Keys of the table of contents; those of data sets are offset by 16 times the number of the set. */
enum
{
	ADVPG_KEY_SHARED = 1,
	ADVPG_KEY_PARAMS,         /* float (n_params) */
	ADVPG_KEY_EXAMPLE_ROW,    /* uint32 (n_examples) */
	ADVPG_KEY_EXAMPLE_KEY,    /* uint64 (n_examples) */
	ADVPG_KEY_VALIDATION_ROW, /* uint32 (n_validation) rows of validation_set */
	ADVPG_KEY_EPOCHS,         /* AdvEpoch (epochs) */
	ADVPG_KEY_TRAIN,          /* the core's shared memory, 64 bytes longer than it needs */
	ADVPG_KEY_PREDICTION,     /* int32 (n) */
	ADVPG_KEY_PROBA,          /* float (n, classes), if wanted */
	ADVPG_KEY_UNIT,           /* float (inputs), if the ball has units */
	ADVPG_KEY_GRID,           /* AdvGrid (inputs), if examples must be feasible */
	ADVPG_KEY_ROW_KEY,        /* uint64 (n) */
	ADVPG_KEY_SCORED,         /* float (n_params of the scored network) */
	ADVPG_KEY_ADVERSARIAL,    /* int32 (n) */
	ADVPG_KEY_FLAGS,          /* uint8 (n) */
	ADVPG_KEY_LINF,           /* float (n) */
	ADVPG_KEY_L2,             /* float (n) */
	ADVPG_KEY_LOSS,           /* float (n) */
	ADVPG_KEY_LEAST_EPS,      /* double (n), if searching */
	ADVPG_KEY_FORWARDS,       /* uint32 (n) */
	ADVPG_KEY_GRADIENTS,      /* uint32 (n) */
	ADVPG_KEY_INITIAL,        /* float (n_params) parameters before training */
	ADVPG_KEY_MODELS,         /* AdvLufModel (n_models) */
	ADVPG_KEY_CHANGE,         /* float (n_models, rows of the evaluation set) */
	ADVPG_KEY_PARTS,          /* int64 (n_models) names of the models' results */
	ADVPG_KEY_KEEPER,         /* AdvpgKeeperRun */
	ADVPG_KEY_CHECKPOINT,     /* AdvCheckpoint, 64 bytes longer than it needs, if states are kept */
	ADVPG_KEY_RESUME,         /* the state to go on from, if there is one */
	ADVPG_KEY_PIECE_DONE,     /* atomic_uchar (pieces of the attack) */
	ADVPG_KEY_SET = 48,
	ADVPG_KEY_FIELDS = ADVPG_KEY_SET, /* AdvField (n_fields) */
	ADVPG_KEY_HANDLES,                /* dsm_handle (n_chunks) */
	ADVPG_KEY_LABEL,                  /* int32 (n_rows) */
	ADVPG_KEY_SET_STRIDE = 16
};

#define ADVPG_SHARED_MAGIC 0x61647666

/* A run as its leader holds it. */
typedef struct AdvpgRun
{
	shm_toc_estimator estimator;
	dsm_segment *segment;
	shm_toc *toc;
	AdvpgShared *shared;
	const AdvpgRows *rows[ADVPG_MAX_SETS]; /* those put into it, to name them in messages */
	struct BackgroundWorkerHandle *spare;  /* gives up its slot when there is none for computing; or NULL */

	/*
	 * What the run has become so far, as bytes to go on from; NULL when there is nothing yet: then it is asked again soon. Called
	 * outside of any transaction. The function may be NULL: nothing is kept.
	 */
	bytea *(*take_state)(struct AdvpgRun *run);
	int states_taken; /* trainings: of AdvCheckpoint.taken */
} AdvpgRun;

/*
 * Make a run in three steps: say what it will hold (advpg_run_estimate for an array of n elements, advpg_run_estimate_rows),
 * create it, and put arrays into it under their keys in the same order. advpg_run_put copies source, or zeroes when it is NULL.
 */
extern void advpg_run_init(AdvpgRun *run);
extern void advpg_run_estimate(AdvpgRun *run, size_t n, size_t size);
extern void advpg_run_estimate_rows(AdvpgRun *run, const AdvpgRows *rows);
extern void advpg_run_create(AdvpgRun *run, AdvpgRunKind kind, const char *what);
extern void *advpg_run_put(AdvpgRun *run, uint64 key, const void *source, size_t n, size_t size);
extern void advpg_run_put_rows(AdvpgRun *run, int set, const AdvpgRows *rows);

/*
 * Start up to wanted workers and wait until they are through. report is called now and then, may be NULL. Errors: no worker slot
 * is free at all (53400), whatever the core reports, cancellation; then, too, all workers are gone on return. Returns the number of
 * workers that ran.
 */
extern int advpg_run_workers(AdvpgRun *run, int wanted, void (*report)(AdvpgRun *run, void *arg), void *arg);

extern void advpg_run_release(AdvpgRun *run);

/*
 * Ask the postmaster for one background worker that attaches to the run, with BGWORKER flags beside shared memory; NULL when no slot is
 * free. Compute workers are started by advpg_run_workers; this is for others.
 */
struct BackgroundWorkerHandle;
extern struct BackgroundWorkerHandle *advpg_run_register(AdvpgRun *run, const char *type,
														 const char *function, int flags);

/* A training's checkpoint, NULL when none are taken. */
extern struct AdvCheckpoint *advpg_run_checkpoint(shm_toc *toc);

/* Address of an array, moved up to the next multiple of 64 bytes. */
#define ADVPG_ALIGN64(p) ((void *) TYPEALIGN(64, (uintptr_t) (p)))

#endif
