/*
 * transaction.h
 *		Transactions of our own, and what is not to last until the end of the caller's.
 *
 * Background processes, and calls that wait for what others commit, need to see what others have committed by now, and to write. Settings of the server, the database, a role or a session
 * (default_transaction_isolation and its kin) may say otherwise, and hold for each transaction that begins.
 */
#ifndef ADVPG_TRANSACTION_H
#define ADVPG_TRANSACTION_H

#include "postgres.h"

/* Begin a transaction that is read committed and read-write, whatever settings say. */
extern void advpg_transaction_begin(void);

/* Make the transaction under way one, before it has taken a snapshot. */
extern void advpg_transaction_own(void);

/*
 * Call a function in a subtransaction that is rolled back when it returns: what it writes is undone, what it locks let go of. Memory lasts. An
 * error goes on when that is done.
 */
extern void advpg_transaction_undone(void (*run)(void *arg), void *arg);

#endif
