-- Updating from earlier versions gives what installing anew gives, and keeps what there is.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
SET LOCAL client_min_messages = warning;
SET LOCAL check_function_bodies = off;
SELECT plan(31);

-- everything that belongs to the extension, as text
CREATE FUNCTION pg_temp.contents() RETURNS TABLE (what text, how text) LANGUAGE sql AS $$
	WITH member AS (SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
					WHERE e.extname = 'advfair' AND d.deptype = 'e'),
		 relation AS (SELECT c.* FROM pg_class c JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid)
	SELECT pg_describe_object(classid, objid, 0), COALESCE(obj_description(objid, classid::regclass::name), '') FROM member
	UNION ALL
	SELECT p.oid::regprocedure::text, CASE WHEN prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) ELSE aggtransfn::text || aggfinalfn::text || aggcombinefn::text || aggtranstype::regtype::text END
			|| COALESCE(proacl::text, '')
		FROM pg_proc p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid LEFT JOIN pg_aggregate a ON aggfnoid = p.oid
	UNION ALL
	SELECT relname, relkind::text || relrowsecurity || COALESCE(reloptions::text, '') || COALESCE(relacl::text, '') FROM relation
	UNION ALL
	SELECT relname || '.' || attname, format_type(atttypid, atttypmod) || attnotnull || attstorage::text || attidentity::text || COALESCE(attacl::text, '')
			|| COALESCE(pg_get_expr(adbin, adrelid), '') || COALESCE(col_description(c.oid, attnum), '')
			|| row_number() OVER (PARTITION BY c.oid ORDER BY attnum)
		FROM relation c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
	UNION ALL
	SELECT relname || ' ' || conname, pg_get_constraintdef(k.oid) FROM relation c JOIN pg_constraint k ON conrelid = c.oid
	UNION ALL
	SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM relation c JOIN pg_index ON indrelid = c.oid
	UNION ALL
	SELECT relname || ' ' || tgname, pg_get_triggerdef(t.oid) || COALESCE(obj_description(t.oid, 'pg_trigger'), '') FROM relation c JOIN pg_trigger t ON tgrelid = c.oid AND NOT tgisinternal
	UNION ALL
	SELECT relname || ' ' || polname, polcmd::text || COALESCE(pg_get_expr(polqual, polrelid), '') || COALESCE(pg_get_expr(polwithcheck, polrelid), '')
			|| COALESCE(obj_description(p.oid, 'pg_policy'), '') FROM relation c JOIN pg_policy p ON polrelid = c.oid
	UNION ALL
	SELECT relname, pg_get_viewdef(oid) FROM relation WHERE relkind = 'v'
	UNION ALL
	SELECT t.oid::regtype::text || '.' || attname, format_type(atttypid, atttypmod) FROM pg_type t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid
		JOIN pg_attribute ON attrelid = typrelid AND attnum > 0
	UNION ALL
	SELECT t.oid::regtype::text, concat_ws(' ', typinput, typoutput, typreceive, typsend) FROM pg_type t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid
	UNION ALL
	SELECT 'dumped ' || t.relation::regclass, t.condition FROM pg_extension, unnest(extconfig, extcondition) t (relation, condition) WHERE extname = 'advfair'
$$;

CREATE EXTENSION advfair;
CREATE TEMP TABLE fresh AS SELECT * FROM pg_temp.contents();
SELECT cmp_ok(count(*), '>', 250::bigint, 'there is much to compare') FROM fresh;
CREATE TABLE people AS SELECT * FROM advfair_make_census(100);
CREATE TABLE kept AS SELECT advfair_fit('{"data": "people", "label": "income", "epochs": 1}') AS model;
DROP EXTENSION advfair;
SET LOCAL standard_conforming_strings = off;
SET LOCAL quote_all_identifiers = on;
SET LOCAL array_nulls = off;
SET LOCAL row_security = off;
CREATE EXTENSION advfair;
RESET standard_conforming_strings;
RESET quote_all_identifiers;
RESET array_nulls;
RESET row_security;
CREATE TEMP TABLE otherwise AS SELECT * FROM pg_temp.contents();
SELECT is_empty('TABLE otherwise EXCEPT TABLE fresh', 'it is the same whatever the session has set');
SELECT is_empty('TABLE fresh EXCEPT TABLE otherwise', 'to the last object');
DROP EXTENSION advfair;

-- versions of a model, as that version stored them
CREATE FUNCTION pg_temp.fill() RETURNS void LANGUAGE sql AS $$
	INSERT INTO advfair_model (name, version, created_at, task, data_digest, metrics, model)
		SELECT 'm', v, now() - v * interval '1 day', '{"kind": "train", "data": "people", "label": "income", "epochs": 1}', '', '{}', model FROM kept, generate_series(1, 3) v
$$;

CREATE EXTENSION advfair VERSION '1.0';
SELECT hasnt_table('advfair_job', 'the first version knows no jobs');
SELECT pg_temp.fill();
ALTER EXTENSION advfair UPDATE;
CREATE TEMP TABLE updated AS SELECT * FROM pg_temp.contents();
SELECT is(count(*), 3::bigint, 'models are kept') FROM advfair_model;
SELECT is((SELECT version FROM advfair_model ORDER BY promoted_at DESC LIMIT 1), 3, 'and mean what they meant');
SELECT is(version, 4, 'and can be used') FROM advfair_retrain('m');
SELECT is(count(*), 100::bigint, 'by name') FROM advfair_predict('m', 'people');
DROP EXTENSION advfair;
SELECT is_empty('TABLE updated EXCEPT TABLE fresh', 'an updated extension has nothing a new one has not');
SELECT is_empty('TABLE fresh EXCEPT TABLE updated', 'and lacks nothing');
DROP TABLE updated;

