-- Leaving rows out: every kind of bad input gets a clear error, and what stands at the edge works.
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN state || ': ' || message || COALESCE(E'\nDETAIL: ' || NULLIF(detail, ''), '') ||
		COALESCE(E'\nHINT: ' || NULLIF(hint, ''), '');
END $$;
CREATE FUNCTION try_luf(arguments text, model text DEFAULT 'good', data text DEFAULT 'people') RETURNS text LANGUAGE sql AS
	$$ SELECT attempt(format('SELECT * FROM advfair_luf_rows(%L, %L, %s)', model, data, arguments)) $$;
CREATE TABLE people AS SELECT * FROM advfair_make_census(120, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE keyless AS SELECT age, hours, income FROM people;
CREATE TABLE gone AS SELECT * FROM people;
CREATE TABLE changed AS SELECT * FROM people;
CREATE TABLE twice AS SELECT person_id % 60 AS id, age, hours, income FROM people;
SELECT version FROM advfair_train('good', 'people', 'income', arch => 'dense 4, tanh', epochs => 1);
SELECT version FROM advfair_train('keyless', 'keyless', 'income', arch => '', epochs => 1);
SELECT version FROM advfair_train('gone', 'gone', 'income', id => 'person_id', arch => '', epochs => 1);
SELECT version FROM advfair_train('changed', 'changed', 'income', id => 'person_id', arch => '', epochs => 1);
SELECT version FROM advfair_train('twice', 'twice', 'income', id => 'id', arch => '', epochs => 1);
SELECT version FROM advfair_train('validated', 'people', 'income', features => '{age,hours}', validation => '0.9', arch => '', epochs => 1);
CREATE TABLE growing AS SELECT person_id AS id, age::float8 AS age, income FROM people;
SELECT version FROM advfair_train('growing', 'growing', 'income', id => 'id', arch => '', encoding => 'ordinal', scale => false, optimizer => 'sgd', learning_rate => 1, epochs => 3);
SELECT version FROM advfair_adv_train('merged', 'people', 'income', eps => 0.1, arch => 'dense 4, tanh', epochs => 1);
SELECT version FROM advfair_adv_train('by_source', 'people', 'income', eps => 0.1, source => 'good', arch => 'dense 4, tanh', epochs => 1);
SELECT version FROM advfair_adv_train('pgd', 'people', 'income', eps => 0.1, method => 'pgd', steps => 2, arch => 'dense 4, tanh', epochs => 1);
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model) SELECT 'built', 1, '{"label": "income"}', '', '{}', model FROM advfair_model WHERE name = 'good';

