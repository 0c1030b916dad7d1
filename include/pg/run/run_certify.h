/*
 * run_certify.h
 *		Certificates of rows as a run.
 */
#ifndef ADVPG_RUN_CERTIFY_H
#define ADVPG_RUN_CERTIFY_H

#include "postgres.h"

#include "core/certify/certify.h"
#include "pg/run/run.h"

/* What to certify, and the results. */
typedef struct AdvpgCertification
{
	const AdvNetwork *net;
	const float *params;
	const AdvpgRows *rows;
	const AdvCertify *how;
	const char *name; /* of its checkpoints */
	int workers;
	AdvCertificate *certificate; /* (n) out */
} AdvpgCertification;

extern const AdvpgRunKind advpg_run_certify_kind;

/* Certify all rows. Results live in the current memory context. Needs a connection to SPI. */
extern void advpg_run_certify(AdvpgCertification *certification);

#endif
