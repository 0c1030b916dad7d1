-- Who may make objects in the schema that advfair is created in gets nothing run by those who use it: whatever functions and operators lie
-- there, and however well they fit, advfair uses those of pg_catalog and its own.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SET LOCAL client_min_messages = warning;
SET LOCAL check_function_bodies = off;
SELECT plan(28);

CREATE ROLE advfair_eve;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO advfair_eve', current_database()); END $$;

-- Operators of all usual names between all types, and functions of these names, that tell that they were called. Without names there are none
-- for two of the same type: these would have constants read as that type, and who is caught would notice.
CREATE FUNCTION pg_temp.plant(target name, names text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	body text := quote_literal('BEGIN PERFORM pg_catalog.set_config(''looks.alike'', ''called'', false); RETURN NULL; END');
	types text[] := '{integer,bigint,double precision,numeric,text,name,"char",jsonb,timestamptz,text[]}';
	operator text;
	result text;
	a text;
	b text;
	called text;
BEGIN
	EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION advfair_eve', target);
	SET LOCAL ROLE advfair_eve;
	FOREACH a IN ARRAY types LOOP
		FOREACH b IN ARRAY types LOOP
			CONTINUE WHEN a = b AND names = '{}';
			FOREACH operator IN ARRAY '{=,<>,<,>,<=,>=,+,-,*,/,%,^,||,->,->>,#>,#>>,?,@>,~,!~,~~,&,>>}'::text[] LOOP
				result := CASE WHEN operator ~ '^[-+*/%^&]$|^>>$' THEN CASE WHEN 'double precision' IN (a, b) THEN 'double precision' ELSE a END
					WHEN operator = '||' THEN CASE WHEN 'text' IN (a, b) THEN 'text' ELSE a END
					WHEN operator IN ('->', '#>') THEN 'jsonb' WHEN operator IN ('->>', '#>>') THEN 'text' ELSE 'boolean' END;
				EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %s', target, 'evil ' || result, a, b, result, body);
				EXECUTE format('CREATE OPERATOR %I.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %I.%I)', target, operator, a, b, target, 'evil ' || result);
			END LOOP;
			FOREACH called IN ARRAY names LOOP
				CONTINUE WHEN called ^@ 'advfair_' AND (NOT ARRAY[a, b] && '{text,jsonb}' OR to_regprocedure(format('%I.%I(%s, %s)', target, called, a, b)) IS NOT NULL);
				EXECUTE format('CREATE FUNCTION %I.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %s', target, called, a, b, a, body);
			END LOOP;
		END LOOP;
		FOREACH called IN ARRAY names LOOP
			FOREACH b IN ARRAY ARRAY[a, format('text, text, %s', a), format('text, text, text, %s', a), format('text, %s, text, text, text, text', a)] LOOP
				CONTINUE WHEN called ^@ 'advfair_' AND to_regprocedure(format('%I.%I(%s)', target, called, b)) IS NOT NULL;
				EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %s', target, called, b, CASE b WHEN a THEN a ELSE 'text' END, body);
			END LOOP;
		END LOOP;
	END LOOP;
	RESET ROLE;
END $$;

-- what advfair depends on that is neither PostgreSQL's nor its own
CREATE FUNCTION pg_temp.strangers() RETURNS SETOF text LANGUAGE sql AS $$
	WITH RECURSIVE member AS (
		SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
			WHERE e.extname = 'advfair' AND d.deptype = 'e'
		UNION SELECT d.classid, d.objid FROM member m JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid WHERE d.deptype IN ('a', 'i'))
	SELECT pg_describe_object(m.classid, m.objid, 0) || ' uses ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
		FROM member m JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.objid
		WHERE d.refclassid NOT IN ('pg_extension'::regclass, 'pg_namespace'::regclass) AND d.refobjid >= 16384
			AND NOT EXISTS (SELECT FROM member o WHERE o.classid = d.refclassid AND o.objid = d.refobjid)
$$;

-- what a superuser may run to look after things
CREATE FUNCTION pg_temp.look(target name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL search_path = %I, pg_temp', target);
	PERFORM set_config('looks.alike', 'not called', false);
	PERFORM job, owner, kind, state, attempt, pid, phase, progress, eta, message FROM advfair_jobs;
	PERFORM advfair_jobs_due(), advfair_job_pid(1::bigint), advfair_job_settings(), advfair_prune_jobs('7 days'::interval);
	PERFORM advfair_chart_rows('class_accuracy'::text, '[]'::jsonb, ''::text), advfair_html_number(0.5::float8), advfair_html_count(3::bigint), advfair_html_percent(0.5::float8), advfair_report_rows('[{"at": 1, "model": "a", "metric": "cau", "value": 1, "n": 3}]'::jsonb), advfair_report_scores('[{"metric": "cau"}]'::jsonb, 0.95::float8, 10::int), advfair_report_call('[{"a": [1]}]'::jsonb),
		advfair_chart_eps('x'::text, '{0,1,100}'::float8[]), advfair_report_comparison('[{"model": "a", "metric": "cau", "value": 1, "ci_low": 1, "ci_high": 1}, {"model": "b", "metric": "cau", "value": 2, "ci_low": 2, "ci_high": 2}]'::jsonb);
	BEGIN
		PERFORM advfair_chart('metric_log'::text, '{m}'::text[]);
	EXCEPTION WHEN undefined_object THEN NULL;
	END;
	PERFORM FROM advfair_model WHERE advfair_owns(owner);
	SET LOCAL search_path = public, pg_temp;
END $$;

-- an earlier version is what they catch; updating mends it
SELECT pg_temp.plant('evil_a');
CREATE FUNCTION pg_temp.caught(version text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE advfair_eve;
	EXECUTE format('CREATE EXTENSION advfair SCHEMA evil_a VERSION %L', version);
	RESET ROLE;
	RETURN (SELECT count(*) FROM pg_temp.strangers());
END $$;
SELECT cmp_ok(pg_temp.caught('1.1'), '>', 20::bigint, 'look-alikes fit calls of 1.1');
UPDATE pg_extension SET extrelocatable = false WHERE extname = 'advfair'; -- as it was
SET LOCAL session_replication_role = replica; -- the trigger would say that an update is due
INSERT INTO evil_a.advfair_job (task) VALUES ('{"kind": "train"}');
RESET session_replication_role;
SET LOCAL ROLE advfair_eve;
ALTER EXTENSION advfair UPDATE;
RESET ROLE;
SELECT is_empty('SELECT * FROM pg_temp.strangers()', 'and no longer any after an update');
SELECT lives_ok($$ SELECT pg_temp.look('evil_a') $$, 'which works');
SELECT is(current_setting('looks.alike'), 'not called', 'without them');
SELECT is((SELECT count(*) FROM evil_a.advfair_jobs), 1::bigint, 'jobs are kept');
DROP EXTENSION advfair;
SELECT cmp_ok(pg_temp.caught('1.0'), '>', 0::bigint, 'look-alikes fit calls of 1.0');
ALTER EXTENSION advfair UPDATE;
SELECT is_empty('SELECT * FROM pg_temp.strangers()', 'and no longer any after an update');
SELECT lives_ok($$ SELECT pg_temp.look('evil_a') $$, 'which works');
SELECT is(current_setting('looks.alike'), 'not called', 'without them');
DROP EXTENSION advfair;

-- functions, too: all that the scripts call, with other arguments
SELECT array_agg(name) AS called FROM (
	SELECT DISTINCT m[1] AS name FROM pg_config() c, pg_read_file(c.setting || '/extension/advfair--1.3.sql') text, regexp_matches(text, '(\w+)\s?\(', 'g') m
	WHERE c.name = 'SHAREDIR' AND EXISTS (SELECT FROM pg_proc WHERE proname = m[1] AND pronamespace = 'pg_catalog'::regnamespace)) n \gset
SELECT pg_temp.plant('evil_b', :'called');
SELECT lives_ok($$ SET LOCAL ROLE advfair_eve; CREATE EXTENSION advfair SCHEMA evil_b $$, 'among all of them a new one is made');
RESET ROLE;
SELECT is_empty('SELECT * FROM pg_temp.strangers()', 'and uses none');
SELECT lives_ok($$ SELECT pg_temp.look('evil_b') $$, 'it works');
SELECT is(current_setting('looks.alike'), 'not called', 'without them');
DROP EXTENSION advfair;

-- those that have names of its own: they are in the way of a new one, and of no use with one that is updated
CREATE FUNCTION evil_b.advfair_get(varchar) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea';
SELECT throws_ok($$ CREATE EXTENSION advfair SCHEMA evil_b $$, '42723', 'schema "evil_b" has functions that may be taken for advfair''s: evil_b.advfair_get(character varying)',
				 'functions of the names of its own are refused');
CREATE SCHEMA evil_c AUTHORIZATION advfair_eve;
SELECT throws_ok($$ CREATE SCHEMA advfair_script; CREATE EXTENSION advfair SCHEMA evil_c $$, '42P06', NULL, 'so is a schema that is not new');
SET LOCAL ROLE advfair_eve;
CREATE EXTENSION advfair SCHEMA evil_c VERSION '1.1';
RESET ROLE;
SELECT pg_temp.plant('evil_c', :'called' || array_agg(DISTINCT proname::text)) FROM pg_proc WHERE pronamespace = 'evil_c'::regnamespace
	AND proname ~ '^advfair_(chart_.*|given|html.*|job_.*|model_id|one_of|owns|report.*|cau|luf.*|class_accuracy|least_eps)$';
SET LOCAL client_min_messages = error; -- it warns of all of them
ALTER EXTENSION advfair UPDATE;
SET LOCAL client_min_messages = warning;
SELECT is_empty('SELECT * FROM pg_temp.strangers()', 'an update uses none');
SELECT lives_ok($$ SELECT pg_temp.look('evil_c') $$, 'it works');
SELECT is(current_setting('looks.alike'), 'not called', 'without them');
CREATE TABLE people AS SELECT * FROM evil_c.advfair_make_census(60, 0);
SELECT evil_c.advfair_train(model => 'm', data => 'people', label => 'income', epochs => 1);
SELECT lives_ok($$ SELECT * FROM evil_c.advfair_luf_summary('m', 'people', leave_out => 1) $$, 'so do scores written in SQL');
SELECT lives_ok($$ SELECT evil_c.advfair_report('{m}'::text[], 'people'::text, leave_out => 1, eps_max => 0.1) $$, 'and reports');
SELECT lives_ok($$ SELECT evil_c.advfair_chart('metric_log'::text, '{m}'::text[]), evil_c.advfair_chart('curve'::text, '{m}'::text[]) $$, 'and charts');
SELECT is(current_setting('looks.alike'), 'not called', 'without them');
-- nor do statements on its tables find them where they come first in search_path
SET LOCAL search_path = evil_c, pg_catalog, public, pg_temp;
SELECT evil_c.advfair_train(model => 'm'::text, data => 'people'::text, label => 'income'::text, epochs => 1);
SELECT pg_catalog.count(*) FROM evil_c.advfair_predict('m@2'::text, 'people'::text, NULL::int);
SELECT evil_c.advfair_promote('m'::text, 1), pg_catalog.length(evil_c.advfair_get('m'::text));
SELECT evil_c.advfair_retrain('m'::text, 'accuracy > 2'::text, data => 'people'::text);
SELECT evil_c.advfair_cancel(evil_c.advfair_submit('{"kind": "train", "model": "j", "data": "people", "label": "income"}'::jsonb));
RESET search_path;
SELECT is(current_setting('looks.alike'), 'not called', 'statements on advfair''s tables do not depend on search_path');
DROP EXTENSION advfair;

-- those that whoever owns the extension has made part of it
CREATE SCHEMA evil_d AUTHORIZATION advfair_eve;
SET LOCAL ROLE advfair_eve;
SET LOCAL search_path = evil_d, public, pg_temp;
CREATE EXTENSION advfair VERSION '1.1';
CREATE FUNCTION divide(float8, bigint) RETURNS float8 LANGUAGE sql RETURN 0;
CREATE OPERATOR / (LEFTARG = float8, RIGHTARG = bigint, FUNCTION = divide);
CREATE FUNCTION advfair_job_queued() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION pg_temp.refused(member text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'ALTER EXTENSION advfair ADD ' || member;
	ALTER EXTENSION advfair UPDATE;
	RAISE 'not refused';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(pg_temp.refused('OPERATOR / (float8, bigint)'), '42501 extension "advfair" has objects that belong to no superuser: operator /(double precision,bigint) of role advfair_eve', 'an operator of its owner is no part of it');
SELECT is(pg_temp.refused('FUNCTION advfair_job_queued()'), '42501 extension "advfair" has objects that belong to no superuser: function advfair_job_queued() of role advfair_eve', 'nor is a function that is to be replaced');
DROP FUNCTION advfair_job_queued();
ALTER EXTENSION advfair UPDATE;
RESET ROLE;
SET LOCAL search_path = public, pg_temp;
SELECT is_empty('SELECT * FROM pg_temp.strangers()', 'without them it is updated');
SELECT is_empty($$ SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_extension e JOIN pg_depend d ON d.refclassid = e.tableoid AND d.refobjid = e.oid AND d.deptype = 'e'
	JOIN pg_shdepend s ON s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o' WHERE extname = 'advfair' $$, 'and belongs to none but the first superuser');
SELECT is((SELECT rolsuper FROM pg_roles WHERE rolname = 'advfair_eve'), false, 'who made them has no more rights than before');
SELECT * FROM finish();
ROLLBACK;
