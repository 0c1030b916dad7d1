-- Attacks and robust training: every kind of bad input gets a clear error, and what stands at the edge works.
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
CREATE FUNCTION try_pgd(arguments text, data text DEFAULT 'people') RETURNS text LANGUAGE sql AS
	$$ SELECT attempt(format('SELECT * FROM advfair_pgd(''good'', %L, %s)', data, arguments)) $$;
CREATE FUNCTION try_search(arguments text) RETURNS text LANGUAGE sql AS
	$$ SELECT attempt(format('SELECT * FROM advfair_least_eps(''good'', ''people'', %s)', arguments)) $$;
CREATE FUNCTION try_adv_train(arguments text) RETURNS text LANGUAGE sql AS
	$$ SELECT attempt(format('SELECT advfair_adv_train(''m'', ''people'', ''income'', arch => ''dense 4, tanh'', epochs => 1, %s)', arguments)) $$;
CREATE TABLE people AS SELECT * FROM advfair_make_census(120, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE points AS SELECT i AS id, (i - 10.5)::float8 AS x, CASE WHEN i > 10 THEN 'b' ELSE 'a' END AS y FROM generate_series(1, 20) i;
CREATE TABLE pixels AS SELECT i AS id, decode(repeat(lpad(to_hex(i * 10), 2, '0'), 4), 'hex') AS image, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END AS y FROM generate_series(1, 20) i;
SELECT version FROM advfair_train('good', 'people', 'income', arch => 'dense 4, tanh', epochs => 1);
SELECT version FROM advfair_train('ordinal', 'people', 'income', encoding => 'ordinal', arch => '', epochs => 1);
SELECT version FROM advfair_train('minmax', 'people', 'income', encoding => 'minmax', arch => '', epochs => 1);
SELECT version FROM advfair_train('other_rows', 'SELECT * FROM people WHERE person_id > 20', 'income', id => 'person_id', arch => '', epochs => 1);
SELECT version FROM advfair_train('few', 'people', 'income', features => '{age,hours}', arch => '', epochs => 1);
SELECT version FROM advfair_train('by_sex', 'people', 'sex', exclude => '{income}', arch => '', epochs => 1);
SELECT version FROM advfair_train('two_numbers', 'people', 'sex', features => '{age,hours}', arch => '', epochs => 1);
SELECT version FROM advfair_train('pixels', 'pixels', 'y', input_shape => '{1,2,2}', id => 'id', arch => '', epochs => 1);
SELECT version FROM advfair_train('pixel', 'SELECT id, substr(image, 1, 1) AS image, y FROM pixels', 'y', input_shape => '{1,1,1}', id => 'id', arch => '', epochs => 1);
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
SELECT 'flat', 1, '{"label": "y"}', '', '{}', advfair_build('{"arch": "", "label": "y", "classes": ["a", "b"], "input_shape": [1], "scale": true,
	"encoder": {"unseen": "error", "encoding": "ordinal", "columns": [{"name": "x", "kind": "number", "shift": [0], "factor": [1]}]}}', '{0,0,1,1,0,0}');

\pset format unaligned
\pset tuples_only on
-- eps
SELECT try_pgd($$ -0.1 $$);
SELECT try_pgd($$ 'NaN'::float8 $$);
SELECT try_pgd($$ 'Infinity'::float8 $$);
SELECT try_pgd($$ '-Infinity'::real $$);
SELECT try_pgd($$ 'NaN'::numeric $$);
SELECT try_pgd($$ 1e31 $$);
SELECT try_pgd($$ NULL $$);
SELECT try_pgd($$ NULL::float8 $$);
SELECT try_pgd($$ true $$);
SELECT try_pgd($$ '2026-01-01'::date $$);
SELECT try_pgd($$ ARRAY[true] $$);
SELECT try_pgd($$ ARRAY['a'] $$);
SELECT try_pgd($$ ARRAY[1, 2] $$);
SELECT try_pgd($$ ARRAY[1, 2, 3, 4, 5, 6, 7] $$);
SELECT try_pgd($$ ARRAY[]::float8[] $$);
SELECT try_pgd($$ ARRAY[1, NULL, 0, 0, 0, 0] $$);
SELECT try_pgd($$ ARRAY[1, -1, 0, 0, 0, 0] $$);
SELECT try_pgd($$ ARRAY[[1, 2, 3], [4, 5, 6]] $$);
SELECT try_pgd($$ '{"age": 1, "wage": 2}' $$);
SELECT try_pgd($$ '{"age": "1"}' $$);
SELECT try_pgd($$ '{"age": -1}' $$);
SELECT try_pgd($$ '{"age": {"a": 1}}' $$);
SELECT try_pgd($$ '{"age": [1]}' $$);
SELECT try_pgd($$ '[1, [2]]' $$);
SELECT try_pgd($$ '{"age": 1}'::json $$);
SELECT try_pgd($$ '{}' $$);
SELECT try_pgd($$ '{}'::jsonb $$);
SELECT try_pgd($$ '{1,2}' $$);
SELECT try_pgd($$ '0.1, 0.2' $$);
SELECT try_pgd($$ 'small' $$);
SELECT try_pgd($$ 'NaN' $$);
SELECT try_pgd($$ '"small"' $$);
SELECT try_pgd($$ 'null' $$);
SELECT try_pgd($$ 'true' $$);
SELECT try_pgd($$ '' $$);
-- what is eps in every form
SELECT try_pgd($$ '0.1' $$), try_pgd($$ 0.1::real $$), try_pgd($$ 1 $$), try_pgd($$ 1::smallint $$), try_pgd($$ 1::bigint $$), try_pgd($$ 0.1::float8 $$);
SELECT try_pgd($$ '{"age": 0.1}' $$), try_pgd($$ '{"age": 0.1}'::jsonb $$), try_pgd($$ '[1, 0, 1, 0, 0, 0]' $$), try_pgd($$ ARRAY[1, 0, 1, 0, 0, 0] $$), try_pgd($$ '{1,0,1,0,0,0}'::real[] $$);
-- eps 0 leaves every bit as it is, whatever else is said
SELECT count(*), bool_and(linf = 0 AND l2 = 0), bool_and(prediction = adversarial), bool_and(success = (prediction <> label)) FROM advfair_pgd('good', 'people', 0);
SELECT count(*) FROM advfair_pgd('good', 'people', 0) a JOIN advfair_pgd('good', 'people', 0, norm => 'l2', random_start => true, steps => 3, restarts => 2) b USING (id) WHERE a.x = b.x AND b.linf = 0;
SELECT count(*) FROM advfair_pgd('good', 'people', 0) a JOIN advfair_pgd('good', 'people', ARRAY[0, 0, 0, 0, 0, 0], feasible => true, random_start => true) b USING (id) WHERE a.x = b.x;
SELECT count(*) FROM advfair_pgd('good', 'people', 0) a JOIN advfair_fgsm('good', 'people', '{}'::jsonb) b USING (id) WHERE a.x = b.x;
SELECT bool_and(advfair_proba(advfair_get('good'), x) = advfair_proba(advfair_get('good'), p)) FROM advfair_pgd('good', 'people', 0) a JOIN people p ON p.person_id = a.id;
-- numbers
SELECT try_pgd($$ 0.1, alpha => 0 $$);
SELECT try_pgd($$ 0.1, alpha => -1 $$);
SELECT try_pgd($$ 0.1, alpha => 'NaN' $$);
SELECT try_pgd($$ 0.1, alpha => 'Infinity' $$);
SELECT try_pgd($$ 0.1, steps => 0 $$);
SELECT try_pgd($$ 0.1, steps => -1 $$);
SELECT try_pgd($$ 0.1, steps => 100001 $$);
SELECT try_pgd($$ 0.1, restarts => 0 $$);
SELECT try_pgd($$ 0.1, restarts => 10001 $$);
SELECT try_pgd($$ 0.1, clip_min => 'NaN' $$);
SELECT try_pgd($$ 0.1, clip_min => '-Infinity' $$);
SELECT try_pgd($$ 0.1, clip_min => 1, clip_max => 0.5 $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('pixels', 'pixels', 0.1, clip_min => 2) $$);
SELECT try_pgd($$ 0.1, workers => -1 $$);
SELECT try_pgd($$ 0.1, workers => 1025 $$);
SELECT try_pgd($$ 0.1, seed => 9223372036854775807 $$);
SELECT try_pgd($$ 0.1, seed => -5, random_start => true $$);
-- words
SELECT try_pgd($$ 0.1, norm => 'l1' $$);
SELECT try_pgd($$ 0.1, norm => 'L2' $$);
SELECT try_pgd($$ 0.1, eps_unit => 'mad' $$);
SELECT try_search($$ 1, mode => 'newton' $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{0.1}', denominator => 'wrong') $$);
SELECT try_adv_train($$ eps => 0.1, method => 'free' $$);
-- columns and classes
SELECT try_pgd($$ 0.1, mutable => '{age,wage}' $$);
SELECT try_pgd($$ 0.1, mutable => '{income}' $$);
SELECT try_pgd($$ 0.1, mutable => '{person_id}' $$);
SELECT try_pgd($$ 0.1, mutable => '{}' $$);
SELECT try_pgd($$ 0.1, mutable => '{age,NULL}' $$);
SELECT try_pgd($$ 0.1, targeted => 'rich' $$);
SELECT try_pgd($$ 0.1, targeted => '' $$);
SELECT attempt($$ SELECT * FROM advfair_class_least_eps('good', 'people', 1, targeted => 'rich') $$);
-- the standard deviation has to be known
SELECT attempt($$ SELECT * FROM advfair_pgd('minmax', 'people', 0.1, eps_unit => 'sd') $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('pixels', 'pixels', 0.1, eps_unit => 'sd') $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('pixel', 'SELECT id, substr(image, 1, 1) AS image, y FROM pixels', 0.1, eps_unit => 'sd') $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('flat', 'points', 0.1, eps_unit => 'sd') $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('ordinal', 'people', 0.1, eps_unit => 'sd') $$);
-- transfer
SELECT try_pgd($$ 0.1, craft_on => 'nobody' $$);
SELECT try_pgd($$ 0.1, craft_on => 'good@2' $$);
SELECT try_pgd($$ 0.1, craft_on => 'few' $$);
SELECT try_pgd($$ 0.1, craft_on => 'pixels' $$);
SELECT try_pgd($$ 0.1, craft_on => 'ordinal' $$);
SELECT try_pgd($$ 0.1, craft_on => 'minmax' $$);
SELECT try_pgd($$ 0.1, craft_on => 'other_rows' $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('few', 'people', 0.1, craft_on => 'two_numbers') $$);
SELECT try_pgd($$ 0.1, craft_on => 'good' $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{0.1}', craft_on => 'few') $$);
-- data
SELECT try_pgd('0.1', 'nothing');
SELECT try_pgd('0.1', 'SELECT age, education, hours, occupation, sex, race FROM people');
SELECT try_pgd('0.1', 'SELECT age, education, hours, occupation, sex, race, NULL::text AS income FROM people');
SELECT try_pgd('0.1', 'SELECT age, education, hours, occupation, sex, race, ''rich'' AS income FROM people');
SELECT try_pgd('0.1', 'SELECT age, hours, income FROM people');
SELECT try_pgd('0.1', 'points');
SELECT try_pgd('0.1', 'SELECT age, ''PhD'' AS education, hours, occupation, sex, race, income FROM people');
SELECT try_pgd('0.1', 'SELECT NULL::int AS age, education, hours, occupation, sex, race, income FROM people');
SELECT try_pgd('0.1', 'SELECT ''NaN''::float8 AS age, education, hours, occupation, sex, race, income FROM people');
SELECT try_pgd('0.1', 'DELETE FROM people RETURNING *');
SELECT attempt($$ SELECT * FROM advfair_pgd('pixels', 'SELECT id, ''\x00''::bytea AS image, y FROM pixels', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd(NULL, 'people', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('good', NULL, 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('nobody', 'people', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('good', 'people') $$);
SELECT attempt($$ SELECT * FROM advfair_fgsm('good', 'people', 0.1, steps => 3) $$);
-- no rows
SELECT count(*) FROM advfair_pgd('good', 'SELECT * FROM people WHERE false', 0.1);
SELECT count(*) FROM advfair_fgsm('good', 'SELECT * FROM people WHERE false', 0.1, craft_on => 'good');
SELECT count(*) FROM advfair_least_eps('good', 'SELECT * FROM people WHERE false', 0.1);
SELECT * FROM advfair_class_robustness('good', 'SELECT * FROM people WHERE false', '{0.1,0.2}');
SELECT * FROM advfair_class_least_eps('good', 'SELECT * FROM people WHERE false', 0.1);
SELECT advfair_cru('good', 'SELECT * FROM people WHERE false', 0.1) IS NULL, advfair_cru('good', 'SELECT * FROM people WHERE false', eps_max => 0.1) IS NULL;
-- a class without rows
SELECT class, success_rate IS NULL, accuracy IS NULL, n > 0 FROM advfair_class_robustness('good', 'SELECT * FROM people WHERE income = ''>50K''', '{0.1}');
SELECT advfair_cru('good', 'SELECT * FROM people WHERE income = ''>50K''', 0.1);
-- key
SELECT try_pgd($$ 0.1, key => 3 $$);
SELECT try_pgd($$ 0.1, key => NULL $$);
SELECT try_pgd($$ 0.1, key => NULL::int[] $$);
SELECT try_pgd($$ 0.1, key => NULL::uuid $$);
SELECT attempt($$ SELECT * FROM advfair_fgsm('good', 'people', 0.1, key => 'x'::text) $$);
SELECT attempt($$ SELECT * FROM advfair_least_eps('good', 'people', 0.1, key => 3) $$);
-- the search
SELECT try_search($$ 0 $$);
SELECT try_search($$ -1 $$);
SELECT try_search($$ NULL::float8 $$);
SELECT try_search($$ 'NaN'::float8 $$);
SELECT try_search($$ 1, mode => 'grid', step => 2 $$);
SELECT try_search($$ 1, mode => 'grid', step => 0 $$);
SELECT try_search($$ 1, mode => 'grid', step => 'NaN' $$);
SELECT try_search($$ 1, mode => 'grid', step => 1 $$);
SELECT try_search($$ 1, step => 0.1 $$);
SELECT try_search($$ 1, mode => 'bisect', step => 0.1 $$);
SELECT try_search($$ 1, mode => 'grid', tol => 0.1 $$);
SELECT try_search($$ 1, tol => 0 $$);
SELECT try_search($$ 1, tol => 2 $$);
SELECT try_search($$ 5, tol => 1e-30 $$);
SELECT try_search($$ ARRAY[1, 2] $$);
SELECT try_search($$ '{"wage": 1}' $$);
SELECT try_search($$ '{"age": 0}' $$);
SELECT try_search($$ 1, craft_on => 'good' $$);
SELECT attempt($$ SELECT * FROM advfair_class_least_eps('good', 'people') $$);
SELECT attempt($$ SELECT * FROM advfair_class_least_eps('good', 'people', 1, step => 2, mode => 'grid') $$);
SELECT attempt($$ SELECT * FROM advfair_class_least_eps('pixels', 'pixels') $$);
-- the classes
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', NULL) $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{}') $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{0.1,-0.1}') $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{0.1,NaN}') $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{0.1,NULL}') $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('good', 'people', '{{0.1}}') $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people') $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', -1) $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', 0.1, denominator => 'some') $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', eps_max => 0) $$);
SELECT attempt($$ SELECT advfair_cru('pixels', 'pixels') $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', 0.1, mode => 'grid') $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', 0.1, eps_max => 1) $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', eps_max => 1, alpha => 0.1) $$);
SELECT attempt($$ SELECT advfair_cru('good', 'people', eps_max => 1, denominator => 'correct') $$);
-- robust training
SELECT try_adv_train($$ method => 'pgd' $$);
SELECT try_adv_train($$ method => 'merged' $$);
SELECT try_adv_train($$ eps => -1 $$);
SELECT try_adv_train($$ eps => ARRAY[1, 2] $$);
SELECT try_adv_train($$ eps => '{"wage": 1}' $$);
SELECT try_adv_train($$ eps => 0.1, mutable => '{wage}' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'nobody' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'by_sex' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'pixels' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'good', features => '{age}' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'good', exclude => '{age}' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'good', encoding => 'ordinal' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'good', unseen => 'ignore' $$);
SELECT try_adv_train($$ eps => 0.1, method => 'pgd', beta => 3 $$);
SELECT try_adv_train($$ eps => 0.1, source => 'good', method => 'pgd' $$);
SELECT try_adv_train($$ eps => 0.1, source => 'good', warm => true, method => 'trades' $$);
SELECT try_adv_train($$ eps => 0.1, warm => true, method => 'pgd' $$);
SELECT try_adv_train($$ eps => 0.1, warm => true, source => 'few' $$);
SELECT try_adv_train($$ eps => 0.1, warm => true, source => 'good' $$);
SELECT try_adv_train($$ eps => 0.1, restarts => 2, method => 'pgd' $$);
SELECT try_adv_train($$ eps => 0.1, feasible => true, method => 'pgd' $$);
SELECT try_adv_train($$ eps => 0.1, restarts => 2, feasible => true, source => 'good' $$);
SELECT try_adv_train($$ eps => 0.1, steps => 3, method => 'fast' $$);
SELECT attempt($$ SELECT advfair_adv_train('m', 'SELECT * FROM people WHERE person_id < 8', 'income', id => 'person_id', eps => 0.1, method => 'fast') $$);
SELECT try_adv_train($$ eps => 0.1, beta => -1, method => 'trades' $$);
SELECT try_adv_train($$ eps => 0.1, beta => 'NaN', method => 'trades' $$);
SELECT try_adv_train($$ eps => 0.1, eps_unit => 'sd', encoding => 'minmax' $$);
SELECT try_adv_train($$ eps => 0.1, clip_min => 2, clip_max => 1 $$);
SELECT try_adv_train($$ eps => 0.1, workers => 1025 $$);
SELECT attempt($$ SELECT advfair_adv_train('m', 'people', NULL, eps => 0.1) $$);
SELECT attempt($$ SELECT advfair_adv_train('m', 'SELECT * FROM people WHERE false', 'income', eps => 0.1) $$);
SELECT attempt($$ SELECT advfair_adv_train('m', 'SELECT * FROM people WHERE false', 'income', eps => 0.1, source => 'good') $$);
SELECT attempt($$ SELECT advfair_adv_train('m', 'SELECT age, education, hours, occupation, sex, race, ''rich'' AS income FROM people', 'income', eps => 0.1, source => 'good') $$);
SELECT attempt($$ SELECT advfair_adv_train('a@b', 'people', 'income', eps => 0.1) $$);
SELECT attempt($$ SELECT advfair_fit('{"kind":"adv_train","data":"people","label":"income","eps":0.1,"early_stop":true}') $$);
SELECT attempt($$ SELECT advfair_fit('{"kind":"train","data":"people","label":"income","eps":0.1}') $$);
SELECT attempt($$ SELECT advfair_fit('{"kind":"adv_train","data":"people","label":"income","eps":"0.1"}') $$);
SELECT attempt($$ SELECT advfair_fit('{"kind":"adv_train","data":"people","label":"income","eps":true}') $$);
-- only the trainings without an error are stored
SELECT count(*) FROM advfair_model WHERE name = 'm';
-- attacks store nothing, so they work where nothing can be stored
BEGIN READ ONLY;
SELECT count(*) FROM advfair_pgd('good', 'people', 0.1);
SELECT count(*) FROM advfair_fgsm('good', 'people', 0.1);
SELECT count(*) FROM advfair_least_eps('good', 'people', 1);
SELECT sum(n) FROM advfair_class_robustness('good', 'people', '{0.1}');
SELECT sum(n) FROM advfair_class_least_eps('good', 'people', 1);
SELECT advfair_cru('good', 'people', 0.1) BETWEEN 0 AND 1;
SELECT advfair_adv_train('m', 'people', 'income', eps => 0.1, epochs => 1);
ROLLBACK;
-- decode
SELECT attempt($$ SELECT advfair_decode(advfair_get('good'), '{1,2}') $$);
SELECT attempt($$ SELECT advfair_decode(advfair_get('few'), '{1,NULL}') $$);
SELECT attempt($$ SELECT advfair_decode(advfair_get('few'), '{1,NaN}') $$);
SELECT attempt($$ SELECT advfair_decode('\x00', '{1}') $$);
SELECT advfair_decode(NULL, '{1}') IS NULL, advfair_decode(advfair_get('few'), NULL) IS NULL;
-- a saturated network has no gradient to follow, which is not the same as being robust
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
SELECT 'saturated', 1, '{"label": "y"}', '', '{}', advfair_build('{"arch": "dense 1, tanh", "label": "y", "classes": ["a", "b"],
	"input_shape": [1], "encoder": {"unseen": "error", "encoding": "standard", "columns": [{"name": "x", "kind": "number", "shift": [0], "factor": [1]}]}}', '{1e6,0,-5,5,0,0}');
SELECT count(*) FROM advfair_pgd('saturated', 'points', 9, random_start => false);
SELECT count(*) FROM advfair_fgsm('saturated', 'points', 9);
SELECT * FROM advfair_class_robustness('saturated', 'points', '{9}', random_start => false);
SELECT * FROM advfair_class_least_eps('saturated', 'points', 9, random_start => false);
-- a ridge of the loss that nothing breaks: each step leads down
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
SELECT 'ridge', 1, '{"label": "y"}', '', '{}', advfair_build('{"arch": "dense 2, relu", "label": "y", "classes": ["a", "b"],
	"input_shape": [1], "encoder": {"unseen": "error", "encoding": "standard", "columns": [{"name": "x", "kind": "number", "shift": [0], "factor": [1]}]}}', '{1,-1,0,0,0,0,-1000,-1000,0,-0.5}');
SELECT * FROM advfair_class_robustness('ridge', 'SELECT 0.00001 AS x, ''a'' AS y', '{1}', random_start => false);
SELECT success, adversarial FROM advfair_fgsm('ridge', 'SELECT 1 AS id, 0.00001 AS x, ''a'' AS y', 1);
-- a network whose output is not finite
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
SELECT 'overflows', 1, '{"label": "y"}', '', '{}', advfair_build('{"arch": "", "label": "y", "classes": ["a", "b"],
	"input_shape": [1], "encoder": {"unseen": "error", "encoding": "standard", "columns": [{"name": "x", "kind": "number", "shift": [0], "factor": [1]}]}}', '{-1e37,1e37,0,0}');
SELECT attempt($$ SELECT * FROM advfair_pgd('overflows', 'points', 100) $$);
SELECT attempt($$ SELECT * FROM advfair_pgd('overflows', 'SELECT 1000 AS x, y FROM points', 0.1) $$);
SELECT attempt($$ SELECT * FROM advfair_class_robustness('overflows', 'points', '{1,100}') $$);
SELECT attempt($$ SELECT * FROM advfair_class_least_eps('overflows', 'SELECT 1000 AS x, y FROM points', 1) $$);
-- nothing that failed is still said to run
SELECT count(*) FROM advfair_progress;
DELETE FROM advfair_model;
DROP TABLE people, points, pixels;
DROP FUNCTION try_pgd, try_search, try_adv_train, attempt;