\pset format unaligned
\pset tuples_only on
-- which rows
SELECT try_luf('leave_out => 0');
SELECT try_luf('leave_out => -1');
SELECT try_luf('leave_out => 121');
SELECT try_luf('leave_out => 1000001');
SELECT try_luf('leave_out => NULL');
SELECT attempt($$ SELECT * FROM advfair_luf_rows('good', 'people') $$);
SELECT try_luf('leave_out => 1, leave_out_ids => ''{1}''');
SELECT try_luf('leave_out_ids => ''{121}''');
SELECT try_luf('leave_out_ids => ''{1,one}''');
SELECT try_luf('leave_out_ids => ''{1,01}''');
SELECT try_luf('leave_out_ids => ''{5,7,5}''');
SELECT try_luf('leave_out_ids => ''{}''');
SELECT try_luf('leave_out_ids => ''{1,NULL}''');
SELECT try_luf('leave_out_ids => ''{{1},{2}}''');
SELECT try_luf('leave_out_ids => ''{1}''', 'keyless');
SELECT try_luf('leave_out_ids => (SELECT array_agg(person_id::text) FROM people)', 'validated');
SELECT try_luf('leave_out => 60', 'validated') ~ '^22023: task key "leave_out" is 60, but the model is trained on \d+ rows$';
SELECT try_luf('leave_out => 121, vary_seed => true');
SELECT count(*) FROM advfair_luf_rows('good', 'people', leave_out => 120);
SELECT count(*) FROM advfair_luf_rows('keyless', 'keyless', leave_out => 2);
SELECT try_luf('leave_out_ids => ''{7}''', 'twice', 'twice');
SELECT count(*), max(left_out) FROM advfair_luf_rows('twice', 'twice', leave_out => 120);
-- numbers
SELECT try_luf('leave_out => 1, workers => -1');
SELECT try_luf('leave_out => 1, workers => 1025');
SELECT try_luf('leave_out => 1, seed => 9223372036854775807');
SELECT try_luf('leave_out => 1, seed => -3');
-- models
SELECT try_luf('leave_out => 1', 'nobody');
SELECT try_luf('leave_out => 1', 'good@2');
SELECT try_luf('leave_out => 1', NULL);
SELECT try_luf('leave_out => 1', 'built');
SELECT attempt($$ SELECT advfair_retrain('built') $$);
UPDATE advfair_model SET task = '{"data": "people", "label": "income", "epochs": 1}' WHERE name = 'built';
SELECT try_luf('leave_out => 1', 'built');
SELECT attempt($$ SELECT advfair_retrain('built') $$);
SELECT try_luf('leave_out => 1', 'good', NULL);
-- what the model was trained on is not there any more, or another
DROP TABLE gone;
SELECT try_luf('leave_out => 1', 'gone');
ALTER TABLE changed RENAME income TO wage;
SELECT try_luf('leave_out => 1', 'changed');
ALTER TABLE changed RENAME wage TO income;
ALTER TABLE changed RENAME person_id TO id;
SELECT try_luf('leave_out => 1', 'changed');
ALTER TABLE changed RENAME id TO person_id;
UPDATE changed SET age = NULL WHERE person_id = 3;
SELECT try_luf('leave_out => 1', 'changed');
UPDATE changed SET age = 30, income = '<=50K';
SELECT try_luf('leave_out => 1', 'changed');
DELETE FROM changed;
SELECT try_luf('leave_out => 1', 'changed');
-- rows that are compared
SELECT try_luf('leave_out => 1', 'good', 'nothing');
SELECT try_luf('leave_out => 1', 'good', 'keyless');
SELECT try_luf('leave_out => 1', 'good', 'SELECT * FROM people WHERE false');
SELECT try_luf('leave_out => 1', 'good', 'SELECT age, ''PhD'' AS education, hours, occupation, sex, race FROM people');
SELECT try_luf('leave_out => 1', 'good', 'SELECT person_id, NULL::int AS age, education, hours, occupation, sex, race FROM people');
SELECT try_luf('leave_out => 1', 'good', 'SELECT 1e30 AS age, education, hours, occupation, sex, race FROM people');
SELECT try_luf('leave_out => 1', 'good', 'SELECT 1e300 AS age, education, hours, occupation, sex, race FROM people');
SELECT try_luf('leave_out => 1', 'good', 'DELETE FROM people RETURNING *');
-- key
SELECT try_luf('key => 3, leave_out => 1');
SELECT try_luf('key => NULL, leave_out => 1');
SELECT try_luf('key => NULL::int[], leave_out => 1');
SELECT try_luf('key => NULL::uuid, leave_out => 1');
SELECT try_luf('leave_out => 1', 'good', 'SELECT ''a'' || person_id AS person_id, age, education, hours, occupation, sex, race FROM people');
-- crafting again
SELECT try_luf('leave_out => 1, regenerate => true');
SELECT try_luf('leave_out => 1, regenerate => true', 'pgd');
SELECT try_luf('leave_out => 1, regenerate => true', 'by_source');
SELECT try_luf('leave_out => 1, regenerate => true', 'merged');
SELECT try_luf('leave_out => 1', 'by_source');
DELETE FROM advfair_model WHERE name = 'good';
SELECT regexp_replace(try_luf('leave_out => 1', 'by_source'), '[0-9a-f-]{36}', 'ID');
SELECT version FROM advfair_train('good', 'people', 'income', arch => 'dense 4, tanh', epochs => 1);
-- a training that fails tells which
UPDATE growing SET age = 1e38 WHERE id < 4;
SELECT regexp_replace(try_luf('leave_out => 3', 'growing'), 'minibatch \d+', 'minibatch N');
UPDATE growing SET age = 30;
SELECT try_luf('leave_out => 3', 'growing', 'SELECT 3e38 AS age');
-- memory
SET advfair.max_memory = '1MB';
SELECT regexp_replace(try_luf('leave_out => 120', 'good', 'SELECT p.* FROM people p, generate_series(1, 100)'), '\d+ MB of', 'N MB of');
RESET advfair.max_memory;
-- both scores
SELECT attempt($$ SELECT advfair_luf('good', 'people') $$);
SELECT attempt($$ SELECT advfair_luf('good', 'people', 0) $$);
SELECT attempt($$ SELECT * FROM advfair_luf_summary('good', 'people') $$);
SELECT attempt($$ SELECT * FROM advfair_luf_summary('good', 'people', 121) $$);
SELECT advfair_luf('good', 'people', 3) BETWEEN 1e-9 AND 1;
SELECT left_out, n, seed_luf IS NULL FROM advfair_luf_summary('good', 'people', 3, baseline => NULL);
-- nothing is written where nothing may be
BEGIN READ ONLY;
SELECT count(*) FROM advfair_luf_rows('good', 'people', leave_out => 2);
SELECT n FROM advfair_luf_summary('good', 'people', leave_out_ids => '{3,4}');
ROLLBACK;
SELECT count(*) FROM advfair_luf_part;
SELECT count(*) FROM advfair_progress;

-- rights: to the model, to the rows it is trained on, to those that are compared
CREATE ROLE advfair_alice;
CREATE ROLE advfair_bob;
CREATE TABLE test AS SELECT * FROM advfair_make_census(20, 1);
GRANT SELECT ON test TO advfair_alice;
SET ROLE advfair_alice;
SELECT try_luf('leave_out => 1', 'good', 'test');
RESET ROLE;
UPDATE advfair_model SET owner = 'advfair_alice' WHERE name = 'good';
SET ROLE advfair_alice;
SELECT try_luf('leave_out => 1', 'good', 'test');
SELECT attempt($$ SELECT * FROM advfair_pgd('good', 'test', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('good', 'people', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_least_eps('good', 'SELECT * FROM people', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('good', 'test', 0.1, craft_on => 'pgd') $$);
RESET ROLE;
GRANT SELECT ON people TO advfair_alice;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_hundred ON people USING (person_id <= 100);
SET ROLE advfair_alice;
SELECT try_luf('leave_out => 1', 'good', 'test');
SELECT try_luf('leave_out => 101', 'good', 'test');
SELECT try_luf('leave_out_ids => ''{101}''', 'good', 'test');
SELECT count(*) FROM advfair_pgd('good', 'people', 0.1);
SET ROLE advfair_bob;
SELECT attempt($$ SELECT * FROM advfair_pgd('good', 'VALUES (1)', 0.1) $$);
SELECT attempt($$ SELECT advfair_cru('good', 'VALUES (1)', 0.1) $$);
SELECT try_luf('leave_out => 1', 'good', 'VALUES (1)');
RESET ROLE;
SELECT count(*) FROM advfair_luf_part;
DELETE FROM advfair_model;
DROP TABLE people, keyless, changed, twice, growing, test;
DROP FUNCTION try_luf, attempt;
DROP OWNED BY advfair_alice, advfair_bob;
DROP ROLE advfair_alice, advfair_bob;
