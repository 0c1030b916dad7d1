-- Every kind of bad input gets a clear error, and nothing is stored.
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
CREATE FUNCTION try_train(arguments text) RETURNS text LANGUAGE sql AS
	$$ SELECT attempt('SELECT advfair_train(''m'', ' || arguments || ', epochs => 1)') $$;
CREATE TABLE people AS SELECT * FROM advfair_make_census(200, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE SEQUENCE counter;
CREATE TABLE odd (id int PRIMARY KEY, a float8, t text, v real[], d date, i bytea, y text);
INSERT INTO odd SELECT i, i, 'x' || i % 3, ARRAY[i, 1], '2026-01-01', '\x0102', 'c' || i % 2 FROM generate_series(1, 20) i;
SELECT version FROM advfair_train('good', 'people', 'income', epochs => 1);

\pset format unaligned
\pset tuples_only on
-- models
SELECT attempt($$ SELECT advfair_get('nobody') $$);
SELECT attempt($$ SELECT advfair_get('good@7') $$);
SELECT attempt($$ SELECT advfair_get('good@x') $$);
SELECT attempt($$ SELECT advfair_get('good@99999999999') $$);
SELECT attempt($$ SELECT advfair_get('good@0') $$);
SELECT attempt($$ SELECT advfair_get('good@ 1') $$);
SELECT attempt($$ SELECT advfair_get('good@') $$);
SELECT attempt($$ SELECT advfair_get('') $$);
SELECT attempt($$ SELECT advfair_retrain('good@x') $$);
SELECT attempt($$ SELECT advfair_train('a@b', 'people', 'income') $$);
SELECT attempt($$ SELECT advfair_train('', 'people', 'income') $$);
SELECT attempt($$ SELECT advfair_train(NULL, 'people', 'income') $$);
SELECT attempt($$ SELECT advfair_retrain('nobody') $$);
SELECT attempt($$ SELECT * FROM advfair_predict(NULL::text, 'people') $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', NULL) $$);
SELECT attempt($$ SELECT advfair_train('m', NULL, 'income') $$);
SELECT attempt($$ SELECT advfair_train('m', 'people', NULL) $$);
SELECT advfair_get(NULL) IS NULL AND advfair_describe(NULL) IS NULL AND advfair_predict(NULL::bytea, p) IS NULL AND
	   advfair_predict(advfair_get('good'), NULL::people) IS NULL AND advfair_confidence(advfair_get('good'), p, NULL) IS NULL AS nulls
FROM people p LIMIT 1;
-- relations, columns
SELECT try_train($$ 'nothing', 'income' $$);
SELECT try_train($$ 'no schema.x y', 'income' $$);
SELECT try_train($$ 'odd_pkey', 'income' $$);
SELECT try_train($$ '', 'income' $$);
SELECT try_train($$ 'elsewhere.public.people', 'income' $$);
SELECT try_train($$ 'elsewhere.people', 'income' $$);
SELECT try_train($$ 'people', 'wage' $$);
SELECT try_train($$ 'SELECT FROM odd', 'wage' $$);
SELECT format('CREATE VIEW many AS SELECT %s', string_agg(i || ' AS c' || i, ', ')) FROM generate_series(1, 31) i \gexec
SELECT try_train($$ 'many', 'wage' $$);
DROP VIEW many;
SELECT try_train($$ 'people', 'income', features => '{age,wage}' $$);
SELECT try_train($$ 'people', 'income', exclude => '{wage}' $$);
SELECT try_train($$ 'people', 'income', id => 'wage' $$);
SELECT try_train($$ 'people', 'income', features => '{age,income}' $$);
SELECT try_train($$ 'people', 'income', features => '{age,age}' $$);
SELECT try_train($$ 'people', 'income', features => '{age}', exclude => '{age}' $$);
SELECT try_train($$ 'people', 'income', features => '{}' $$);
SELECT try_train($$ 'people', 'income', features => '{age,NULL}' $$);
SELECT try_train($$ 'people', 'income', exclude => '{age,education,hours,occupation,sex,race}' $$);
SELECT try_train($$ 'SELECT income FROM people', 'income' $$);
SELECT try_train($$ 'SELECT FROM people', 'income' $$);
SELECT try_train($$ 'SELECT age, age, income FROM people', 'income' $$);
SELECT try_train($$ 'SELECT ''{}''::jsonb AS j, y FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT ''{a}''::text[] AS j, y FROM odd', 'y' $$);
CREATE TYPE vec AS (x real, y real);
CREATE FUNCTION numbers_of(vec) RETURNS real[] LANGUAGE sql IMMUTABLE RETURN ARRAY[($1).x, ($1).y];
CREATE CAST (vec AS real[]) WITH FUNCTION numbers_of(vec);
SELECT try_train($$ 'SELECT ''(1,2)''::vec AS j, y FROM odd', 'y' $$);
SELECT try_train($$ 'odd', 'y' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}' $$);
SELECT try_train($$ 'odd', 'y', features => '{a,i}', input_shape => '{1,1,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{a}', input_shape => '{1,1,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{1,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{1,2,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{0,2,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{1,NULL,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{16777216,16777216,16777216}' $$);
-- words and numbers
SELECT try_train($$ 'people', 'income', encoding => 'onehot' $$);
SELECT try_train($$ 'people', 'income', encoding => repeat('ä', 150) $$);
SELECT try_train($$ 'people', 'income', missing => 'mean' $$);
SELECT try_train($$ 'people', 'income', unseen => 'x' $$);
SELECT try_train($$ 'people', 'income', optimizer => 'lbfgs' $$);
SELECT try_train($$ 'people', 'income', init => 'zero' $$);
SELECT try_train($$ 'people', 'income', oversample => 'x0' $$);
SELECT try_train($$ 'people', 'income', oversample => 'smote' $$);
SELECT try_train($$ 'people', 'income', learning_rate => 0 $$);
SELECT try_train($$ 'people', 'income', learning_rate => 'NaN' $$);
SELECT try_train($$ 'people', 'income', learning_rate => 'Infinity' $$);
SELECT try_train($$ 'people', 'income', learning_rate => 1e7 $$);
SELECT try_train($$ 'people', 'income', weight_decay => 'NaN' $$);
SELECT try_train($$ 'people', 'income', momentum => 2 $$);
SELECT try_train($$ 'people', 'income', weight_decay => -1 $$);
SELECT try_train($$ 'people', 'income', batch_size => 0 $$);
SELECT try_train($$ 'people', 'income', workers => -1 $$);
SELECT try_train($$ 'people', 'income', seed => 9223372036854775807 $$);
SELECT try_train($$ 'people', 'income', validation => '1.5' $$);
SELECT try_train($$ 'people', 'income', validation => '0' $$);
SELECT try_train($$ 'people', 'income', validation => 'nan' $$);
SELECT try_train($$ 'SELECT * FROM people LIMIT 3', 'sex', validation => '0.0001' $$);
SELECT try_train($$ 'people', 'income', validation => 'SELECT * FROM people WHERE false' $$);
SELECT try_train($$ 'people', 'income', validation => 'SELECT age, education, hours, occupation, sex, race FROM people' $$);
SELECT try_train($$ 'people', 'income', validation => 'SELECT *, ''rich'' AS income FROM (SELECT age, education, hours, occupation, sex, race FROM people) p' $$);
SELECT try_train($$ 'people', 'income', validation => 'nothing' $$);
SELECT attempt($$ SELECT advfair_train('m', 'people', 'income', epochs => 0) $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","epoch":3}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","epochs":1.5}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","epochs":"3"}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","features":"age"}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","features":[1]}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","model":"x"}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","kind":"dance"}') $$);
SELECT attempt($$ SELECT advfair_fit('{"label":"income"}') $$);
SELECT attempt($$ SELECT advfair_fit('[1]') $$);
SELECT attempt($$ SELECT advfair_fit('"people"') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":["people"],"label":"income"}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","scale":1}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","encoding":3}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","epochs":1e400}') $$);
SELECT attempt($$ SELECT advfair_fit('{"data":"people","label":"income","epochs":100001}') $$);
SELECT attempt($$ SELECT length(advfair_fit('{"kind":"train","data":"people","label":"income","epochs":1,"arch":null,"exclude":[]}')) $$);
-- networks
SELECT try_train($$ 'people', 'income', arch => 'dens 5' $$);
SELECT try_train($$ 'people', 'income', arch => 'conv 4x3' $$);
SELECT try_train($$ 'people', 'income', arch => 'dense 0' $$);
SELECT try_train($$ 'people', 'income', arch => 'dense' $$);
SELECT try_train($$ 'people', 'income', arch => 'dense 5,, relu' $$);
SELECT try_train($$ 'people', 'income', arch => 'dense 5 relu' $$);
SELECT try_train($$ 'people', 'income', arch => 'maxpool 2' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{2,1,1}', arch => 'conv 2x2' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{2,1,1}', arch => 'maxpool 2' $$);
SELECT try_train($$ 'people', 'income', arch => 'dense 100000000, dense 100000000' $$);
-- labels and rows
SELECT try_train($$ 'SELECT * FROM people WHERE income = ''>50K''', 'income' $$);
SELECT try_train($$ 'SELECT * FROM people WHERE false', 'income' $$);
SELECT try_train($$ 'SELECT age, NULL::text AS y FROM people', 'y' $$);
SELECT try_train($$ 'SELECT i, i AS y FROM generate_series(1, 70000) i', 'y' $$);
-- values: row and column are named
UPDATE odd SET a = NULL WHERE id = 7;
SELECT try_train($$ 'odd', 'y', features => '{a}' $$);
UPDATE odd SET a = 'NaN' WHERE id = 7;
SELECT try_train($$ 'odd', 'y', features => '{a}' $$);
UPDATE odd SET a = '-Infinity' WHERE id = 7;
SELECT try_train($$ 'odd', 'y', features => '{a}' $$);
UPDATE odd SET a = 7, v = '{1,2,3}' WHERE id = 7;
SELECT try_train($$ 'SELECT * FROM odd ORDER BY id', 'y', id => 'id', features => '{v}' $$);
UPDATE odd SET v = '{1,NULL}' WHERE id = 7;
SELECT try_train($$ 'odd', 'y', features => '{v}' $$);
UPDATE odd SET v = '{1,NaN}' WHERE id = 7;
SELECT try_train($$ 'odd', 'y', features => '{v}' $$);
UPDATE odd SET v = '{1,2}' WHERE id = 7;
SELECT try_train($$ 'SELECT ''{}''::real[] AS v, y FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT (id % 2 * 2 - 1) * 1.7e308::float8 AS a, y FROM odd', 'y', encoding => 'minmax' $$);
SELECT try_train($$ 'SELECT 1e300::float8 AS a, y FROM odd', 'y', encoding => 'ordinal' $$);
SELECT try_train($$ 'SELECT 1e400::numeric AS a, y FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT ARRAY[1, 1e39::float8] AS v, y FROM odd', 'y', encoding => 'ordinal' $$);
SELECT try_train($$ 'SELECT NULLIF(id, 7) AS id, a, y FROM odd ORDER BY 1', 'y', id => 'id' $$);
SELECT try_train($$ 'SELECT ''x'' || repeat(''ä'', 60) AS id, NULL::int AS a, y FROM odd LIMIT 1', 'y', id => 'id' $$);
SELECT try_train($$ 'SELECT id, a, NULLIF(y, ''c1'') AS y FROM odd ORDER BY id', 'y', id => 'id' $$);
SELECT try_train($$ 'SELECT id, a, repeat(y, 1000) AS y FROM odd ORDER BY id', 'y', id => 'id' $$);
SELECT try_train($$ 'SELECT a, y FROM odd UNION ALL SELECT NULL, ''c0''', 'y' $$);
SELECT try_train($$ 'SELECT NULL::int AS a, y FROM odd', 'y', missing => 'drop' $$);
-- data that write, or are no query
SELECT try_train($$ 'INSERT INTO odd DEFAULT VALUES', 'y' $$);
SELECT try_train($$ 'WITH w AS (DELETE FROM odd RETURNING *) SELECT * FROM w', 'y' $$);
SELECT try_train($$ 'SELECT * INTO odd2 FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT * FROM odd FOR UPDATE', 'y' $$);
SELECT try_train($$ 'SELECT nextval(''counter'') AS a, y FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT $1 AS a, y FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT a, y FROM odd WHERE', 'y' $$);
SELECT try_train($$ '-- nothing', 'y' $$);
SELECT try_train($$ 'SELECT (advfair_train(''inner'', ''people'', ''income'', epochs => 1)).version, y FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT 1 AS y; SELECT 2', 'y' $$);
SELECT try_train($$ 'SELECT 1) AS x, (SELECT 2', 'y' $$);
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM odd; RETURN 1; END $$;
SELECT try_train($$ 'SELECT writes() AS a, y FROM odd', 'y' $$);
-- afterwards the transaction may write again
DO $$
BEGIN
	BEGIN
		PERFORM advfair_train('m', 'SELECT writes() AS a, y FROM odd', 'y');
	EXCEPTION WHEN read_only_sql_transaction THEN
		RAISE NOTICE '%', SQLERRM;
	END;
	INSERT INTO odd (id) VALUES (0);
	DELETE FROM odd WHERE id = 0;
