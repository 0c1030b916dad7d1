-- Networks against arithmetic in SQL: what a model's weights give, and what one step of training does to them.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(28);

CREATE FUNCTION dense(w real[], b real[], x float8[]) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(s + b[o] ORDER BY o)
	FROM (SELECT o, sum(w[(o - 1) * cardinality(x) + i] * x[i]) AS s
		  FROM generate_series(1, cardinality(b)) o, generate_series(1, cardinality(x)) i GROUP BY o) d $$;
CREATE FUNCTION each_tanh(x float8[]) RETURNS float8[] LANGUAGE sql AS $$ SELECT array_agg(tanh(v) ORDER BY i) FROM unnest(x) WITH ORDINALITY u (v, i) $$;
CREATE FUNCTION each_relu(x float8[]) RETURNS float8[] LANGUAGE sql AS $$ SELECT array_agg(greatest(v, 0) ORDER BY i) FROM unnest(x) WITH ORDINALITY u (v, i) $$;
CREATE FUNCTION softmax(x float8[]) RETURNS float8[] LANGUAGE sql AS
	$$ SELECT array_agg(exp(v) / (SELECT sum(exp(u)) FROM unnest(x) u) ORDER BY i) FROM unnest(x) WITH ORDINALITY u (v, i) $$;
-- images are arrays in channel, row, column order
CREATE FUNCTION pixel(x float8[], h int, w int, c int, i int, j int) RETURNS float8 LANGUAGE sql AS
	$$ SELECT CASE WHEN i BETWEEN 1 AND h AND j BETWEEN 1 AND w THEN x[((c - 1) * h + i - 1) * w + j] ELSE 0 END $$;
CREATE FUNCTION conv(weight real[], b real[], size int, x float8[], c int, h int, w int) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(s + b[f] ORDER BY f, i, j)
	FROM (SELECT f, i, j, sum(weight[(((f - 1) * c + k - 1) * size + di) * size + dj + 1] *
							  pixel(x, h, w, k, i + di - (size - 1) / 2, j + dj - (size - 1) / 2)) AS s
		  FROM generate_series(1, cardinality(b)) f, generate_series(1, c) k, generate_series(1, h) i, generate_series(1, w) j,
			   generate_series(0, size - 1) di, generate_series(0, size - 1) dj GROUP BY f, i, j) p $$;
CREATE FUNCTION maxpool(size int, x float8[], c int, h int, w int) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(m ORDER BY k, i, j)
	FROM (SELECT k, (i - 1) / size AS i, (j - 1) / size AS j, max(pixel(x, h, w, k, i, j)) AS m
		  FROM generate_series(1, c) k, generate_series(1, h / size * size) i, generate_series(1, w / size * size) j
		  GROUP BY k, (i - 1) / size, (j - 1) / size) p $$;
CREATE FUNCTION parameters(model bytea, which text) RETURNS real[] LANGUAGE sql AS
	$$ SELECT weights FROM advfair_weights(model) WHERE layer || parameter = which $$;
CREATE FUNCTION distance(a float8[], b float8[]) RETURNS float8 LANGUAGE sql AS
	$$ SELECT CASE WHEN cardinality(a) = cardinality(b) THEN max(abs(u - v)) END FROM unnest(a, b) t (u, v) $$;
SELECT is(distance('{1,2}', '{1,4}'), 2::float8, 'distances are measured');

-- fully connected
CREATE TEMP TABLE mlp AS
SELECT advfair_build('{"arch":"dense 3, tanh, dense 2, relu","input_shape":[2],"classes":["a","b","c"]}',
	ARRAY(SELECT sin(i)::real FROM generate_series(1, 26) i)) AS m;
SELECT ok(max(distance(advfair_proba(m, ARRAY[x, y]::real[])::float8[],
	softmax(dense(parameters(m, '3weight'), parameters(m, '3bias'), each_relu(dense(parameters(m, '2weight'), parameters(m, '2bias'),
		each_tanh(dense(parameters(m, '1weight'), parameters(m, '1bias'), ARRAY[x, y])))))))) < 1e-6, 'dense, tanh, relu, softmax')
FROM mlp, generate_series(-2, 2) x, generate_series(-2, 2) y;
SELECT is(array_agg(layer || parameter || shape::text), '{"1weight{3,2}","1bias{3}","2weight{2,3}","2bias{2}","3weight{3,2}","3bias{3}"}',
		  'weights come in network order') FROM mlp, advfair_weights(m);
SELECT is((SELECT array_agg(v ORDER BY w.n, u.n) FROM mlp, advfair_weights(m) WITH ORDINALITY w (layer, parameter, shape, weights, n),
		unnest(weights) WITH ORDINALITY u (v, n)),
	ARRAY(SELECT sin(i)::real FROM generate_series(1, 26) i), 'and are those given');
