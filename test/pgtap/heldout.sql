-- Rows held out stay held out: nothing is fitted to them, and a retraining is judged on just these.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(10);
SET client_min_messages = warning;

-- people of whom many are alike; ids that several people share; ids of their own
CREATE TEMP TABLE alike AS SELECT age / 10 AS age, education, income, sex FROM advfair_make_census(4000, 3);
CREATE TEMP TABLE shared AS SELECT person_id / 3 AS pid, age, education, income, sex FROM advfair_make_census(4000, 3);
CREATE TEMP TABLE own AS SELECT person_id AS pid, age, education, income, sex FROM advfair_make_census(4000, 3);

SELECT advfair_train(data, data, 'income', id => id, exclude => '{sex}', epochs => 2, validation => '0.2')
FROM (VALUES ('alike', NULL), ('shared', 'pid'), ('own', 'pid')) d (data, id);
SELECT advfair_retrain(data, 'accuracy >= 0', protected => '{sex}') FROM unnest('{alike,shared,own}'::text[]) data;

SELECT is(l.value, (m.metrics ->> 'validation_accuracy')::float8, name || ': judged on the rows that were held out')
FROM advfair_model m JOIN advfair_metric_log l ON l.model = m.name AND l.version = m.version AND l.metric = 'accuracy' ORDER BY name;

-- which of them are judged does not depend on where they lie, though people who are alike differ in their sex
CREATE TEMP TABLE judged AS SELECT metric, value FROM advfair_metric_log WHERE model = 'alike';
CREATE TEMP TABLE turned AS SELECT * FROM alike ORDER BY sex DESC, education, age;
TRUNCATE alike;
INSERT INTO alike SELECT * FROM turned;
SELECT advfair_retrain('alike', 'accuracy >= 0', protected => '{sex}');
SELECT results_eq('SELECT metric, value FROM advfair_metric_log WHERE model = ''alike'' AND version = 3 ORDER BY metric',
	'SELECT * FROM judged ORDER BY metric', 'the same rows in another order are judged the same');

-- a class that only rows held out have: they are those that another model does not train on
CREATE FUNCTION fit_with_rare(pid bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT advfair_fit(jsonb_build_object('data', format('SELECT pid, age, CASE pid WHEN %s THEN ''rare'' ELSE income END AS income FROM own WHERE pid <= 40', pid),
		'label', 'income', 'id', 'pid', 'arch', '', 'epochs', 1, 'validation', '0.2')) $$;
CREATE FUNCTION is_held(pid bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM fit_with_rare(pid);
	RETURN false;
EXCEPTION WHEN data_exception THEN
	RETURN true;
END $$;
CREATE TEMP TABLE held AS SELECT pid FROM own WHERE pid <= 40 AND is_held(pid);
SELECT ok(count(*) BETWEEN 1 AND 20, 'some rows are held out') FROM held;
SELECT throws_ok(format('SELECT fit_with_rare(%s)', min(pid)), '22000',
	'class "rare" of label column "income" occurs only in rows held out for validation', 'a class must be trained on') FROM held;
SELECT throws_ok($$ SELECT advfair_fit('{"data": "SELECT * FROM own WHERE pid < 0", "label": "income", "id": "pid", "validation": "0.2"}') $$,
	'22000', 'data "SELECT * FROM own WHERE pid < 0" has no rows', 'no rows at all are told as such');
-- what is fitted is fitted to the other rows
CREATE FUNCTION fit_names(unseen text) RETURNS bytea LANGUAGE sql AS $$
	SELECT advfair_fit(jsonb_build_object('data', 'SELECT pid, age, pid::text AS name, income FROM own WHERE pid <= 40', 'label', 'income', 'id', 'pid', 'arch', '',
		'epochs', 1, 'unseen', unseen, 'validation', '0.2')) $$;
CREATE TEMP TABLE fitted AS SELECT c FROM fit_names('ignore') m, jsonb_array_elements(advfair_describe(m) -> 'encoder' -> 'columns') c;
SELECT is(c -> 'values', (SELECT jsonb_agg(pid::text ORDER BY pid::text COLLATE "C") FROM own WHERE pid <= 40 AND pid NOT IN (SELECT pid FROM held)), 'categories')
FROM fitted WHERE c ->> 'name' = 'name';
SELECT ok(abs((c -> 'shift' ->> 0)::float8 - (SELECT avg(age) FROM own WHERE pid <= 40 AND pid NOT IN (SELECT pid FROM held))::float8) < 1e-9, 'means')
FROM fitted WHERE c ->> 'name' = 'age';
SELECT throws_like('SELECT fit_names(''error'')', 'row with pid %: category "%" in column "name" was not in the training data', 'other categories are unseen');
SELECT * FROM finish();
ROLLBACK;
