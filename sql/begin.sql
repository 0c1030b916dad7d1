/*
 * begin.sql, end.sql
 *		What every script of advfair begins and ends with.
 *
 * Where advfair is created or updated, others may have made functions, operators and types before that fit the
 * arguments of a call better than those of pg_catalog do: whoever used what is made here would run their code. So
 * nothing of theirs is in reach. advfair is made in a schema that did not exist before and that nobody else sees, and
 * moves to its place when it is complete. For that reason the scripts need no qualified names, and may not use anything
 * but pg_catalog and what is advfair's.
 *
 * A script is begin.sql, steps, all that can be replaced, end.sql. Steps (steps/VERSION.sql) make tables and types, and
 * change them: each runs once in the life of a database, those of released versions are never changed. What comes after
 * them runs at every update, too, as CREATE OR REPLACE: so new and updated databases are the same. Where something is
 * to have other arguments or another result, the step drops what there was before: DROP FUNCTION IF EXISTS name(types).
 * When something of a user's depends on it, PostgreSQL says so, and the update leaves everything as it was.
 */

-- complain if script is sourced in psql
\echo Use "CREATE EXTENSION advfair" or "ALTER EXTENSION advfair UPDATE" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;
SELECT set_config('advfair_script.target', n.nspname::text, true),
	set_config('advfair_script.updates', (EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = e.tableoid
		AND d.refobjid = e.oid))::text, true)
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'advfair';
CREATE SCHEMA advfair_script;
ALTER EXTENSION advfair DROP SCHEMA advfair_script;
ALTER EXTENSION advfair SET SCHEMA advfair_script;

/*
 * Whoever owns the extension may add objects of their own to it. What has come along would be found by what follows, or
 * be replaced and yet remain theirs. All that is advfair's belongs to superusers.
 */
DO $$
DECLARE
	others text := (SELECT string_agg(format('%s of role %I', replace(pg_describe_object(o.classid, o.objid, 0),
		'advfair_script.', ''), o.rolname), ', ') FROM (
		SELECT d.classid, d.objid, r.rolname FROM pg_extension e JOIN pg_depend d ON d.refclassid = e.tableoid
			AND d.refobjid = e.oid AND d.deptype = 'e'
			JOIN pg_shdepend s ON s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o'
				AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
			JOIN pg_roles r ON r.oid = s.refobjid AND NOT r.rolsuper
			WHERE e.extname = 'advfair' ORDER BY d.classid, d.objid LIMIT 10) o);
BEGIN
	IF others IS NOT NULL THEN
		RAISE EXCEPTION 'extension "advfair" has objects that belong to no superuser: %', others
			USING ERRCODE = 'insufficient_privilege', HINT = 'ALTER EXTENSION advfair DROP what is not advfair''s; '
				'ALTER ... OWNER TO gives what is to a superuser.';
	END IF;
END $$;

SET LOCAL search_path = advfair_script, pg_temp;