END $$;
SELECT count(*) FROM odd;
-- prediction: data the model cannot take
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'odd') $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'SELECT ''ten'' AS age, education, hours, occupation, sex, race FROM people') $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'SELECT age, ''PhD'' AS education, hours, occupation, sex, race FROM people LIMIT 1') $$);
SELECT attempt($$ SELECT * FROM advfair_class_accuracy('good', 'SELECT age, education, hours, occupation, sex, race FROM people') $$);
SELECT attempt($$ SELECT * FROM advfair_class_accuracy('good', 'SELECT age, education, hours, occupation, sex, race, ''rich'' AS income FROM people') $$);
SELECT attempt($$ SELECT advfair_eou('good', 'people', 'sex', 'rich') $$);
SELECT attempt($$ SELECT advfair_eou('good', 'people', 'sex', '>50K', 'rich') $$);
SELECT attempt($$ SELECT advfair_eou('good', 'people', 'gender', '>50K') $$);
SELECT attempt($$ SELECT advfair_eou('good', 'people', NULL, '>50K') $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'people', workers => 5000) $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'people', key => NULL::int[]) $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'people', key => NULL) $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'SELECT NULL::int AS age, education, hours, occupation, sex, race FROM people LIMIT 1') $$);
SELECT attempt($$ SELECT * FROM advfair_predict('good', 'SELECT ''NaN''::float8 AS age, education, hours, occupation, sex, race FROM people LIMIT 1') $$);
SELECT attempt($$ SELECT advfair_cau('good', 'SELECT age, education, hours, occupation, sex, race, NULL::text AS income FROM people') $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), ROW(1, 2)) $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), p) FROM (SELECT age::text, education, hours, occupation, sex, race FROM people LIMIT 1) p $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), p) FROM (SELECT NULL::int AS age, education, hours, occupation, sex, race FROM people LIMIT 1) p $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), p) FROM (SELECT 'NaN'::float8 AS age, education, hours, occupation, sex, race FROM people LIMIT 1) p $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), p) FROM (SELECT age, 'PhD' AS education, hours, occupation, sex, race FROM people LIMIT 1) p $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), o) FROM odd o $$);
SELECT attempt($$ SELECT advfair_confidence(advfair_get('good'), p, 'rich') FROM people p $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), '{1,2}'::real[]) $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), array_fill('NaN'::real, '{18}')) $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), array_fill(NULL::real, '{18}')) $$);
SELECT attempt($$ SELECT advfair_predict(m, '{1,2,3}'::real[]) FROM advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,6}') m $$);
SELECT attempt($$ SELECT advfair_predict(m, r) FROM advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,6}') m, (SELECT '{1,2,3}'::real[] AS x) r $$);
SELECT attempt($$ SELECT advfair_predict(m, '\x010203'::bytea) FROM advfair_build('{"arch":"","input_shape":[1,2,2],"classes":["a","b"]}', array_fill(1::real, '{10}')) m $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), '\x01'::bytea) $$);
-- bytes that are no model
SELECT attempt($$ SELECT advfair_describe('') $$);
SELECT attempt($$ SELECT advfair_describe('\x00010203') $$);
SELECT attempt($$ SELECT advfair_describe(substr(m, 1, length(m) - 1)) FROM advfair_get('good') m $$);
SELECT attempt($$ SELECT advfair_describe(m || '\x00') FROM advfair_get('good') m $$);
SELECT regexp_replace(attempt($$ SELECT advfair_describe(set_byte(m, 500, get_byte(m, 500) # 1)) FROM advfair_get('good') m $$),
					  '[0-9a-f]{8}', 'CRC', 'g');
-- descriptions that are no model
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3}') $$);
-- lengths that are only claimed take no memory
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"],"encoder":{"columns":[{"name":"x","kind":"array","length":3}]}}', '{1,2,3,4,5,6}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"],"encoder":{"columns":[{"name":"x","kind":"array","length":2},{"name":"y","kind":"number"}]}}', '{1,2,3,4,5,6}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,NULL}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,NaN}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","a"]}', '{1,2,3,4,5,6}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a"]}', '{1,2,3}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","inputs":2,"classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":"2","classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"classes":["a","b"],"input_shape":[2]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2,2],"classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[0],"classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[99999999],"classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[9999,9999,9999],"classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":[1,2]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"],"scale":"yes"}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"],"encoder":{"columns":[{"name":"x","kind":"number"}]}}', '{1,2,3,4,5,6}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[1],"classes":["a","b"],"encoder":{"columns":[{"name":"x","kind":"word"}]}}', '{1,2,3,4}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[1],"classes":["a","b"],"encoder":{"columns":[{"name":"x","kind":"number","size":1}]}}', '{1,2,3,4}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"],"encoder":{"columns":[{"name":"x","kind":"category","values":["b","a"]}]}}', '{1,2,3,4,5,6}') $$);
SELECT attempt($$ SELECT advfair_build('[]', '{1}') $$);
-- too large, diverging, read-only
SET advfair.max_memory = '1MB';
SELECT try_train($$ 'people', 'income', arch => 'dense 2000, dense 2000' $$);
SELECT regexp_replace(try_train($$ 'SELECT i % 2 AS y, array_fill(i::real, ''{100}'') AS x FROM generate_series(1, 5000) i', 'y' $$), '\d+ MB of', 'N MB of');
RESET advfair.max_memory;
SELECT regexp_replace(try_train($$ 'people', 'income', optimizer => 'sgd', learning_rate => 1e6, weight_decay => 1e6, batch_size => 10 $$), 'minibatch \d+', 'minibatch N');
BEGIN READ ONLY;
SELECT try_train($$ 'people', 'income' $$);
SELECT attempt('SELECT advfair_retrain(''good'')');
SELECT count(*) FROM advfair_predict('good', 'people');
SELECT length(advfair_fit('{"data":"people","label":"income","epochs":1}')) > 0;
ROLLBACK;
SELECT attempt('SELECT advfair_make_census(-1)');
\pset format aligned
\pset tuples_only off
SELECT name, version FROM advfair_model;
DELETE FROM advfair_model;
DROP TABLE people, odd;
DROP SEQUENCE counter;
DROP FUNCTION attempt, try_train, writes;
