/*
 * attack.h
 *		Attacks on many rows by a team, with any method of the table (method.h), and the least eps that breaks a row.
 *
 * Rows are cut into fixed pieces that members take as they get free. Within a piece a batch of slots is worked on; a row
 * that is through leaves its slot to the next one, so batches stay full although rows need different numbers of steps.
 * What happens to a row is decided by the row, its key and its piece alone: any team gives the same bits.
 *
 * A row's outcome. Success (misclassified, or classified as the target) is judged at every iterate of every restart, x and random
 * starts included. With early_stop the first success is kept, and a row that is one to begin with is left as it is; without, all
 * steps are taken and the success of the highest loss is kept (of the lowest loss for the target). When there is none, so is the
 * iterate of highest loss. Logits within a margin of about 1e-4 are no first success, because another matrix kernel may decide
 * otherwise, but do count when nothing better is found; they are flagged. With a grid (feasible examples), the iterate after the
 * last step of each restart is rounded to the grid within the ball, and only that (and x) is judged. eps = 0 gives x.
 *
 * Retreats. In a ball that is large for what there is to climb, steps lower the loss, end where there is no slope, or have not got
 * far when they end, and the row withstands the ball although it would not withstand a smaller one. A row that withstands all restarts, in
 * one of which the attack did so little settle, is attacked again in a quarter of the ball by steps of a quarter, which the ball
 * holds; and so on, as long as it happens, up to retreats times. So is a row whose example was lost to the grid.
 *
 * Ensembles. Each member attacks the rows that withstood those before, and rows of a piece may be under different members in the same round.
 *
 * Gradients, unless a method climbs something else, are those of the log-odds (loss.h), whose direction is the cross-entropy's but does not vanish when the network is very
 * sure. Searches stop each try at its first success, whatever early_stop says. Those by bisection start a try from the best example so
 * far (further restarts are random); those by multiples of a step are attacks of their own, as if made at that eps alone. Both come
 * from smaller balls, so they do not retreat.
 */
#ifndef ADV_ATTACK_H
#define ADV_ATTACK_H

#include "core/attack/method.h"
#include "core/network/dataset.h"
#include "core/base/team.h"

typedef enum AdvGridKind
{
	ADV_GRID_FREE = 0, /* any value */
	ADV_GRID_WHOLE,    /* raw = x / factor + shift is a whole number between min and max */
	ADV_GRID_ONEHOT /* the first of count inputs of which one is 1 and the others 0; the others are ADV_GRID_FREE */
} AdvGridKind;

/* Which values of one input stand for something real. What a row had to begin with is always allowed. */
typedef struct AdvGrid
{
	int32_t kind; /* AdvGridKind */
	int32_t count;
	double shift; /* x = (raw - shift) * factor */
	double factor;
	double min;
	double max;
} AdvGrid;

typedef struct AdvAttack
{
	int32_t method;                                  /* its place in adv_attack_methods */
	_Alignas(8) unsigned char own[ADV_OWN_SETTINGS]; /* its own settings */
	AdvBall ball;
	double eps;   /* in units of the ball */
	double alpha; /* step, in units */
	int32_t steps;
	int32_t restarts;
	int32_t retreats; /* to smaller balls, at most; 0: none */
	bool random_start;
	bool early_stop;
	int32_t target; /* class to be reached by descending its loss; -1: any but the label */
	uint64_t seed;
	const AdvGrid *grid; /* (inputs), channels last, or NULL */
} AdvAttack;

/* The attacks that an attack is made of, the members of an ensemble or itself (members: ADV_MOST_MEMBERS); returns how many. */
extern int adv_attack_expand(const AdvAttack *whole, AdvAttack *members);

/*
 * How the least eps of a row is searched; the attack's eps is not used and its alpha is that for eps = eps_max. Multiples of a step
 * give the first that breaks the row, bisection the distance of the example it ends with.
 */
typedef enum AdvSearchMode
{
	ADV_SEARCH_GRID = 0, /* eps = step, 2 step, ... as long as it is <= eps_max */
	ADV_SEARCH_BISECT    /* double from eps_max / 256, then bisect until the bracket is no wider than tol */
} AdvSearchMode;

typedef struct AdvSearch
{
	int32_t mode; /* AdvSearchMode */
	double eps_max;
	double step;
	double tol;
} AdvSearch;

/* What is known of a row beside numbers. */
#define ADV_ATTACK_SUCCESS 1 /* x' is misclassified (or classified as the target) */
#define ADV_ATTACK_EXEMPT  2 /* its label is the target: not attacked */
#define ADV_ATTACK_NEAR_TIE                                                                                  \
	4 /* the two largest logits of x' agree to about 1e-4: another kernel may decide otherwise */
#define ADV_ATTACK_NO_SLOPE                                                                                  \
	8 /* it withstood, and at some step its gradient was zero in every input that may move */
