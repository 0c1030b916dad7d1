/*
 * begin.sql, end.sql
 *		What every script of advfair begins and ends with.
 *
 * Where advfair is created or updated, others may have made functions, operators and types before that fit the arguments of a call better
 * than those of pg_catalog do: whoever used what is made here would run their code. So nothing of theirs is in reach. advfair is made
 * in a schema that did not exist before and that nobody else sees, and moves to its place when it is complete. For that reason the
 * scripts need no qualified names, and may not use anything but pg_catalog and what is advfair's.
 *
 * A script is begin.sql, steps, all that can be replaced, end.sql. Steps (steps/VERSION.sql) make tables and types, and change them: each
 * runs once in the life of a database, those of released versions are never changed. What comes after them runs at every
 * update, too, as CREATE OR REPLACE: so new and updated databases are the same. Where something is to have other arguments or another
 * result, the step drops what there was before: DROP FUNCTION IF EXISTS name(types). When something of a user's depends on it, PostgreSQL
 * says so, and the update leaves everything as it was.
 */

-- complain if script is sourced in psql
\echo Use "CREATE EXTENSION advfair" or "ALTER EXTENSION advfair UPDATE" to load this file. \quit

SELECT pg_catalog.set_config('advfair_script.target'::text, n.nspname::text, true),
	pg_catalog.set_config('advfair_script.updates'::text, (EXISTS (SELECT FROM pg_catalog.pg_depend d
		WHERE d.refclassid OPERATOR(pg_catalog.=) e.tableoid AND d.refobjid OPERATOR(pg_catalog.=) e.oid))::text, true)
	FROM pg_catalog.pg_extension e, pg_catalog.pg_namespace n
	WHERE e.extname OPERATOR(pg_catalog.=) 'advfair'::name AND n.oid OPERATOR(pg_catalog.=) e.extnamespace;
CREATE SCHEMA advfair_script;
ALTER EXTENSION advfair DROP SCHEMA advfair_script;
ALTER EXTENSION advfair SET SCHEMA advfair_script;
SET LOCAL search_path = advfair_script, pg_temp;
