-- What trainings record: examples, curves, metrics, the complete task; what they learn; what failed ones leave behind.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(41);
CREATE TABLE people AS SELECT * FROM advfair_make_census(600, 3);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE FUNCTION metric(which text, key text) RETURNS float8 LANGUAGE sql AS
	$$ SELECT (metrics ->> key)::float8 FROM advfair_model WHERE name = which ORDER BY version DESC LIMIT 1 $$;

-- learning
CREATE TABLE xor AS SELECT i AS id, sign(sin(i * 12.9)) * (0.5 + i % 7 / 7.0) AS a, sign(sin(i * 78.2)) * (0.5 + i % 5 / 5.0) AS b FROM generate_series(1, 400) i;
SELECT ok(accuracy > 0.99 AND loss < 0.1, 'XOR is learnt') FROM advfair_train('xor', 'SELECT *, CASE WHEN a * b > 0 THEN ''same'' ELSE ''different'' END AS y FROM xor', 'y',
	id => 'id', arch => 'dense 16, tanh', learning_rate => 0.02, batch_size => 20, epochs => 30);
SELECT ok(accuracy < 0.75, 'but not without a hidden layer') FROM advfair_train('xor', 'SELECT *, CASE WHEN a * b > 0 THEN ''same'' ELSE ''different'' END AS y FROM xor', 'y',
	id => 'id', arch => '', learning_rate => 0.02, batch_size => 20, epochs => 30);
SELECT ok(c.loss < 0.8 * (SELECT loss FROM advfair_curve WHERE model_id = m.model_id AND epoch = 1), 'the curve falls')
FROM advfair_curve c JOIN advfair_model m USING (model_id) WHERE name = 'xor' AND version = 1 AND epoch = 30;

-- the row returned, the curve, the metrics
CREATE TEMP TABLE made AS SELECT * FROM advfair_train('m', 'people', 'income', epochs => 4, validation => '0.25', seed => 11);
SELECT is(array_agg(epoch ORDER BY epoch), '{1,2,3,4}', 'an epoch, a row') FROM advfair_curve JOIN advfair_model USING (model_id) WHERE name = 'm';
SELECT is(made.loss::text || made.accuracy, c.loss::text || c.accuracy, 'the row returned tells about the last one')
FROM made, advfair_curve c JOIN advfair_model USING (model_id) WHERE name = 'm' AND epoch = 4;
SELECT is(metrics - '{seconds,read_seconds,workers,rows,examples}'::text[],
		  jsonb_build_object('loss', c.loss, 'accuracy', c.accuracy, 'validation_loss', c.validation_loss, 'validation_accuracy', c.validation_accuracy), 'as do the metrics')
FROM advfair_curve c JOIN advfair_model USING (model_id) WHERE name = 'm' AND epoch = 4;
SELECT ok(made.seconds > 0 AND metric('m', 'seconds') >= metric('m', 'read_seconds') AND metric('m', 'workers') >= 1, 'time and workers') FROM made;
SELECT is(metric('m', 'rows'), 600::float8, 'rows are all that were read');
SELECT ok(metric('m', 'examples') BETWEEN 410 AND 490, 'examples are those not held out');
SELECT is(version, 1, 'without validation') FROM advfair_train('n', 'people', 'income', epochs => 1);
SELECT is(metric('n', 'validation_loss'), NULL, 'no validation_loss');
SELECT ok(bool_and(validation_loss IS NULL AND validation_accuracy IS NULL), 'nor in the curve') FROM advfair_curve JOIN advfair_model USING (model_id) WHERE name = 'n';
SELECT is(created_at, now(), 'created at the start of the transaction') FROM advfair_model WHERE name = 'm';

-- the task is complete, and gives the same model again
SELECT is(task - 'id', '{"kind":"train","model":"m","data":"public.people","label":"income","arch":"dense 64, tanh, dense 64, tanh, dense 64, tanh, dense 64, tanh",
	"encoding":"standard","scale":false,"missing":"error","unseen":"error","optimizer":"adam","learning_rate":0.001,"momentum":0.9,"weight_decay":0,"init":"glorot",
	"epochs":4,"batch_size":250,"validation":"0.25","seed":11,"workers":0}', 'defaults are filled in') FROM advfair_model WHERE name = 'm';
SELECT is(advfair_fit(task - 'model'), model, 'advfair_fit of the stored task: the same bytes') FROM advfair_model WHERE name = 'm';
SELECT is((advfair_run(task)).version, 2, 'advfair_run of it: the next version') FROM advfair_model WHERE name = 'm';
SELECT is(count(DISTINCT model), 1::bigint, 'with the same bytes') FROM advfair_model WHERE name = 'm';

