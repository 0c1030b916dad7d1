-- Conditions of advfair_retrain: every name that the log writes, of any length and unambiguous; what is wrong with one is said before the
-- training, what becomes of it afterwards costs no version.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(67);
SET LOCAL client_min_messages = warning;

-- Three flowers, on two sides; two classes whose names are alike for 66 bytes; an attribute and a value that could be another pair.
CREATE TABLE iris AS SELECT i AS id, i % 3 + (hashint4(i) & 255) / 500.0 AS petal, (hashint4(-i) & 255) / 256.0 AS sepal,
	(ARRAY['setosa', 'versicolor', 'virginica'])[1 + i % 3] AS kind, (ARRAY['left', 'right'])[1 + (hashint4(3 * i) & 1)] AS side
	FROM generate_series(1, 300) i;
CREATE TABLE long AS SELECT id, petal, sepal, side, CASE WHEN petal > 1.2 THEN repeat('long ', 13) || 'a' ELSE repeat('long ', 13) || 'b' END AS kind,
	CASE WHEN id % 3 = 0 THEN 'b_c' ELSE 'x' END AS a, CASE WHEN id % 5 = 0 THEN 'c' ELSE 'y' END AS a_b, CASE WHEN id % 4 = 0 THEN 'comma,' || side END AS "odd,one" FROM iris;
CREATE TABLE under AS SELECT id, petal, sepal, a, a_b, CASE WHEN petal > 1.7 THEN 'b_c' WHEN petal > 0.8 THEN 'c' ELSE 'd' END AS kind FROM long;
ALTER TABLE iris ADD PRIMARY KEY (id);
ALTER TABLE long ADD PRIMARY KEY (id);
ALTER TABLE under ADD PRIMARY KEY (id);
SELECT is(version, 1, 'trained: ' || model) FROM unnest('{iris,long,under}'::text[]) data, advfair_train(data, data, 'kind', '{petal,sepal}', arch => '', epochs => 5, learning_rate => 0.05);

