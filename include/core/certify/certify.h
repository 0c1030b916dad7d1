/*
 * certify.h
 *		Certificates of rows, by a team: how far inputs may move before any of them can be of another class.
 */
#ifndef ADV_CERTIFY_H
#define ADV_CERTIFY_H

#include "core/attack/ball.h"
#include "core/attack/method.h"
#include "core/base/parameter.h"
#include "core/base/team.h"
#include "core/network/dataset.h"

/* What users say of a method; a method's parameters describe it. */
typedef struct AdvCertifySettings
{
	double tol; /* what a radius may be short of the largest that the method proves, in units of the ball */
	_Alignas(8) unsigned char own[ADV_OWN_SETTINGS];
} AdvCertifySettings;

/* What is certified, and how. Plain data but for ball.unit, which lies in memory that all members share. */
typedef struct AdvCertify
{
	int32_t method; /* its place in adv_certify_methods */
	AdvBall ball;
	double eps_max; /* in units of the ball */
	uint64_t seed;
	AdvCertifySettings settings;
} AdvCertify;

/* What is known of a row. */
typedef struct AdvCertificate
{
	int32_t prediction; /* class; -1 where the output is not finite, or the method has abstained */
	double radius;      /* no input of the ball of this eps is of another class; at most eps_max */
	bool abstained;     /* the method could not tell the class */
} AdvCertificate;

/* A certification under way as a method sees it. */
typedef struct AdvCertifying
{
	const AdvNetwork *net;
	const float *params;
	const AdvCertify *how;
	AdvWorkspace *ws; /* forward, of ADV_CERTIFY_ROWS rows, with params loaded */
	AdvStop stop;
	void *memory; /* a member's own, of the method's size, 64-byte aligned */
} AdvCertifying;

#define ADV_CERTIFY_ROWS 128 /* of a forward pass */

typedef struct AdvCertifyMethod
{
	const char *name;
	const char *words;              /* what it is, for people: with whose it is */
	const AdvParameter *parameters; /* of AdvCertifySettings */

	bool open_ended; /* radii have an end of their own: no eps_max is needed */

	/* settings before anything is said */
	void (*set)(AdvCertifySettings *settings);

	/* Whether it can certify such a network in such a norm (ADV_INVALID). */
	AdvStatus (*check)(const AdvNetwork *net, const AdvCertify *how, AdvError *err);

	/* Whether what is proven of such a network suffers from a kernel's worst rounding, and could do without; NULL: no */
	bool (*is_wide)(const AdvNetwork *net, const AdvCertify *how);

	size_t (*memory)(const AdvNetwork *net); /* bytes */
	void (*begin)(AdvCertifying *c);         /* NULL: nothing */

	/* A row: x (inputs), key what random numbers are drawn from. prediction is that of the network. ADV_ABORTED when told to stop. */
	AdvStatus (*row)(AdvCertifying *c, const float *x, uint64_t key, AdvCertificate *certificate);
} AdvCertifyMethod;

/* All methods; the list ends with NULL. The first is what users get who name none. */
extern const AdvCertifyMethod *const adv_certify_methods[];

/* Place of the method of a name, -1 when there is none. */
extern int adv_certify_method(const char *name);

extern AdvCertifySettings adv_certify_unset(const AdvCertifyMethod *method);

/* Rows and what is found out about them. */
typedef struct AdvCertifyRun
{
	const AdvNetwork *net;
	const float *params;
	const AdvCertify *how;
	const AdvDataset *data;
	const uint64_t *key;         /* (n) */
	size_t n;                    /* the first n rows of data */
	AdvCertificate *certificate; /* (n) */
	atomic_ullong *done;         /* counts rows, for progress; NULL: nobody asks */
	/*
	 * shared, (adv_certify_pieces(n)) set when the certificates of a piece are complete; a piece whose flag is set before is left as it is. NULL:
	 * nobody asks.
	 */
	atomic_uchar *piece_done;
} AdvCertifyRun;

/* How many pieces n rows are, and which rows piece number piece is: from *first on, as many as it returns. */
extern size_t adv_certify_pieces(size_t n);
extern size_t adv_certify_piece(size_t n, uint64_t piece, size_t *first);

/*
 * Certify rows; run by every member, the same for any number of them. Pieces are taken as members are free: the caller rewinds the team's
 * counter before. private is adv_certify_private_size bytes of the member's own, 64-byte aligned. ADV_ABORTED when told to stop.
 */
extern size_t adv_certify_private_size(const AdvNetwork *net, const AdvCertify *how);
extern AdvStatus adv_certify(const AdvCertifyRun *run, AdvTeam *team, void *private);

/* ---- radius.c ---- */

/* A lower bound of the margin by which a class wins in a ball of eps, and how fast it falls, about; see adv_bounds_margin. */
typedef AdvStatus (*AdvMargin)(void *arg, double eps, double *margin, double *steepness);

/*
 * The largest eps, up to eps_max and less tol, at which the margin is above 0: found by secants and halving. At 0 it need not be: the radius then is
 * 0. Margins that are not numbers are not above 0.
 */
extern AdvStatus adv_radius(AdvMargin margin, void *arg, double eps_max, double tol, double *radius);

#endif
