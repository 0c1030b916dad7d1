-- Kinds of layers against arithmetic in SQL, and on their way through models, trainings and attacks.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(22);

CREATE FUNCTION distance(a float8[], b float8[]) RETURNS float8 LANGUAGE sql AS
	$$ SELECT CASE WHEN cardinality(a) = cardinality(b) THEN max(abs(u - v)) END FROM unnest(a, b) t (u, v) $$;
-- a network of one layer between the inputs and the identity, whose logits are known up to what they have in common: their differences are tested
CREATE FUNCTION through(arch text, x real[]) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(ln(p) - ln(proba[1]) ORDER BY i)
	FROM advfair_proba(advfair_build(jsonb_build_object('arch', arch, 'input_shape', jsonb_build_array(cardinality(x)), 'classes', ARRAY['a', 'b', 'c']),
		'{1,0,0,0,1,0,0,0,1,0,0,0}'), x) proba, unnest(proba) WITH ORDINALITY u (p, i) $$;
CREATE FUNCTION relative(x float8[]) RETURNS float8[] LANGUAGE sql AS $$ SELECT array_agg(v - x[1] ORDER BY i) FROM unnest(x) WITH ORDINALITY u (v, i) $$;
-- P(X <= x) for a standard normal X, by its series
CREATE FUNCTION normal(x float8) RETURNS float8 LANGUAGE sql AS $$
	SELECT 0.5 + sum((-1) ^ n * x ^ (2 * n + 1) / (2 ^ n * factorial(n)::float8 * (2 * n + 1))) / sqrt(2 * pi()) FROM generate_series(0, 50) n $$;
CREATE TEMP TABLE points AS SELECT ARRAY[x, y, -0.3]::real[] AS x FROM generate_series(-2.5, 2.5, 0.5) x, generate_series(-2, 2) y;
SELECT ok(max(distance(through('', x), relative(x))) < 1e-5, 'the identity') FROM points;
SELECT ok(max(distance(through('leaky_relu 0.25', x), relative(ARRAY(SELECT CASE WHEN v < 0 THEN 0.25 * v ELSE v END FROM unnest(x) v)))) < 1e-5, 'leaky_relu')
FROM points;
SELECT ok(max(distance(through('sigmoid', x), relative(ARRAY(SELECT 1 / (1 + exp(-v::float8)) FROM unnest(x) v)))) < 1e-5, 'sigmoid') FROM points;
SELECT ok(max(distance(through('gelu', x), relative(ARRAY(SELECT v * normal(v) FROM unnest(x) v)))) < 1e-5, 'gelu') FROM points;
SELECT ok(max(distance(through('dropout 0.9', x), relative(x))) < 1e-5, 'dropout is off') FROM points;

-- pooling: channels are means of windows, 3 x 5 in windows of 2 x 2 are 1 x 2
CREATE FUNCTION pooled(arch text, channels int) RETURNS float8[] LANGUAGE sql AS $$
	SELECT array_agg(ln(p) - ln(proba[1]) ORDER BY i)
	FROM advfair_proba(advfair_build(jsonb_build_object('arch', arch, 'input_shape', '[2,3,5]'::jsonb, 'classes', (SELECT jsonb_agg('c' || c) FROM generate_series(1, channels) c)),
		(SELECT array_agg((i = j)::int::real ORDER BY i > channels, i, j) FROM generate_series(1, channels) i, generate_series(1, channels) j) || array_fill(0::real, ARRAY[channels])),
		ARRAY(SELECT sin(k)::real FROM generate_series(1, 30) k)) proba, unnest(proba) WITH ORDINALITY u (p, i) $$;
CREATE FUNCTION pixel(c int, i int, j int) RETURNS float8 LANGUAGE sql AS $$ SELECT sin((c * 3 + i) * 5 + j + 1) $$;
SELECT ok(distance(pooled('avgpool 2', 4), relative(ARRAY(
	SELECT (SELECT avg(pixel(c, i, j)) FROM generate_series(0, 1) i, generate_series(2 * w, 2 * w + 1) j) FROM generate_series(0, 1) c, generate_series(0, 1) w ORDER BY c, w))) < 1e-5,
	'avgpool');
SELECT ok(distance(pooled('globalpool', 2), relative(ARRAY(
	SELECT (SELECT avg(pixel(c, i, j)) FROM generate_series(0, 2) i, generate_series(0, 4) j) FROM generate_series(0, 1) c ORDER BY c))) < 1e-5, 'globalpool');

