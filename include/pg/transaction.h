/*
 * transaction.h
 *		Transactions of our own: of background processes, and of calls that wait for what others commit.
 *
 * They need to see what others have committed by now, and to write. Settings of the server, the database, a role or a session
 * (default_transaction_isolation and its kin) may say otherwise, and hold for each transaction that begins.
 */
#ifndef ADVPG_TRANSACTION_H
#define ADVPG_TRANSACTION_H

#include "postgres.h"

/* Begin a transaction that is read committed and read-write, whatever settings say. */
extern void advpg_transaction_begin(void);

/* Make the transaction under way one, before it has taken a snapshot. */
extern void advpg_transaction_own(void);

#endif
