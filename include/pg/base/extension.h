/*
 * extension.h
 *		The extension itself, which must not go while an operation works with its tables.
 */
#ifndef ADVPG_EXTENSION_H
#define ADVPG_EXTENSION_H

#include "postgres.h"

/* Whether it is there. */
extern bool advpg_extension_exists(void);

/*
 * Have DROP EXTENSION wait until this transaction ends. Error: somebody has dropped it just now, or while this transaction waited for whoever
 * was about to (42704).
 */
extern void advpg_extension_hold(void);

#endif
