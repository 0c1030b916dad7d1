/*
 * operation.h
 *		An operation as a user asks for it: connected to SPI, shown in advfair_progress, with its results in the caller's memory.
 */
#ifndef ADVPG_OPERATION_H
#define ADVPG_OPERATION_H

#include "postgres.h"

/*
 * Call body with a connection to SPI, in the memory context that is current: what it allocates there outlives the connection. Meanwhile the
 * operation is shown in advfair_progress under its name, with its model. Operations nest.
 */
extern void advpg_operation(const char *name, const char *model, void (*body)(void *arg), void *arg);

#endif
