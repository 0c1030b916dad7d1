/*
 * transaction.c
 *		Transactions of our own, and what is not to last. See transaction.h.
 */
#include "pg/base/transaction.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

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

static void
roll_back(MemoryContext context, ResourceOwner owner)
{
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

void
advpg_transaction_undone(void (*run)(void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run(arg);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		roll_back(context, owner);
		ReThrowError(error);
	}
	PG_END_TRY();
	roll_back(context, owner);
}
