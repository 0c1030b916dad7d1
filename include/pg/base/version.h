/*
 * version.h
 *		Functions are called by the objects of the version they belong to, and by no other.
 *
 * A library is installed for all databases at once; each gets the objects that go with it by ALTER EXTENSION UPDATE. Until then it
 * has tables and functions that the library does not know.
 */
#ifndef ADVPG_VERSION_H
#define ADVPG_VERSION_H

#include "postgres.h"

#include "fmgr.h"

/* Whether the extension's objects in this database are of the library's version, or there are none. */
extern bool advpg_version_agrees(void);

/* Error out unless they are, or are being made. */
extern void advpg_version_check(void);

/*
 * A function that SQL calls: in place of PG_FUNCTION_INFO_V1. The server asks for what it declares when a session first calls a function
 * that was made, or made anew: that is when the version is checked, and not again with each call.
 */
#define ADVPG_FUNCTION(name)                                                                                 \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                         \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, name)(void);                              \
	const Pg_finfo_record *CppConcat(pg_finfo_, name)(void)                                                  \
	{                                                                                                        \
		static const Pg_finfo_record info = {1};                                                             \
                                                                                                             \
		advpg_version_check();                                                                               \
		return &info;                                                                                        \
	}                                                                                                        \
	extern int no_such_variable

#endif