-- large inputs neither overflow nor give NaN
SELECT is(advfair_proba(m, '{1e30,-1e30}'::real[]), '{1,0}', 'softmax of large values') FROM advfair_build('{"arch":"","input_shape":[2],"classes":["a","b"]}', '{1,0,0,1,0,0}') m;

CREATE TEMP TABLE huge AS
SELECT advfair_build('{"arch":"dense 2","input_shape":[2],"classes":["a","b"],"label":"y"}', '{3e38,3e38,3e38,3e38,0,0,3e38,3e38,3e38,3e38,0,0}') AS m;
SELECT throws_ok($$ SELECT advfair_proba(m, '{3e38,1}'::real[]) FROM huge $$, '22003', 'the output of the network is not finite');
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model) SELECT 'huge', 1, '{}', '', '{}', m FROM huge;
SELECT throws_ok($$ SELECT * FROM advfair_predict('huge', 'VALUES (''{0,0}''::real[]), (''{3e38,1}'')') $$, '42703', NULL, 'columns have names');
SELECT throws_ok($$ SELECT * FROM advfair_predict('huge', 'SELECT column1 AS x FROM (VALUES (''{0,0}''::real[]), (''{3e38,1}'')) v') $$, '22003',
				 'row 2: the output of the network is not finite');

-- convolutions: sizes that do not divide, a kernel larger than the image
CREATE TEMP TABLE cnn AS
SELECT advfair_build('{"arch":"conv 3x3, maxpool 2, relu, conv 2x3, dense 4, tanh","input_shape":[2,5,4],"classes":["a","b"]}',
	ARRAY(SELECT (sin(i * 1.7) / 2)::real FROM generate_series(1, 54 + 3 + 54 + 2 + 32 + 4 + 8 + 2) i)) AS m;
CREATE TEMP TABLE picture AS
SELECT i, decode(string_agg(lpad(to_hex((i * 37 + k * k * 11) % 256), 2, '0'), '' ORDER BY k), 'hex') AS image,
	   array_agg(((i * 37 + k * k * 11) % 256) / 255.0::float8 ORDER BY k) AS x
FROM generate_series(1, 5) i, generate_series(1, 40) k GROUP BY i;
SELECT is(array_agg(layer || parameter || shape::text),
		  '{"1weight{3,2,3,3}","1bias{3}","2weight{2,3,3,3}","2bias{2}","3weight{4,8}","3bias{4}","4weight{2,4}","4bias{2}"}', 'shapes of a CNN')
FROM cnn, advfair_weights(m);
CREATE TEMP TABLE by_hand AS
SELECT i, softmax(dense(parameters(m, '4weight'), parameters(m, '4bias'), each_tanh(dense(parameters(m, '3weight'), parameters(m, '3bias'),
		conv(parameters(m, '2weight'), parameters(m, '2bias'), 3, pooled, 3, 2, 2))))) AS proba
FROM cnn, picture, LATERAL (SELECT each_relu(maxpool(2, conv(parameters(m, '1weight'), parameters(m, '1bias'), 3, x, 2, 5, 4), 3, 5, 4)) AS pooled) p;
SELECT ok(max(distance(advfair_proba(m, image)::float8[], proba)) < 1e-5, 'conv, maxpool, flattening: bytes') FROM cnn, picture JOIN by_hand USING (i);
SELECT ok(max(distance(advfair_proba(m, x::real[])::float8[], proba)) < 1e-5, 'values between 0 and 1') FROM cnn, picture JOIN by_hand USING (i);
SELECT ok(max(distance(advfair_proba(m, picture)::float8[], proba)) < 1e-5, 'a row with the image in it') FROM cnn, picture JOIN by_hand USING (i);
SELECT ok(max(abs(advfair_confidence(m, image, 'b') - proba[2])) < 1e-5, 'confidence of one class') FROM cnn, picture JOIN by_hand USING (i);
SELECT is(array_agg(DISTINCT advfair_predict(m, image) = CASE WHEN proba[1] >= proba[2] THEN 'a' ELSE 'b' END), '{t}', 'the class')
FROM cnn, picture JOIN by_hand USING (i) WHERE abs(proba[1] - proba[2]) > 1e-4;

-- one full-batch step of softmax regression, from weights that a vanishing learning rate leaves where they started
CREATE TEMP TABLE few AS
SELECT i AS id, ARRAY[sin(i), cos(i * 2)]::real[] AS x, (ARRAY['p', 'q', 'r'])[1 + i * i / 2 % 3] AS y FROM generate_series(1, 30) i;
ALTER TABLE few ADD PRIMARY KEY (id);
CREATE FUNCTION step(settings jsonb) RETURNS real[] LANGUAGE sql AS $$
	SELECT array_agg(v ORDER BY w.n, u.n)
	FROM advfair_weights(advfair_fit('{"data":"few","label":"y","encoding":"ordinal","scale":false,"arch":"","epochs":1,"batch_size":100,"seed":4}' || settings))
			WITH ORDINALITY w (layer, parameter, shape, weights, n), unnest(weights) WITH ORDINALITY u (v, n) $$;