CREATE EXTENSION advfair VERSION '1.1';
SELECT pg_temp.fill();
CREATE VIEW models AS SELECT m.name, m.version, c.epoch FROM advfair_model m JOIN advfair_curve c USING (model_id);
CREATE VIEW jobs AS SELECT job, progress FROM advfair_jobs WHERE owner = current_user;
CREATE FUNCTION model() RETURNS bytea LANGUAGE sql STABLE RETURN advfair_get('m');
CREATE VIEW predictions AS SELECT * FROM advfair_predict('m', 'people');
SELECT throws_like('ALTER EXTENSION advfair UPDATE', '%other objects depend on it', 'PostgreSQL names a view of something that has other arguments now');
DROP VIEW predictions;
PREPARE outdated AS SELECT md5(advfair_get('m'));
SELECT throws_ok('outdated', '55000', 'advfair''s objects are of version 1.1, but its library is ' || (SELECT default_version FROM pg_available_extensions WHERE name = 'advfair'),
				 'before the update nothing is done by another version''s functions');
SELECT throws_ok($$ SELECT advfair_train('n', 'people', 'income') $$, '55000', NULL, 'neither by those written in SQL');
SELECT throws_ok($$ SELECT * FROM advfair_jobs $$, '55000', NULL, 'nor by views');
SET LOCAL session_replication_role = replica; -- the trigger is such a function, too
UPDATE advfair_model SET promoted_at = CASE version WHEN 2 THEN now() END;
INSERT INTO advfair_curve SELECT model_id, 1, 0.5, 0.5, NULL, NULL, 1 FROM advfair_model;
INSERT INTO advfair_metric_log (model, version, metric, value) SELECT 'm', v, 'cau', 0.1 FROM generate_series(1, 3) v;
INSERT INTO advfair_job (task, state) VALUES ('{"kind": "train"}', 'succeeded'), ('{"kind": "train"}', 'queued');
RESET session_replication_role;
ALTER EXTENSION advfair UPDATE;
CREATE TEMP TABLE updated AS SELECT * FROM pg_temp.contents();
SELECT is((SELECT count(*) FROM models, jobs), 6::bigint, 'views of tables and views are kept');
SELECT is(octet_length(model()) > 0, true, 'and functions that call what has not changed');
SELECT lives_ok('outdated', 'the same session can call them as soon as it is done');
SELECT is((SELECT array_agg(version ORDER BY version) FROM advfair_model WHERE promoted_at IS NOT NULL), '{2}', 'what was promoted remains so');
SELECT is((SELECT count(DISTINCT entry) FROM advfair_metric_log), 3::bigint, 'scores are kept, and have keys');
SELECT is((SELECT count(*) FROM advfair_jobs WHERE here), 2::bigint, 'jobs are this database''s');
DELETE FROM advfair_model WHERE version = 1;
SELECT is((SELECT count(*) FROM advfair_curve), 2::bigint, 'curves are kept, and go with their models');
SELECT is((SELECT array_agg(state ORDER BY job) FROM advfair_job), '{succeeded,queued}', 'jobs are kept');
SELECT is(version, 4, 'models can be used') FROM advfair_retrain('m');
DROP EXTENSION advfair CASCADE;
SELECT is_empty('TABLE updated EXCEPT TABLE fresh', 'an update from 1.1 has nothing a new extension has not');
SELECT is_empty('TABLE fresh EXCEPT TABLE updated', 'and lacks nothing');
DROP TABLE updated;

CREATE EXTENSION advfair VERSION '1.2';
SELECT pg_temp.fill();
SET LOCAL session_replication_role = replica;
INSERT INTO advfair_job (task, state) VALUES ('{"kind": "train", "model": "j", "data": "people", "label": "income"}', 'queued');
INSERT INTO advfair_checkpoint (job, run, seen, state) SELECT job, 1, 0, 'of another shape' FROM advfair_job;
RESET session_replication_role;
ALTER EXTENSION advfair UPDATE;
CREATE TEMP TABLE updated AS SELECT * FROM pg_temp.contents();
SELECT is(count(*), 3::bigint, 'models of 1.2 are kept') FROM advfair_model;
SELECT is((SELECT array_agg(state) FROM advfair_job), '{queued}', 'jobs, too');
SELECT is((SELECT array_agg(version || octet_length(state)) FROM advfair_checkpoint), '{before 1.30}', 'of checkpoints only that there were some');
SELECT is(version, 4, 'models can be used') FROM advfair_retrain('m');
DROP EXTENSION advfair;
SELECT is_empty('TABLE updated EXCEPT TABLE fresh', 'an update from 1.2 has nothing a new extension has not');
SELECT is_empty('TABLE fresh EXCEPT TABLE updated', 'and lacks nothing');
SELECT * FROM finish();
ROLLBACK;