-- validation rows are left out of training: fraction and complement by hand
SELECT is(version, 1, 'validation from a relation') FROM advfair_train('v', 'people', 'income', epochs => 2, validation => 'SELECT * FROM advfair_make_census(150, 9)');
SELECT ok(abs(validation_accuracy - (SELECT avg((label = prediction)::int) FROM advfair_predict('v', 'SELECT * FROM advfair_make_census(150, 9)'))) < 1e-9 AND
		  abs(validation_loss - (SELECT avg(-ln(advfair_confidence(m.model, p, p.income))) FROM advfair_make_census(150, 9) p)) < 1e-5,
		  'is the loss and accuracy of the model after the epoch')
FROM advfair_curve JOIN advfair_model m USING (model_id) WHERE name = 'v' AND epoch = 2;
SELECT is(metric('v', 'examples'), 600::float8, 'and takes nothing away');
CREATE TEMP TABLE fractions AS
SELECT f, (advfair_train('f' || f, 'people', 'income', epochs => 1, arch => '', validation => f::text)).version FROM unnest('{0.1,0.5,0.9}'::float8[]) f;
SELECT ok(abs(metric('f' || f, 'examples') - 600 * (1 - f)) < 60, 'a fraction of ' || f) FROM fractions;

-- oversampling, exactly
CREATE TABLE classes AS SELECT i AS id, i::float8 AS x, CASE WHEN i <= 5 THEN 'few' WHEN i <= 20 THEN 'some' ELSE 'most' END AS y FROM generate_series(1, 100) i;
CREATE TEMP TABLE oversampled AS
SELECT o, examples, (advfair_train('o ' || o, 'classes', 'y', id => 'id', arch => '', epochs => 1, oversample => o)).version
FROM (VALUES ('balance', 240), ('x1', 100), ('x2', 120), ('x10', 280)) v (o, examples);
SELECT is(metric('o ' || o, 'examples'), examples::float8, o) FROM oversampled;
SELECT isnt(a.model, b.model, 'which rows are repeated depends on the seed') FROM
	(SELECT advfair_fit('{"data":"SELECT * FROM classes WHERE id < 93","label":"y","id":"id","arch":"","epochs":1,"oversample":"balance","optimizer":"sgd","batch_size":1000,"learning_rate":1e-3}') AS model) a,
	(SELECT advfair_fit('{"data":"SELECT * FROM classes WHERE id < 93","label":"y","id":"id","arch":"","epochs":1,"oversample":"balance","optimizer":"sgd","batch_size":1000,"learning_rate":1e-3,"seed":1}') AS model) b;

-- missing values: left out, counted, and so again in prediction
CREATE TABLE holes AS SELECT person_id AS id, NULLIF(age, 30) AS age, CASE WHEN person_id > 10 THEN hours END AS hours, income FROM people;
SET LOCAL client_min_messages = warning;
SELECT throws_ok($$ SELECT advfair_train('holes', 'holes', 'income', id => 'id', epochs => 1) $$, '22004', NULL, 'a NULL is an error');
SELECT is(version, 1, 'unless it is dropped') FROM advfair_train('holes', 'holes', 'income', id => 'id', missing => 'drop', epochs => 1);
SELECT is(metric('holes', 'rows'), (SELECT count(*)::float8 FROM holes WHERE age IS NOT NULL AND hours IS NOT NULL), 'rows without any NULL remain');
SELECT set_eq($$ SELECT id FROM advfair_predict('holes', 'holes') $$, $$ SELECT id::bigint FROM holes WHERE age IS NOT NULL AND hours IS NOT NULL $$, 'in prediction, too');
SELECT is(sum(n), metric('holes', 'rows')::numeric, 'and in scores') FROM advfair_class_accuracy('holes', 'holes');

SELECT is(version, 1, 'a NULL in an array is missing, too') FROM advfair_train('arrays', 'SELECT CASE WHEN id % 5 = 0 THEN ARRAY[1, NULL] ELSE ARRAY[x, 1] END AS x, y FROM classes', 'y',
	missing => 'drop', epochs => 1);
SELECT is(metric('arrays', 'rows'), 80::float8, 'and left out');

-- failure leaves nothing
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM advfair_model) AS models, (SELECT count(*) FROM advfair_curve) AS epochs;
SELECT throws_ok($$ SELECT advfair_train('bad', 'people', 'income', optimizer => 'sgd', learning_rate => 1e6, weight_decay => 1e6, batch_size => 10) $$, '22003', NULL,
				 'a training that diverges');
SELECT throws_ok($$ SELECT advfair_train('bad', 'SELECT 1 / (person_id - 600) AS x, income FROM people', 'income') $$, '22012', NULL, 'a query that fails late');
SELECT is((SELECT count(*) FROM advfair_model), models, 'leaves no model') FROM before;
SELECT is((SELECT count(*) FROM advfair_curve), epochs, 'and no curve') FROM before;
SELECT is((SELECT count(*) FROM advfair_progress), 0::bigint, 'and no progress');
DELETE FROM advfair_model;
SELECT is((SELECT count(*) FROM advfair_curve), 0::bigint, 'a model''s curve goes with it');
SELECT * FROM finish();
ROLLBACK;