CREATE TEMP TABLE start AS SELECT step('{"optimizer":"sgd","learning_rate":1e-30}') AS w;
CREATE TEMP TABLE gradient AS
WITH p AS (
	SELECT id, x, array_position('{p,q,r}', y) AS y, softmax(dense(w[1:6], w[7:9], x::float8[])) AS f FROM few, start
), d AS (
	SELECT o, i, avg((f[o] - (y = o)::int) * CASE WHEN i <= 2 THEN x[i] ELSE 1 END) AS g FROM p, generate_series(1, 3) o, generate_series(1, 3) i GROUP BY o, i
)
SELECT array_agg(g ORDER BY i = 3, o, i) AS g FROM d;
CREATE FUNCTION moved(settings jsonb, expected text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	result float8;
BEGIN
	EXECUTE format('SELECT max(abs(new - (%s))) FROM start, gradient, unnest(step($1), w, g) WITH ORDINALITY u (new, w0, g0, i)', expected)
		INTO result USING settings;
	RETURN result;
END $$;
CREATE FUNCTION initial(init text, which text) RETURNS real[] LANGUAGE sql AS $$
	SELECT parameters(advfair_fit(jsonb_build_object('data', 'few', 'label', 'y', 'encoding', 'ordinal', 'scale', false, 'init', init,
		'arch', 'dense 1000', 'epochs', 1, 'optimizer', 'sgd', 'learning_rate', 1e-30)), which) $$;
SELECT ok(max(abs(v)) < bound AND max(v) > 0.99 * bound AND min(v) < -0.99 * bound AND abs(avg(v)) < 0.05 * bound AND
		  abs(stddev_pop(v) / (bound / sqrt(3)) - 1) < 0.05, init || ': uniform weights up to the bound')
FROM (VALUES ('glorot', sqrt(6 / 1002.0)), ('he', sqrt(6 / 2.0))) i (init, bound), unnest(initial(init, '1weight')) v GROUP BY init, bound;
SELECT ok(max(abs(v)) < 1e-25, 'no biases at first') FROM unnest(initial('glorot', '1bias')) v;
SELECT ok(max(abs(v)) > 0.01, 'there is a gradient') FROM gradient, unnest(g) v;
SELECT ok(moved('{"optimizer":"sgd","learning_rate":0.5,"momentum":0}', 'w0 - 0.5 * g0') < 1e-6, 'SGD follows the gradient');
SELECT ok(moved('{"optimizer":"sgd","learning_rate":0.5}', 'w0 - 0.5 * g0') < 1e-6, 'momentum starts from rest');
SELECT ok(moved('{"learning_rate":0.25}', 'w0 - 0.25 * g0 / (abs(g0) + 1e-8)') < 1e-5, 'Adam''s first step has the size of the learning rate');
SELECT ok(moved('{"optimizer":"sgd","learning_rate":0.5,"batch_size":30}', 'w0 - 0.5 * g0') < 1e-6, 'a batch of exactly the rows is the same');
SELECT ok(moved('{"optimizer":"sgd","learning_rate":0.5,"weight_decay":0.1}', 'w0 - 0.5 * (g0 + 0.1 * w0)') < 1e-6, 'weight decay is an L2 penalty');
SELECT ok(moved('{"optimizer":"adamw","learning_rate":0.25,"weight_decay":0.8}', '0.8 * w0 - 0.25 * g0 / (abs(g0) + 1e-8)') < 1e-5, 'AdamW''s takes a share of the weight, whatever the gradient');
-- oversampling weighs classes; each kind of example has its share of the gradient
SELECT ok(moved('{"optimizer":"sgd","learning_rate":0.5,"oversample":"balance"}', 'w0 - 0.5 * g0') > 1e-3, 'balanced classes give another gradient');

-- loss and accuracy are those before the step
SELECT is(version, 1, 'trained') FROM advfair_train('few', 'few', 'y', encoding => 'ordinal', scale => false, arch => '', epochs => 1, batch_size => 100,
	seed => 4, optimizer => 'sgd', learning_rate => 0.5);
SELECT ok(abs(loss - (SELECT avg(-ln(f[y])) FROM (SELECT array_position('{p,q,r}', y) AS y, softmax(dense(w[1:6], w[7:9], x::float8[])) AS f FROM few, start) p)) < 1e-6,
		  'loss is the mean cross-entropy of the examples as they were trained on') FROM advfair_curve;
SELECT is(accuracy, (SELECT avg((f[y] = (SELECT max(v) FROM unnest(f) v))::int)::float8
					 FROM (SELECT array_position('{p,q,r}', y) AS y, softmax(dense(w[1:6], w[7:9], x::float8[])) AS f FROM few, start) p),
		  'accuracy, too') FROM advfair_curve;
SELECT * FROM finish();
ROLLBACK;
