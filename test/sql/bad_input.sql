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
SELECT attempt($$ SELECT advfair_train('a@b', 'people', 'income') $$);
SELECT attempt($$ SELECT advfair_train('', 'people', 'income') $$);
SELECT attempt($$ SELECT advfair_train(NULL, 'people', 'income') $$);
SELECT attempt($$ SELECT advfair_retrain('nobody') $$);
SELECT attempt($$ SELECT * FROM advfair_predict(NULL::text, 'people') $$);
-- relations, columns
SELECT try_train($$ 'nothing', 'income' $$);
SELECT try_train($$ 'no schema.x y', 'income' $$);
SELECT try_train($$ 'odd_pkey', 'income' $$);
SELECT try_train($$ 'people', 'wage' $$);
SELECT try_train($$ 'people', 'income', features => '{age,wage}' $$);
SELECT try_train($$ 'people', 'income', exclude => '{wage}' $$);
SELECT try_train($$ 'people', 'income', id => 'wage' $$);
SELECT try_train($$ 'people', 'income', features => '{age,income}' $$);
SELECT try_train($$ 'people', 'income', features => '{age,age}' $$);
SELECT try_train($$ 'people', 'income', features => '{age}', exclude => '{age}' $$);
SELECT try_train($$ 'odd', 'y' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}' $$);
SELECT try_train($$ 'odd', 'y', features => '{a,i}', input_shape => '{1,1,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{a}', input_shape => '{1,1,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{1,2}' $$);
SELECT try_train($$ 'odd', 'y', features => '{i}', input_shape => '{1,2,2}' $$);
-- words and numbers
SELECT try_train($$ 'people', 'income', encoding => 'onehot' $$);
SELECT try_train($$ 'people', 'income', missing => 'mean' $$);
SELECT try_train($$ 'people', 'income', unseen => 'x' $$);
SELECT try_train($$ 'people', 'income', optimizer => 'lbfgs' $$);
SELECT try_train($$ 'people', 'income', init => 'zero' $$);
SELECT try_train($$ 'people', 'income', oversample => 'x0' $$);
SELECT try_train($$ 'people', 'income', oversample => 'smote' $$);
SELECT try_train($$ 'people', 'income', learning_rate => 0 $$);
SELECT try_train($$ 'people', 'income', learning_rate => 'NaN' $$);
SELECT try_train($$ 'people', 'income', momentum => 2 $$);
SELECT try_train($$ 'people', 'income', weight_decay => -1 $$);
SELECT try_train($$ 'people', 'income', batch_size => 0 $$);
SELECT try_train($$ 'people', 'income', workers => -1 $$);
SELECT try_train($$ 'people', 'income', seed => 9223372036854775807 $$);
SELECT try_train($$ 'people', 'income', validation => '1.5' $$);
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
-- networks
SELECT try_train($$ 'people', 'income', arch => 'dens 5' $$);
SELECT try_train($$ 'people', 'income', arch => 'conv 4x3' $$);
SELECT try_train($$ 'people', 'income', arch => 'dense 0' $$);
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
SELECT try_train($$ 'SELECT a, y FROM odd UNION ALL SELECT NULL, ''c0''', 'y' $$);
SELECT try_train($$ 'SELECT NULL::int AS a, y FROM odd', 'y', missing => 'drop' $$);
-- data that write, or are no query
SELECT try_train($$ 'INSERT INTO odd DEFAULT VALUES', 'y' $$);
SELECT try_train($$ 'WITH w AS (DELETE FROM odd RETURNING *) SELECT * FROM w', 'y' $$);
SELECT try_train($$ 'SELECT * INTO odd2 FROM odd', 'y' $$);
SELECT try_train($$ 'SELECT 1 AS y; SELECT 2', 'y' $$);
SELECT try_train($$ 'SELECT 1) AS x, (SELECT 2', 'y' $$);
CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM odd; RETURN 1; END $$;
SELECT try_train($$ 'SELECT writes() AS a, y FROM odd', 'y' $$);
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
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), o) FROM odd o $$);
SELECT attempt($$ SELECT advfair_confidence(advfair_get('good'), p, 'rich') FROM people p $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), '{1,2}'::real[]) $$);
SELECT attempt($$ SELECT advfair_predict(advfair_get('good'), array_fill('NaN'::real, '{18}')) $$);
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
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,NULL}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,NaN}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a","a"]}', '{1,2,3,4,5,6}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":[2],"classes":["a"]}', '{1,2,3}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","inputs":2,"classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"arch":"","input_shape":"2","classes":["a","b"]}', '{1}') $$);
SELECT attempt($$ SELECT advfair_build('{"classes":["a","b"],"input_shape":[2]}', '{1}') $$);
-- too large, diverging, read-only
SET advfair.max_memory = '1MB';
SELECT try_train($$ 'people', 'income', arch => 'dense 2000, dense 2000' $$);
SELECT regexp_replace(try_train($$ 'SELECT i % 2 AS y, array_fill(i::real, ''{100}'') AS x FROM generate_series(1, 5000) i', 'y' $$), '\d+ MB of', 'N MB of');
RESET advfair.max_memory;
SELECT regexp_replace(try_train($$ 'people', 'income', optimizer => 'sgd', learning_rate => 1e6, weight_decay => 1e6, batch_size => 10 $$), 'minibatch \d+', 'minibatch N');
BEGIN READ ONLY;
SELECT try_train($$ 'people', 'income' $$);
ROLLBACK;
SELECT attempt('SELECT advfair_make_census(-1)');
\pset format aligned
\pset tuples_only off
SELECT name, version FROM advfair_model;
DELETE FROM advfair_model;
DROP TABLE people, odd;
DROP FUNCTION attempt, try_train, writes;