-- every name of the log is a name of a condition, and means the value that was logged
CREATE FUNCTION said_again(model text, protected text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := model;
	first int := (SELECT version FROM advfair_retrain(model, 'cau >= 0', data => name, protected => protected, eps => 0.1, eps_max => 0.5, steps => 2));
	condition text;
BEGIN
	SELECT string_agg(format('abs(%1$I - %2$L::float8) < 1e-9 AND abs(old.%1$I - %2$L::float8) < 1e-9', metric, value), ' AND ') FROM advfair_metric_log l
		WHERE l.model = name AND version = first AND metric <> 'promoted' INTO condition;
	RETURN (SELECT CASE WHEN promoted THEN 'holds' ELSE reason END FROM advfair_retrain(model, condition, data => name, protected => protected, eps => 0.1, eps_max => 0.5, steps => 2));
END $$;
SELECT is(said_again('iris', '{side}'), 'holds', 'three classes: all metrics that are logged can be said again');
SELECT is(said_again('long', '{side,a,a_b,"odd,one"}'), 'holds', 'of any length, and whatever is in them');
SELECT is(said_again('under', '{a,a_b}'), 'holds', 'and those that could be others');
CREATE FUNCTION logged(model text, pattern text) RETURNS text[] LANGUAGE sql AS
	$$ SELECT array_agg(DISTINCT metric COLLATE "C") FROM advfair_metric_log l WHERE l.model = logged.model AND metric ~ pattern $$;
SELECT is(logged('iris', '^eou'), '{eou_side_setosa,eou_side_versicolor,eou_side_virginica}', 'EOU has a value for each of three classes');
SELECT is(logged('long', '^eou'), '{eou_a,eou_a_b,"eou_odd,one",eou_side}', 'and one for two');
SELECT is(logged('long', '^class_accuracy'), ARRAY['class_accuracy_' || repeat('long ', 13) || 'a', 'class_accuracy_' || repeat('long ', 13) || 'b'], 'names are logged whole');
SELECT is(logged('long', '^group_confidence.a'), '{"group_confidence(a,b_c)","group_confidence(a_b,c)",group_confidence_a_b_y,group_confidence_a_x}', 'those that would be two are spelt out');
SELECT is(logged('long', 'odd'), '{"attribute_missing_odd,one","demographic_parity_difference_odd,one","demographic_parity_ratio_odd,one","eou_odd,one","group_confidence_odd,one_comma,left","group_confidence_odd,one_comma,right","selection_rate_odd,one_comma,left","selection_rate_odd,one_comma,right"}', 'others are not');
SELECT is(logged('under', '^eou'), '{"eou(a,b_c)","eou(a_b,c)",eou_a_b_b_c,eou_a_b_d,eou_a_c,eou_a_d}', 'an attribute and a class may be taken for another pair, too');

-- other ways to say the same
SELECT is(promoted, true, c) FROM unnest(ARRAY[
	'"eou(side,setosa)" < 0.9', 'new."eou(side,setosa)" = eou_side_setosa AND old.eou_side_setosa = old."eou(side,setosa)"', 'eou_SIDE_Setosa < 0.9 AND eou_side_virginica < 0.9',
	'"class_accuracy(setosa)" = class_accuracy_setosa', '"group_confidence(side,setosa,left)" > 0', 'attribute_missing_side = 0 AND old.attribute_missing_side = 0']) c, advfair_retrain('iris', c, data => 'iris');
SELECT is(promoted, true, c) FROM unnest(ARRAY[
	format('%I >= 0 AND %I >= 0 AND %1$I <> %2$I', 'class_accuracy_' || repeat('long ', 13) || 'a', 'class_accuracy_' || repeat('long ', 13) || 'b'),
	'"attribute_missing_odd,one" > 0.7', '"attribute_missing(odd\,one)" > 0.7', '"group_confidence(odd\,one,comma\,left)" > 0', 'group_confidence_side_left > 0 -- eou_side_'  || repeat('long', 20),
	format('accuracy > 0 AND %L <> $$ %s $$ AND E''\'' %s'' <> '''' /* "%s" /* */ */', repeat('long', 20), repeat('"long"', 20), repeat('long', 20), repeat('long', 20))]) c,
	advfair_retrain('long', c, data => 'long');

-- what is not known, and why
SELECT is(promoted || ' ' || reason, 'false cau <= 0.05 is NULL: cau is NULL (fewer than two classes have rows)', 'one class') FROM advfair_retrain('iris', 'cau <= 0.05', data => 'SELECT * FROM iris WHERE kind = ''setosa''');
SELECT is(promoted || ' ' || reason, 'false cru_s <= 0.05 AND cru_eps < 1 is NULL: cru_s is NULL (fewer than two classes have rows), cru_eps is NULL (fewer than two classes have rows)', 'in robustness')
	FROM advfair_retrain('iris', 'cru_s <= 0.05 AND cru_eps < 1', data => 'SELECT * FROM iris WHERE kind = ''setosa''', eps => 0.1, eps_max => 0.5, steps => 1);
SELECT is(promoted || ' ' || reason, 'false cru_eps <= 0.05 is NULL: cru_eps is NULL (all rows withstood up to eps_max)', 'nothing broken')
	FROM advfair_retrain('iris', 'cru_eps <= 0.05', data => 'SELECT * FROM iris JOIN (SELECT id FROM advfair_predict(''iris'', ''iris'') WHERE label = prediction AND confidence > 0.6) sure USING (id)', eps_max => 1e-6, steps => 1);
SELECT is(promoted || ' ' || reason, 'false eou_side_setosa < 0.1 is NULL: eou_side_setosa is NULL (fewer than two values of the attribute have rows)', 'one group')
	FROM advfair_retrain('iris', 'eou_side_setosa < 0.1', data => 'SELECT * FROM iris WHERE side = ''left''');
SELECT is(promoted || ' ' || reason, 'false eou_side_setosa < 0.1 is NULL: eou_side_setosa is NULL (no row counts)', 'no group')
	FROM advfair_retrain('iris', 'eou_side_setosa < 0.1', data => 'SELECT id, petal, sepal, kind, NULL::text AS side FROM iris');
SELECT is(promoted || ' ' || reason, 'false class_accuracy_virginica > 0 is NULL: class_accuracy_virginica is NULL (no row counts)', 'a class without rows')
	FROM advfair_retrain('iris', 'class_accuracy_virginica > 0', data => 'SELECT * FROM iris WHERE kind <> ''virginica''');
SELECT is(promoted || ' ' || reason, 'false group_confidence_side_setosa_top > 0 is NULL: group_confidence_side_setosa_top is NULL (no row has this value)', 'a group without rows')
	FROM advfair_retrain('iris', 'group_confidence_side_setosa_top > 0', data => 'iris');
SELECT is(promoted || ' ' || reason, 'false group_confidence_a_b_c > 0 is NULL: group_confidence_a_b_c is NULL (it can mean "group_confidence(a,b_c)" or "group_confidence(a_b,c)")', 'two groups of one name')
	FROM advfair_retrain('long', 'group_confidence_a_b_c > 0', data => 'long');
SELECT is(promoted, true, 'a condition can say what to do then') FROM advfair_retrain('iris', 'cau <= 0.05 OR cau IS NULL', data => 'SELECT * FROM iris WHERE kind = ''setosa''');
SELECT is((SELECT count(*) FROM advfair_metric_log WHERE model = 'iris' AND metric = 'cau' AND value IS NULL), 3::bigint, 'the log knows it, too');

-- what fails
CREATE FUNCTION versions() RETURNS text LANGUAGE sql AS $$ SELECT count(*) || ' versions, newest promoted: ' || (array_agg(promoted_at IS NOT NULL ORDER BY version DESC))[1] FROM advfair_model WHERE name = 'iris' $$;
CREATE TEMP TABLE before AS SELECT count(*) AS n FROM advfair_model WHERE name = 'iris';
SELECT is(promoted || ' ' || regexp_replace(reason, '= [0-9.]+', '= #', 'g'), 'false accuracy / (cau - cau) > 1 fails (division by zero): accuracy = #, cau = #', 'a condition that fails does not hold')
	FROM advfair_retrain('iris', 'accuracy / (cau - cau) > 1', data => 'iris');
SELECT is(versions(), n + 1 || ' versions, newest promoted: false', 'and the version is kept') FROM before;
SELECT is((SELECT note LIKE 'accuracy / (cau - cau) > 1 fails (division by zero)%' FROM advfair_metric_log WHERE model = 'iris' AND metric = 'promoted' ORDER BY at DESC LIMIT 1), true, 'with the reason');
SELECT is(regexp_replace(reason, '[0-9.]+$', '#'), '(accuracy * 1e300) ^ 10 > 1 fails (value out of range: overflow): accuracy = #', 'overflow')
	FROM advfair_retrain('iris', '(accuracy * 1e300) ^ 10 > 1', data => 'iris');
SELECT is(promoted, true, 'the next one is as any other') FROM advfair_retrain('iris', 'accuracy > 0', data => 'iris');
SELECT is(current_setting('transaction_read_only'), 'off', 'and writes');

-- what is wrong is said before anything is trained
TRUNCATE before;
INSERT INTO before SELECT count(*) FROM advfair_model;
SELECT throws_ok(format('SELECT advfair_retrain(%s)', call), state, message, call) FROM (VALUES
	($$'iris', 'class_accuracy_stosa > 0', data => 'iris'$$, '22023', 'the model has no class "stosa"'),
	($$'iris', 'old.class_accuracy_stosa > 0', data => 'iris'$$, '22023', 'the model has no class "stosa"'),
	($$'iris', 'class_acuracy_setosa > 0', data => 'iris'$$, '22023', '"class_acuracy_setosa" is not a metric'),
	($$'iris', 'accuracy_setosa > 0', data => 'iris'$$, '22023', '"accuracy_setosa" is not a metric'),
	($$'iris', 'eou_side < 1', data => 'iris'$$, '22023', 'metric "eou_side" does not say of which class it is'),
	($$'iris', 'eou_side_stosa < 1', data => 'iris'$$, '22023', 'metric "eou_side_stosa" does not say of which class it is'),
	($$'iris', 'eou_top_setosa < 1', data => 'iris'$$, '42703', 'data "public.iris" have no column "top_setosa"'),
	($$'iris', 'group_confidence_side_left < 1', data => 'iris'$$, '22023', 'metric "group_confidence_side_left" does not say of which class it is'),
	($$'iris', 'attribute_missing_top < 1', data => 'iris'$$, '42703', 'data "public.iris" have no column "top"'),
	($$'long', 'group_confidence_side < 1', data => 'long'$$, '22023', 'metric "group_confidence_side" does not say of which value of attribute "side" it is'),
	($$'under', 'eou_a_b_c < 1', data => 'under'$$, '22023', 'metric "eou_a_b_c" has more than one meaning'),
	($$'long', format('%I > 0', 'class_accuracy_' || repeat('long ', 13) || 'c'), data => 'long'$$, '22023', 'the model has no class "' || repeat('long ', 13) || 'c"'),
	($$'long', 'class_accuracy_' || repeat('long', 20) || ' > 0', data => 'long'$$, '22023', 'the model has no class "' || repeat('long', 20) || '"'),
	($$'iris', 'accuracy > 0', data => 'iris', given => 'stosa'$$, '22023', 'the model has no class "stosa"'),
	($$'iris', 'cru_s < 1', data => 'iris', eps => 0.1, mutable => '{colour}'$$, '42703', 'mutable names column "colour", which the model does not have'),
	($$'iris', 'cru_s < 1', data => 'iris', eps => 0.1, clip_min => 1, clip_max => 0$$, '22023', 'task key "clip_min" is 1, but must not be greater than clip_max, 0'),
	($$'iris', 'accuracy > 0', data => 'SELECT * FROM iris WHERE false'$$, '22000', 'data "SELECT * FROM iris WHERE false" has no rows'),
	($$'iris', 'accuracy > 0', data => 'SELECT id, petal, sepal FROM iris'$$, '42703', 'data "SELECT id, petal, sepal FROM iris" have no column "kind"'),
	($$'iris', 'accuracy > 0', data => 'SELECT id, petal, kind FROM iris'$$, '42703', 'column "sepal" does not exist in data "SELECT id, petal, kind FROM iris"'),
	($$'iris', 'accuracy > 0', data => 'SELECT id, petal, NULL::float8 AS sepal, kind FROM iris'$$, '22004', 'row with id 1: column "sepal" is NULL'),
	($$'iris', 'max(accuracy) > 0', data => 'iris'$$, '22023', 'condition "max(accuracy) > 0" has an aggregate'),
	($$'iris', 'accuracy > generate_series(0, 1)', data => 'iris'$$, '22023', 'condition "accuracy > generate_series(0, 1)" has a function that returns a set'),
	($$'iris', 'rank() OVER () > 0', data => 'iris'$$, '22023', 'condition "rank() OVER () > 0" has a window function'),
	($$'iris', repeat('accuracy > 0 AND ', 100) || 'accuracy > random()', data => 'iris'$$, '22023', 'condition "' || left(repeat('accuracy > 0 AND ', 30), 400) || '..." has a volatile function'),
	($$'iris', 'accuracy > 1 / 0', data => 'iris'$$, '22012', 'division by zero')) v (call, state, message);
SELECT is(promoted, true, 'an attribute that is protected anyway is meant') FROM advfair_retrain('long', 'group_confidence_a_b_c > 0', data => 'long', protected => '{a_b}');
SELECT is(count(*), n + 1, 'nothing else was trained') FROM advfair_model, before GROUP BY n;
SELECT * FROM finish();
ROLLBACK;
