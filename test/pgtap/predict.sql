-- Predicting: ids of every type, labels that are missing or strange, data in every form, predictions as data.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(40);
CREATE TABLE people AS SELECT * FROM advfair_make_census(300, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TEMP TABLE model AS SELECT * FROM advfair_train('m', 'people', 'income', epochs => 3);
CREATE TEMP TABLE predicted AS SELECT * FROM advfair_predict('m', 'people');

-- labels
CREATE TEMP TABLE labelled AS SELECT person_id AS id, age, education, hours, occupation, sex, race,
	CASE person_id % 3 WHEN 0 THEN income WHEN 1 THEN 'unheard of' END AS income FROM people;
SELECT set_eq($$ SELECT id, label FROM advfair_predict('m', 'SELECT * FROM labelled ORDER BY id') $$,
			  $$ SELECT row_number() OVER (ORDER BY id), income FROM labelled $$, 'labels come back as they are: none, unknown');
SELECT set_eq($$ SELECT prediction, probabilities FROM advfair_predict('m', 'labelled') $$,
			  $$ SELECT prediction, probabilities FROM predicted $$, 'and mean nothing to the prediction');
SELECT is((SELECT count(label) FROM advfair_predict('m', 'SELECT age, education, hours, occupation, sex, race FROM people')), 0::bigint, 'no column, no labels');
SELECT is((SELECT count(label) FROM advfair_predict('m', 'SELECT age, education, hours, occupation, sex, race, NULL::int AS income FROM people')), 0::bigint,
		  'a column without any');
SELECT throws_ok($$ SELECT * FROM advfair_class_accuracy('m', 'labelled') $$, '22004', NULL, 'accuracy needs a label in each row');
SELECT throws_ok($$ SELECT * FROM advfair_class_accuracy('m', 'SELECT * FROM labelled WHERE income IS NOT NULL') $$, '22023',
				 'the model has no class "unheard of"', 'that is a class');
SELECT is((SELECT sum(n) FROM advfair_group_confidence('m', 'labelled', 'sex', '>50K')), 300::numeric, 'confidences need none');
SELECT throws_ok($$ SELECT * FROM advfair_group_confidence('m', 'labelled', 'sex', '>50K', '>50K') $$, '22004', NULL, 'unless they are asked for by label');

-- ids
CREATE TABLE keyed AS SELECT 'k' || lpad(person_id::text, 5, '0') AS t, ('k' || lpad(person_id::text, 5, '0'))::char(10) AS c, md5(person_id::text)::uuid AS u,
	person_id::numeric AS n, timestamptz '2026-01-01 UTC' + person_id * interval '1 hour' AS at, age, education, hours, occupation, sex, race, income FROM people;
SELECT is(version, 1, 'trained with an id') FROM advfair_train('k', 'keyed', 'income', id => 'u', exclude => '{t,c,n,at}', epochs => 1);
SELECT results_eq(format('SELECT count(*) FROM keyed JOIN advfair_predict(%L, %L, key => NULL::uuid) p ON p.id = u', 'k', 'keyed'), 'VALUES (300::bigint)', 'uuid');
SELECT throws_ok($$ SELECT * FROM advfair_predict('k', 'keyed') $$, '42804', 'id column "u" has type uuid, which cannot be returned as bigint', 'uuid is no bigint');
CREATE FUNCTION joined(col text, type text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	PERFORM advfair_train('by ' || col, 'keyed', 'income', id => col, features => '{age,hours}', arch => '', epochs => 1);
	EXECUTE format('SELECT count(*) FROM keyed k JOIN advfair_predict(%L, %L, key => NULL::%s) p ON p.id = k.%I', 'by ' || col, 'keyed', type, col) INTO result;
	RETURN result;
END $$;
SELECT is(joined(col, type), 300::bigint, type || ' for ' || col)
FROM (VALUES ('t', 'text'), ('t', 'varchar'), ('t', 'char(10)'), ('c', 'char(10)'), ('c', 'text'), ('n', 'numeric'), ('n', 'bigint'), ('n', 'int'), ('at', 'timestamptz')) v (col, type);

-- data
SELECT is((SELECT md5(string_agg(t::text, ',' ORDER BY p.*)) FROM advfair_predict('m', data) p, LATERAL (SELECT p.label, p.prediction, p.probabilities) t), want, replace(data, E'\n', ' '))
FROM unnest(ARRAY['SELECT * FROM people;', 'SELECT * FROM people ; -- all', E'-- these\nSELECT * FROM people;;', 'TABLE people /* ; */', '((SELECT * FROM people))',
				  'WITH RECURSIVE w AS (SELECT * FROM people) SELECT * FROM w']) data,
	 (SELECT md5(string_agg(t::text, ',' ORDER BY p.*)) AS want FROM predicted p, LATERAL (SELECT p.label, p.prediction, p.probabilities) t) w;
-- predictions as data of a further training: the teacher's are the student's labels
SELECT is(version, 1, 'a model learns from another') FROM advfair_train('student',
	'SELECT t.*, p.prediction FROM people t JOIN advfair_predict(''m'', ''people'') p ON p.id = t.person_id', 'prediction', id => 'person_id', exclude => '{income}', epochs => 3);
SELECT is((SELECT metrics -> 'rows' FROM advfair_model WHERE name = 'student'), '300', 'with all rows');
-- names that need quotes everywhere
CREATE TABLE "Odd ""Tab.le" ("Sp ace" int, "qu""ote" float8, "data" text, "select" bool, "Läbel" text);
INSERT INTO "Odd ""Tab.le" SELECT i, i, 'ä' || i % 2, i % 2 = 0, 'ß' || i % 2 FROM generate_series(1, 40) i;
SELECT is(model || version, E'm\'"ö1', 'odd names: trained') FROM advfair_train(E'm\'"ö', '"Odd ""Tab.le"', 'Läbel', epochs => 1);
SELECT is((advfair_retrain(E'm\'"ö@1')).version, 2, 'odd names: trained again');
SELECT is(count(*), 40::bigint, 'odd names: predicted') FROM advfair_predict(E'm\'"ö@2', 'public."Odd ""Tab.le"');
SELECT is(count(advfair_predict(m.model, t)), 40::bigint, 'odd names: a row at a time') FROM "Odd ""Tab.le" t, advfair_model m WHERE name = E'm\'"ö' AND version = 2;
SELECT set_eq($$ SELECT grp, n FROM advfair_group_confidence(E'm\'"ö', '"Odd ""Tab.le"', 'data', 'ß1', 'ß0') $$, $$ VALUES ('ä0', 20::bigint), ('ä1', 0) $$,
			  'odd names: by group');

-- a row type that changes between two calls from the same place
CREATE TABLE changing AS SELECT person_id AS pad, age, hours, age AS spare FROM people WHERE person_id = 1;
CREATE FUNCTION confidences() RETURNS float8[] LANGUAGE plpgsql AS $$
DECLARE
	one changing; c float8; result float8[];
	model bytea = advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"],"encoder":{"columns":[{"name":"age","kind":"number","factor":[0.01]},
		{"name":"hours","kind":"number","factor":[0.01]}]}}', '{1,0,0,1,0,0}');
