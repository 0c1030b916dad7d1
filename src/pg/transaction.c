/*
 * transaction.c
 *		Transactions of our own. See transaction.h.
 */
#include "pg/transaction.h"

#include "access/xact.h"
#include "access/xlog.h"

void
advpg_transaction_own(void)
{
	XactIsoLevel = XACT_READ_COMMITTED;
	XactDeferrable = false;
	XactReadOnly = RecoveryInProgress();
}

void
advpg_transaction_begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	advpg_transaction_own();
}