#define ADV_ATTACK_CENSORED 16 /* least eps: never broken up to eps_max */
#define ADV_ATTACK_OUTSIDE  32 /* x' is not within (1 + 1e-6) eps or the clip range: must not happen */
#define ADV_ATTACK_OVERFLOW                                                                                  \
	64 /* logits or gradient are not finite: x' = x, nothing else is said about the row */
#define ADV_ATTACK_UNSETTLED                                                                                 \
	128 /* it withstood, and the attack did not settle in any ball down to the smallest one tried */

/* Floats of many rows, in chunks of shared memory like a data set's. */
typedef struct AdvInputs
{
	size_t rows_per_chunk;
	float *const
		*chunks; /* row r: chunks[r / rows_per_chunk] + (r % rows_per_chunk) * inputs, channels last */
} AdvInputs;

/*
 * Results, element i for the i-th attacked row; arrays may be NULL where not wanted, but for flags. eps is the least eps: eps_max when
 * censored, NaN for exempt and overflown rows; without a search it is the attack's.
 */
typedef struct AdvAttackResult
{
	int32_t *prediction;  /* clean class; -1: its logits are not finite */
	int32_t *adversarial; /* class of x'; -1: ADV_ATTACK_OVERFLOW */
	uint8_t *flags;
	float *linf; /* |x' - x|_inf and |x' - x|_2 in plain input values */
	float *l2;
	float *loss;        /* cross-entropy of x' for the label (nats) */
	double *eps;        /* in units */
	uint32_t *forwards; /* forward passes that the row took part in, that of the row itself included */
	uint32_t *gradients;
	int32_t *method; /* that made x', of an ensemble one of its members': its place in adv_attack_methods */
	const AdvInputs *x; /* x' */
} AdvAttackResult;

/* Counters of a run, in shared memory. */
typedef struct AdvAttackState
{
	atomic_ullong rows_done;
	atomic_ullong gradients; /* rows times steps computed */
} AdvAttackState;

/* One attack as a member sees it. */
typedef struct AdvAttackRun
{
	const AdvNetwork *net;
	const float *params;
	const AdvDataset *data; /* labelled, all labels classes */
	const uint64_t *key;    /* (data->n_rows) of data's rows */
	const uint32_t *rows;   /* (n) rows of data that are attacked, or NULL for the first n */
	size_t n;
	const AdvAttack *attack;
	const AdvSearch *search; /* NULL: one attack at attack->eps; else the least eps */
	AdvAttackResult result;
	/*
	 * shared, (adv_attack_pieces(n)) set when the result of a piece is complete; a piece whose flag is set before is left as it is, so
	 * an attack that was interrupted goes on with the others. NULL: all pieces are done.
	 */
	atomic_uchar *piece_done;
	AdvAttackState *state;
	void *private; /* adv_attack_private_size bytes, 64-byte aligned */
} AdvAttackRun;

extern size_t adv_attack_private_size(const AdvNetwork *net);

/* Rows first .. first + count of an attack on n rows are piece number piece; returns count. */
extern size_t adv_attack_piece(size_t n, uint64_t piece, size_t *first);

/*
 * Attack; run by every member; pieces are taken dynamically (the caller rewinds the team's piece counter before). ADV_ABORTED when
 * the team stops.
 */
extern AdvStatus adv_attack(const AdvAttackRun *run, AdvTeam *team);

/*
 * Score examples crafted elsewhere (transfer): run->net and run->params are the model that is scored, run->result.x the examples,
 * which are read. Fills prediction, adversarial, loss and the flags SUCCESS and NEAR_TIE, and adds OVERFLOW (rows that have it, and
 * exempt rows, are no success); other flags, linf and l2 are not touched. Pieces are taken as in adv_attack.
 */
extern AdvStatus adv_attack_score(const AdvAttackRun *run, AdvTeam *team);

/* Number of pieces of n rows: more members than that are of no use. */
extern size_t adv_attack_pieces(size_t n);

/*
 * Round x (inputs), which lies in the ball, to the grid within the ball, in place: the first thing that is done to judge a feasible
 * example.
 */
extern void adv_grid_round(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, double eps,
						   float *x);

/*
 * The next neighbour of an example on the grid in which one block of a one-hot category is another category: writes it to x (n) and returns
 * true, or false when there is none left. best (n) is the example, *next the first input to be tried, 0 to begin with. All
 * neighbours keep to the ball and its clip range. It is one pass of coordinate ascent: best may be another one at each call.
 */
extern bool adv_grid_swap(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, double eps,
						  const float *best, size_t *next, float *x);

/*
 * |x - x0| as adv_ball_distance has it, but between inputs that stand for whole numbers that of these numbers. This is what keeps to eps
 * where there is a grid. grid may be NULL.
 */
extern double adv_grid_distance(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0,
								const float *x);

#endif
