-- Models trained on temporary tables: their own session trains them again, and no other does.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(15);

CREATE TABLE people AS SELECT * FROM advfair_make_census(60);
CREATE TEMP TABLE tmp AS TABLE people;
CREATE TEMP VIEW seen AS TABLE people;
CREATE FUNCTION pg_temp.train(text, text, text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
	SELECT advfair_train($1, $2, 'income', id => 'person_id', arch => '', epochs => 1, validation => $3);
	SELECT task FROM advfair_model WHERE name = $1;
$$;

SELECT is(pg_temp.train('table', 'tmp') ->> 'data', 'pg_temp.tmp', 'a temporary table is named as its session names it');
SELECT is(pg_temp.train('view', 'seen') ->> 'data', 'pg_temp.seen', 'a view of the session, too');
SELECT is(pg_temp.train('query', 'SELECT * FROM tmp') ->> 'data', 'SELECT * FROM tmp', 'a query stays as it is');
SELECT is(pg_temp.train('validated', 'people', 'tmp') ->> 'validation', 'pg_temp.tmp', 'validation rows may be temporary');
SELECT ok(NOT pg_temp.train('lasting', 'people', 'SELECT * FROM people') ? 'session', 'tables that stay need no session');
SELECT is(count(DISTINCT task ->> 'session'), 1::bigint, 'what reads temporary ones tells whose they are') FROM advfair_model WHERE name <> 'lasting';
SELECT is(array_agg(r.version), '{2,2,2,2}', 'their session trains these again') FROM (VALUES ('table'), ('view'), ('query'), ('validated')) m (name), advfair_retrain(m.name) r;
SELECT ok(max(total_changed) IS NOT NULL, 'and leaves rows out') FROM (SELECT advfair_luf('table', 'people', leave_out => 1) AS total_changed) l;

-- as another session sees them
UPDATE advfair_model SET task = jsonb_set(task, '{session}', '"another"') WHERE task ? 'session';
SELECT throws_ok(format('SELECT advfair_retrain(%L)', name), '55000', format('model "%s@%s" was trained on temporary tables of another session', name, 2),
				 name || ' is not read by another') FROM (VALUES ('table'), ('view'), ('query'), ('validated')) m (name);
SELECT throws_ok($$ SELECT advfair_luf('table', 'people', leave_out => 1) $$, '55000', NULL, 'nor to leave rows out');
SELECT lives_ok($$ SELECT advfair_retrain('lasting') $$, 'tables that stay are');
UPDATE advfair_model SET task = task - 'session' || '{"data": "pg_temp_99.tmp"}' WHERE name = 'table';
SELECT throws_ok($$ SELECT advfair_retrain('table') $$, '55000', NULL, 'nor does one that an earlier version stored');
SELECT * FROM finish();
ROLLBACK;
