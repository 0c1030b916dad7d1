/*
 * status.h
 *		Outcomes of core functions, and the message that goes with a failure.
 *
 * The core never exits, prints or jumps: whatever can fail returns an AdvStatus and fills an AdvError for its
 * host, which turns it into an SQL error (src/pg/base/errors.c) or a test failure.
 */
#ifndef ADV_STATUS_H
#define ADV_STATUS_H

#include <stddef.h>

typedef enum AdvStatus
{
	ADV_OK = 0,
	ADV_INVALID,  /* an argument is out of range or ill-formed */
	ADV_DATA,     /* a data value cannot be used (NaN, unseen category, wrong length) */
	ADV_CORRUPT,  /* bytes are not a model */
	ADV_LIMIT,    /* larger than a fixed limit, or memory could not be had */
	ADV_DIVERGED, /* training produced a loss that is not finite */
	ADV_ABORTED   /* the host asked to stop */
} AdvStatus;

/* What rows an error is about, of which only the host knows what they are called. */
typedef enum AdvErrorRow
{
	ADV_ROW_OF_DATA = 0, /* of the data that are trained on */
	ADV_ROW_COMPARED,    /* of those that predictions are compared on */
	ADV_ROW_LEFT_OUT,    /* of the data, in whose absence it happened */
	ADV_ERROR_ROWS
} AdvErrorRow;

/*
 * Messages follow PostgreSQL's style: message is a lower-case phrase, detail and hint are sentences or empty. Names and values in them are as
 * they came, in an encoding that the core does not know; one that is too long is cut after some byte, which the host has to mend.
 */
typedef struct AdvError
{
	AdvStatus status;
	char message[512];
	char detail[512];
	char hint[512];
	unsigned long long row[ADV_ERROR_ROWS]; /* 1 + number, 0: none */
} AdvError;

/* Fill err (may be NULL) with status and a printf-style message, clear all else; returns status. */
extern AdvStatus adv_fail(AdvError *err, AdvStatus status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Add a detail or hint to an error just filled (err may be NULL). */
extern void adv_detail(AdvError *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void adv_hint(AdvError *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Say which row an error just filled (err may be NULL) is about. */
extern void adv_about_row(AdvError *err, AdvErrorRow which, size_t row);

/*
 * The host's allocator: memory aligned for any type, or NULL when there is none. What was allocated belongs to
 * the host, which frees it all at once (a memory context, an arena); the core never frees.
 */
typedef struct AdvAllocator
{
	void *(*alloc)(void *arg, unsigned long size);
	void *arg;
} AdvAllocator;

#endif
