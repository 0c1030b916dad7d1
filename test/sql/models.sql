-- Models: versions, retraining, values, weights in and out.
CREATE TABLE people AS SELECT * FROM advfair_make_census(600, 2);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT t.model, t.version, t.epochs FROM generate_series(1, 3) s, advfair_train('m', 'people', 'income', epochs => 2 + s - s, seed => s) t;
-- one call, one version; a set of calls needs a reference to its row
SELECT t.version, m.task -> 'seed' AS seed, m.metrics -> 'rows' AS rows, (SELECT count(*) FROM advfair_curve c WHERE c.model_id = m.model_id) AS epochs
FROM advfair_model m, LATERAL (SELECT m.version) t ORDER BY 1;
SELECT advfair_get('m') = advfair_get('m@' || (SELECT max(version) FROM advfair_model)) AS newest;
SELECT jsonb_pretty(task) FROM advfair_model ORDER BY version LIMIT 1;

-- again on the same rows: the same bytes; on other rows: other bytes, another digest
SELECT (advfair_retrain('m@1')).version > 1 AS new_version;
SELECT count(DISTINCT sha256(model)) AS models, count(DISTINCT data_digest) AS digests FROM advfair_model WHERE task -> 'seed' = (SELECT task -> 'seed' FROM advfair_model WHERE version = 1);
SELECT version, advfair_fit(task - 'model') = model AS same_as_fit FROM advfair_model WHERE version = 1;
UPDATE people SET age = age + 1 WHERE person_id = 1;
SELECT (advfair_retrain('m@1')).version > 1 AS new_version;
SELECT count(DISTINCT sha256(model)) AS models, count(DISTINCT data_digest) AS digests FROM advfair_model WHERE task -> 'seed' = (SELECT task -> 'seed' FROM advfair_model WHERE version = 1);

-- settings that matter change the model, workers do not
SELECT key, advfair_fit('{"data":"people","label":"income","epochs":2}'::jsonb || jsonb_build_object(key, value)) <> advfair_fit('{"data":"people","label":"income","epochs":2}') AS differs
FROM (VALUES ('seed', '1'::jsonb), ('learning_rate', '0.01'), ('weight_decay', '0.1'), ('optimizer', '"sgd"'), ('init', '"he"'), ('epochs', '3'),
	('batch_size', '100'), ('encoding', '"minmax"'), ('oversample', '"balance"'), ('validation', '"0.2"'), ('scale', 'true'),
	('arch', '"dense 8, relu"'), ('exclude', '["race"]'), ('unseen', '"ignore"'), ('workers', '1'), ('workers', '3')) v (key, value);
SELECT advfair_fit('{"data":"people","label":"income","optimizer":"sgd","momentum":0}') <> advfair_fit('{"data":"people","label":"income","optimizer":"sgd"}') AS momentum_matters;

-- validation rows: a fraction is held out, a relation comes on top
SELECT version FROM advfair_train('v', 'people', 'income', epochs => 3, validation => '0.25');
SELECT version FROM advfair_train('w', 'people', 'income', epochs => 3, validation => 'SELECT * FROM advfair_make_census(100, 3)');
SELECT name, epoch, validation_loss > 0 AS loss, validation_accuracy BETWEEN 0.2 AND 1 AS accuracy FROM advfair_curve JOIN advfair_model USING (model_id) WHERE name IN ('v', 'w') ORDER BY 1, 2;
SELECT name, metrics -> 'rows' AS rows, (metrics -> 'examples')::int BETWEEN 400 AND 500 AS held_out FROM advfair_model WHERE name IN ('v', 'w') ORDER BY 1;
-- and nothing is fitted on what is held out
SELECT abs((c -> 'shift' ->> 0)::float8 - avg(p.age)) > 1e-6 AS not_all_rows
FROM advfair_describe(advfair_get('v')) d, jsonb_array_elements(d -> 'encoder' -> 'columns') c, people p WHERE c ->> 'name' = 'age' GROUP BY c;
-- what the curve says is what prediction gives
SELECT abs(c.validation_accuracy - (SELECT avg((label = prediction)::int) FROM advfair_predict('w', 'SELECT * FROM advfair_make_census(100, 3)'))) < 1e-9 AS same
FROM advfair_curve c JOIN advfair_model USING (model_id) WHERE name = 'w' AND epoch = 3;

-- a model taken apart and put together again is the same
CREATE FUNCTION rebuilt(m bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT advfair_build(advfair_describe(m), (SELECT array_agg(x ORDER BY w.n, u.n) FROM advfair_weights(m) WITH ORDINALITY w (l, p, s, weights, n),
		unnest(w.weights) WITH ORDINALITY u (x, n))) $$;
SELECT rebuilt(advfair_get('m')) = advfair_get('m') AS mlp, rebuilt(m) = m AS scaled
FROM advfair_fit('{"data":"people","label":"income","encoding":"ordinal","epochs":1}') m;
SELECT rebuilt(m) = m AS cnn FROM advfair_fit(jsonb_build_object('data', 'SELECT i % 3 AS y, decode(repeat(lpad(to_hex(i), 2, ''0''), 24), ''hex'') AS image FROM generate_series(1, 50) i',
	'label', 'y', 'input_shape', '[2,4,3]'::jsonb, 'arch', 'conv 3x3, maxpool 2, relu, dense 4', 'epochs', 1)) m;
-- weights of one's own: softmax of (1 x + 2 y + 0.5, 3 x + 4 y - 0.5)
SELECT p, round(p[1]::numeric, 5) = round((1 / (1 + exp(2 * 0.25 + 2 * 0.5 - 1)))::numeric, 5) AS as_by_hand
FROM advfair_proba(advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,0.5,-0.5}'), '{0.25,0.5}'::real[]) p;
SELECT advfair_predict(m, r) AS row, advfair_predict(m, '{1,1}'::real[]) AS array, advfair_confidence(m, '{0,0}'::real[], 'a') AS even
FROM advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,0,0,1,0,0}') m, (SELECT '{1,2}'::real[] AS x) r;
SELECT jsonb_pretty(advfair_describe(advfair_build('{"arch":"dense 2, tanh","input_shape":[2],"classes":["no","yes"]}', array_fill(0.5::real, '{12}'))));

DROP FUNCTION rebuilt;
DROP TABLE people;
DELETE FROM advfair_model;
