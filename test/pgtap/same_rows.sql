-- The same rows give the same model and digest, however they lie, arrive, or are written; other rows give others.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(31);
CREATE TABLE people AS SELECT * FROM advfair_make_census(500, 1) ORDER BY random();
CREATE FUNCTION fit(data text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
	$$ SELECT md5(advfair_fit(jsonb_build_object('data', data, 'label', 'income', 'epochs', 2, 'validation', '0.2', 'oversample', 'balance') || more)) $$;
-- bytes and digest of a new version
CREATE FUNCTION trained(data text, id text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made advfair_trained := advfair_train('t', data, 'income', id => id, epochs => 2);
BEGIN
	RETURN (SELECT md5(model) || data_digest FROM advfair_model WHERE name = 't' AND version = made.version);
END $$;

-- without a key rows are told apart by what they hold
CREATE TEMP TABLE keyless AS SELECT trained('people') AS was;
CREATE TABLE reloaded AS SELECT * FROM people ORDER BY random();
SELECT is(trained('reloaded'), was, 'no key: loaded in another order') FROM keyless;
SELECT is(trained('SELECT * FROM people ORDER BY age, random()'), was, 'no key: read in another order') FROM keyless;
CREATE INDEX people_hours ON people (hours);
CLUSTER people USING people_hours;
SELECT is(trained('people'), was, 'no key: clustered') FROM keyless;
SELECT isnt(trained('SELECT * FROM people WHERE person_id > 1'), was, 'no key: a row less') FROM keyless;
-- rows that are equal in everything
SELECT is(trained('SELECT age % 3 AS a, income FROM people ORDER BY random()'), trained('SELECT age % 3 AS a, income FROM people'), 'no key: many equal rows');

-- with a key
ALTER TABLE people ADD PRIMARY KEY (person_id);
ALTER TABLE reloaded ADD PRIMARY KEY (person_id);
CREATE TEMP TABLE keyed AS SELECT trained('people') AS was, fit('people') AS fitted;
SELECT isnt(keyed.was, keyless.was, 'a key is something else than its absence') FROM keyed, keyless;
SELECT is(trained('reloaded'), was, 'key: loaded in another order') FROM keyed;
SELECT is(fit('reloaded'), fitted, 'key: held-out and repeated rows are the same ones, too') FROM keyed;
SELECT is(trained('SELECT * FROM people ORDER BY random()', 'person_id'), was, 'key: named for a query') FROM keyed;
CREATE TABLE parts (LIKE people INCLUDING ALL) PARTITION BY HASH (person_id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts SELECT * FROM people;
SELECT is(trained('parts'), was, 'key: partitioned') FROM keyed;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(trained('people'), was, 'key: read in parallel') FROM keyed;
CREATE TABLE retyped AS SELECT person_id::int AS person_id, age::numeric AS age, education::varchar AS education, hours::float8 AS hours, occupation, sex, race::char(9) AS race, income FROM people;
SELECT is(trained('retyped', 'person_id'), was, 'key: the same values in other types') FROM keyed;
UPDATE reloaded SET person_id = 1001 WHERE person_id = 1;
SELECT isnt(trained('reloaded'), was, 'key: another key') FROM keyed;
UPDATE reloaded SET person_id = 1 WHERE person_id = 1001;
SELECT is(trained('reloaded'), was, 'key: changed back') FROM keyed;
UPDATE reloaded SET age = age + 1 WHERE person_id = 1;
SELECT isnt(trained('reloaded'), was, 'key: another value') FROM keyed;
UPDATE reloaded SET age = age - 1, income = CASE income WHEN '>50K' THEN '<=50K' ELSE '>50K' END WHERE person_id = 1;
SELECT isnt(trained('reloaded'), was, 'key: another label') FROM keyed;

-- how sessions write values down is no part of them
CREATE TABLE at AS SELECT timestamptz '2026-03-01 12:00 UTC' + person_id * interval '7 hours' AS at, p.* FROM people p;
CREATE FUNCTION fit_at() RETURNS text LANGUAGE sql AS
	$$ SELECT trained('at', 'at') || fit('SELECT date_trunc(''month'', at AT TIME ZONE ''UTC'')::date AS income, age, hours, at FROM at WHERE age < 25', '{"id":"at"}') $$;
ALTER TABLE at DROP COLUMN person_id;
CREATE TEMP TABLE dated AS SELECT fit_at() AS was;
SET LOCAL datestyle = 'German';
SELECT is(fit_at(), was, 'DateStyle') FROM dated;
SET LOCAL timezone = 'Asia/Tokyo';
SELECT is(fit_at(), was, 'TimeZone') FROM dated;
SET LOCAL extra_float_digits = 3;
SELECT is(fit_at(), was, 'extra_float_digits') FROM dated;

-- labels with texts of their own but equal values, in whatever order they are met
SELECT is(fit('SELECT age, hours, (ARRAY[1.0, 1.00, 2.0])[1 + person_id % 3] AS income FROM people ORDER BY person_id % 3 DESC'),
		  fit('SELECT age, hours, (ARRAY[1.0, 1.00, 2.0])[1 + person_id % 3] AS income FROM people ORDER BY person_id % 3'), 'equal labels');
-- classes are in the order of their type
SELECT is(advfair_describe(advfair_fit(jsonb_build_object('data', format('SELECT age, (%s)[1 + person_id %% 3] AS y FROM people', labels), 'label', 'y', 'epochs', 1))) -> 'classes',
		  classes::jsonb, labels)
FROM (VALUES ('ARRAY[10, 9, -1]', '["-1", "9", "10"]'), ('ARRAY[''b'', ''B'', ''a'']', '["B", "a", "b"]'), ('ARRAY[0.5, 10, 2]::float8[]', '["0.5", "2", "10"]'),
	('ARRAY[true, false, true]', '["false", "true"]'), ('ARRAY[''2026-02-01'', ''2025-12-31'', ''0099-01-01'']::date[]', '["0099-01-01", "2025-12-31", "2026-02-01"]')) v (labels, classes);

-- retraining: the task again, on the rows of today
SELECT advfair_train('r', 'people', 'income', epochs => 2, seed => 7) IS NULL AS nothing \gset
CREATE TEMP TABLE again AS SELECT * FROM advfair_retrain('r');
SELECT is(version, 2, 'a new version') FROM again;
SELECT is(a.model, b.model, 'the same rows, the same bytes') FROM advfair_model a, advfair_model b WHERE a.name = 'r' AND a.version = 1 AND b.name = 'r' AND b.version = 2;
SELECT is(a.task || jsonb_build_object('digest', a.data_digest), b.task || jsonb_build_object('digest', b.data_digest), 'the same task and digest')
FROM advfair_model a, advfair_model b WHERE a.name = 'r' AND a.version = 1 AND b.name = 'r' AND b.version = 2;
DELETE FROM people WHERE person_id = 1;
SELECT is((advfair_retrain('r@1')).version, 3, 'of an older version: still the next version');
SELECT ok(a.model <> b.model AND a.data_digest <> b.data_digest AND a.metrics ->> 'rows' = '500' AND b.metrics ->> 'rows' = '499', 'other rows, other bytes and digest')
FROM advfair_model a, advfair_model b WHERE a.name = 'r' AND a.version = 1 AND b.name = 'r' AND b.version = 3;
SELECT is(count(*), 2::bigint, 'each version has a curve of its own') FROM advfair_curve JOIN advfair_model m USING (model_id) WHERE m.name = 'r' AND m.version = 3;
SELECT * FROM finish();
ROLLBACK;