-- all kinds at once
CREATE TEMP TABLE picture AS
SELECT i AS id, (i % 2)::text AS label, decode(string_agg(lpad(to_hex((i % 2 * 60 + i * 37 + k * k * 11) % 256), 2, '0'), '' ORDER BY k), 'hex') AS image
FROM generate_series(1, 60) i, generate_series(1, 2 * 7 * 9) k GROUP BY i;
ALTER TABLE picture ADD PRIMARY KEY (id);
CREATE FUNCTION all_kinds(p text) RETURNS text LANGUAGE sql AS $$
	SELECT 'conv 5x3, batchnorm, leaky_relu 0.1, avgpool 2, dropout 0.2, conv 4x3 stride 2, gelu, maxpool 2 stride 1, residual(conv 3x1, relu, residual(conv 3x3)), globalpool, dense 6, batchnorm, sigmoid, dropout '
		|| p || ', dense 4, relu, dense 5, tanh' $$;
CREATE FUNCTION training(changes jsonb DEFAULT '{}') RETURNS bytea LANGUAGE sql AS $$
	SELECT advfair_fit('{"data":"picture","label":"label","input_shape":[2,7,9],"epochs":3,"batch_size":20,"seed":4}'
		|| jsonb_build_object('arch', all_kinds('0.1')) || changes) $$;
CREATE TEMP TABLE model AS SELECT training() AS m;
SELECT is(advfair_describe(m) ->> 'arch', all_kinds('0.1'), 'described as written') FROM model;
SELECT is(array_agg(layer || parameter || shape::text),
	'{"1weight{5,2,3,3}","1bias{5}","2weight{5}","2bias{5}","2running_mean{5}","2running_var{5}","3weight{4,5,3,3}","3bias{4}","4weight{3,4,1,1}","4bias{3}",'
	'"5weight{3,3,3,3}","5bias{3}","6weight{3,4,1,1}","6bias{3}",'
	'"7weight{6,3}","7bias{6}","8weight{6}","8bias{6}","8running_mean{6}","8running_var{6}","9weight{4,6}","9bias{4}","10weight{5,4}","10bias{5}","11weight{2,5}","11bias{2}"}',
	'layers without parameters are not counted') FROM model, advfair_weights(m);
CREATE TEMP TABLE built AS
SELECT advfair_build(advfair_describe(m), (SELECT array_agg(v ORDER BY w.n, u.n) FROM advfair_weights(m) WITH ORDINALITY w (layer, parameter, shape, weights, n),
	unnest(weights) WITH ORDINALITY u (v, n))) AS b FROM model;
SELECT is(b, m, 'built from description and weights: the same bytes') FROM built, model;
SELECT is(array_agg(DISTINCT advfair_proba(m, p) = advfair_proba(b, image)), '{t}', 'the same probabilities') FROM model, built, picture p;
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model) SELECT 'm', 1, '{}', '', '{}', m FROM model;
SELECT is(md5(advfair_get('m')), md5(m), 'got as stored') FROM model;
SELECT is(count(*) FILTER (WHERE p.prediction = advfair_predict(m, image)), 60::bigint, 'workers and rows predict alike')
FROM model, picture, advfair_predict('m', 'picture', id => 'id') p WHERE p.id = picture.id;

-- trainings
SELECT is(md5(training()), md5(m), 'the same seed drops the same') FROM model;
SELECT isnt(md5(training('{"seed":5}')), md5(m), 'another one does not') FROM model;
SET LOCAL advfair.max_workers = 1;
SELECT is(md5(training()), md5(m), 'one worker drops the same, too') FROM model;
SET LOCAL advfair.max_workers = 2;
SELECT isnt(md5(training(jsonb_build_object('arch', all_kinds('0.2')))),
	md5(m), 'another probability is another network') FROM model;
SELECT is(md5(training(t)), md5(training(t)), t ->> 'method' || ': the same bytes again')
FROM (VALUES ('{"kind":"adv_train","method":"trades","eps":0.02,"steps":2}'::jsonb), ('{"kind":"adv_train","method":"mart","eps":0.02,"steps":2}')) v (t);
SELECT ok(bool_and(v <> 0 AND (parameter = 'running_mean' OR v > 0 AND v <> 1)), 'running statistics have moved')
FROM model, advfair_weights(m) w, unnest(weights) v WHERE parameter LIKE 'running%';
SELECT ok(count(*) = 60 AND bool_and(linf <= 0.05001), 'attacked') FROM advfair_pgd('m', 'picture', 0.05, id => 'id', steps => 3);
SELECT throws_ok($$ SELECT advfair_build('{"arch":"dropout 1","input_shape":[2],"classes":["a","b"]}', '{1,2,3,4,5,6}') $$, '22023',
	'probability of dropout in arch string must be less than 1');
SELECT * FROM finish();
ROLLBACK;
