/*
 * compat.h
 *		Differences between the PostgreSQL versions advfair builds with (15 to 18).
 */
#ifndef ADVPG_COMPAT_H
#define ADVPG_COMPAT_H

#include "postgres.h"

/* 16 moved VARSIZE, VARDATA and their kin out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 has this before a declaration, in place of pg_attribute_noreturn() behind it. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn _Noreturn
#endif

#endif