BEGIN
	FOR i IN 1..4 LOOP
		EXECUTE 'SELECT * FROM changing' INTO one;
		c = advfair_confidence(model, one, 'a');
		result = result || c;
		EXECUTE (ARRAY['ALTER TABLE changing ALTER pad TYPE text USING repeat(''x'', 300)', 'ALTER TABLE changing DROP pad, ADD late text DEFAULT ''y''',
			'UPDATE changing SET hours = age, age = hours', 'SELECT 1'])[i];
	END LOOP;
	RETURN result;
END $$;
SELECT ok(r[1] = r[2] AND r[2] = r[3] AND abs(r[3] + r[4] - 1) < 1e-6 AND abs(r[1] - 0.5) > 0.01, 'columns are found again when their table has changed')
FROM confidences() r;
-- a call site looks for a model once, but not when anything has changed
SELECT version FROM advfair_train('g', 'people', 'income', epochs => 1) \gset
CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text = '';
	m bytea;
BEGIN
	FOR i IN 1..6 LOOP
		BEGIN
			IF i = 2 THEN PERFORM advfair_train('g', 'people', 'income', epochs => 2); END IF;
			IF i = 3 THEN PERFORM advfair_promote('g', 1); END IF;
			IF i = 5 THEN DELETE FROM advfair_model WHERE name = 'g' AND version = 2; END IF;
			m = advfair_get(CASE i WHEN 6 THEN 'm' ELSE 'g' END);
			result = result || (SELECT name || version FROM advfair_model WHERE model = m) || ' ';
			IF i = 3 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN
		END;
	END LOOP;
	RETURN result;
END $$;
SELECT is(seen(), 'g1 g2 g1 g2 g1 m1 ', 'one is stored, promoted for a moment, deleted; and another one');
SELECT is(count(*), 300::bigint, 'as many names as there are rows') FROM people p, advfair_model a
	WHERE a.name = CASE WHEN p.person_id % 2 = 0 THEN 'm' ELSE 'g' END AND advfair_get(CASE WHEN p.person_id % 2 = 0 THEN 'm' ELSE 'g' END) = a.model;
CREATE ROLE advfair_nobody;
CREATE FUNCTION who() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m bytea;
BEGIN
	FOR i IN 1..2 LOOP
		m = advfair_get('g');
		SET LOCAL ROLE advfair_nobody;
	END LOOP;
	RETURN 'found';
EXCEPTION WHEN undefined_object THEN
	RETURN SQLERRM;
END $$;
SELECT is(who(), 'model "g" does not exist', 'not for another role');

-- foreign tables
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') AS has_file_fdw \gset
\if :has_file_fdw
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE numbers (a float8, b float8, y text) SERVER files
	OPTIONS (program 'i=0; while [ $i -lt 60 ]; do echo "$((i % 7)),$((i % 5)),$((i % 2))"; i=$((i + 1)); done', format 'csv');
SELECT is(advfair_fit('{"data":"numbers","label":"y","epochs":2}'),
		  advfair_fit('{"data":"SELECT (i % 7)::float8 AS a, (i % 5)::float8 AS b, (i % 2)::text AS y FROM generate_series(0, 59) i","label":"y","epochs":2}'),
		  'a foreign table gives the same model as the same rows from elsewhere');
SELECT is(version, 1, 'it is trained on') FROM advfair_train('far', 'numbers', 'y', epochs => 1);
SELECT is((SELECT count(*) FROM advfair_predict('far', 'numbers')), 60::bigint, 'and predicted');
\else
SELECT skip('file_fdw is not installed', 3);
\endif
SELECT * FROM finish();
ROLLBACK;
