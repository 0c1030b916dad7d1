-- Every type a column may have, every kind of relation, every form of query.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN percent AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN name_like AS varchar(10);
CREATE TABLE wide (
	id int PRIMARY KEY, i2 smallint, i4 int, i8 bigint, f4 real, f8 float8, n numeric, b boolean, p percent,
	t text, v varchar(5), c char(4), e mood, d name_like, a4 real[], a8 float8[], ai int[], gone int,
	y mood
);
ALTER TABLE wide DROP COLUMN gone;
INSERT INTO wide
SELECT i, i % 7, i + (i = 298)::int, (i + (i = 298)::int) * 1000000000::bigint, i / 3.0, sqrt(i), i / 7.0, i % 2 = 0, i % 100, 't' || i % 3, 'v' || i % 2, 'c' || i % 2,
	   (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood, 'd' || i % 4, ARRAY[i, 1], ARRAY[i, 2.5], ARRAY[i % 5, i % 3, 7],
	   CASE WHEN i % 3 = 2 THEN 'happy' WHEN i % 3 = 1 THEN 'sad' ELSE 'ok' END::mood
FROM generate_series(1, 300) i;
SELECT model, version, accuracy > 0.9 AS learned FROM advfair_train('wide', 'wide', 'y', arch => 'dense 16, relu', epochs => 40, batch_size => 20);

-- classes follow the enum's order, not the alphabet; the id is no feature
SELECT d ->> 'label' AS label, d -> 'classes' AS classes, d -> 'input_shape' AS inputs, d ->> 'arch' AS arch
FROM advfair_describe(advfair_get('wide')) d;
SELECT c ->> 'name' AS name, c ->> 'kind' AS kind, c -> 'length' AS length, c -> 'values' AS values
FROM advfair_describe(advfair_get('wide')) d, jsonb_array_elements(d -> 'encoder' -> 'columns') c;

-- numbers are standardised by the mean and the population's standard deviation; a constant keeps factor 1
SELECT abs((c -> 'shift' ->> 0)::float8 - s.mean) < 1e-9 * s.sd AS mean, abs((c -> 'factor' ->> 0)::float8 * s.sd - 1) < 1e-9 AS sd
FROM advfair_describe(advfair_get('wide')) d, jsonb_array_elements(d -> 'encoder' -> 'columns') c,
	 (SELECT avg(i8)::float8 AS mean, stddev_pop(i8)::float8 AS sd FROM wide) s
WHERE c ->> 'name' = 'i8';
SELECT c -> 'shift' -> 2 AS shift, c -> 'factor' -> 2 AS factor
FROM advfair_describe(advfair_get('wide')) d, jsonb_array_elements(d -> 'encoder' -> 'columns') c WHERE c ->> 'name' = 'ai';

-- the other encodings
CREATE FUNCTION fitted(encoding text, col text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT c FROM advfair_describe(advfair_fit(jsonb_build_object('data', 'wide', 'label', 'y', 'encoding', encoding,
		'features', '["i4", "t"]'::jsonb, 'epochs', 1))) d, jsonb_array_elements(d -> 'encoder' -> 'columns') c
	WHERE c ->> 'name' = col $$;
SELECT fitted('minmax', 'i4'), fitted('minmax', 't');
SELECT fitted('ordinal', 'i4'), fitted('ordinal', 't');
-- ordinal comes with a scaling layer inside the network unless one says no
SELECT encoding, scale, d -> 'scale' AS scaled, d -> 'input_shape' -> 0 AS inputs
FROM (VALUES ('ordinal', NULL), ('ordinal', 'false'::jsonb), ('standard', NULL), ('standard', 'true')) v (encoding, scale),
	 advfair_describe(advfair_fit(jsonb_build_object('data', 'wide', 'label', 'y', 'encoding', encoding, 'scale', scale,
		'features', '["i4", "t"]'::jsonb, 'epochs', 1))) d;
SELECT layer, parameter, shape,
	   abs(weights[1] - CASE parameter WHEN 'shift' THEN s.mean ELSE 1 / s.sd END) < 1e-4 * CASE parameter WHEN 'shift' THEN s.sd ELSE 1 / s.sd END AS fitted
FROM advfair_weights(advfair_fit('{"data":"wide","label":"y","encoding":"ordinal","features":["i4","t"],"epochs":1}')) w,
	 (SELECT avg(i4)::float8 AS mean, stddev_pop(i4)::float8 AS sd FROM wide) s
WHERE layer = 1;

-- one row at a time and all together agree, whatever the types
SELECT count(*), bool_and(p.prediction = advfair_predict(m.model, w)) AS same_class,
	   max(abs(p.confidence - advfair_confidence(m.model, w, p.prediction))) < 1e-5 AS same_confidence,
	   max(abs((SELECT sum(x) FROM unnest(p.probabilities) x) - 1)) < 1e-5 AS sums_to_one
FROM advfair_predict('wide', 'wide', key => NULL::int) p JOIN wide w USING (id), advfair_model m WHERE m.name = 'wide';

-- relations of all kinds give the same model
CREATE VIEW wide_view AS SELECT * FROM wide;
CREATE MATERIALIZED VIEW wide_mat AS SELECT * FROM wide;
CREATE TEMP TABLE wide_temp AS SELECT * FROM wide;
CREATE TABLE wide_part (LIKE wide) PARTITION BY RANGE (id);
CREATE TABLE wide_part1 PARTITION OF wide_part FOR VALUES FROM (0) TO (100);
CREATE TABLE wide_part2 PARTITION OF wide_part FOR VALUES FROM (100) TO (1000);
INSERT INTO wide_part SELECT * FROM wide ORDER BY random();
CREATE TABLE "Odd ""name" AS SELECT * FROM wide ORDER BY id DESC;
CREATE FUNCTION fit(data text) RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(advfair_fit(jsonb_build_object('data', data, 'label', 'y', 'id', 'id', 'epochs', 2, 'seed', 3))), 'hex') $$;
SELECT data, fit(data) = fit('wide') AS same_model
FROM unnest(ARRAY['wide_view', 'wide_mat', 'wide_temp', 'pg_temp.wide_temp', 'wide_part', '"Odd ""name"', 'public.wide',
	'SELECT * FROM wide', '  select * from wide;  ', '(SELECT * FROM wide)', 'TABLE wide', 'WITH w AS (SELECT * FROM wide) SELECT * FROM w',
	'SELECT * FROM wide -- all', '/* all */ SELECT * FROM wide ORDER BY random()', 'SELECT * FROM wide WHERE id < 0 UNION ALL TABLE wide']) data;
SELECT fit('SELECT * FROM wide WHERE id > 1') = fit('wide') AS same_model;
-- without a key the content decides, not the order
SELECT advfair_fit('{"data":"SELECT i4, t, y FROM wide ORDER BY id","label":"y","epochs":2}') =
	   advfair_fit('{"data":"SELECT i4, t, y FROM wide ORDER BY random()","label":"y","epochs":2}') AS same_model;
SELECT version FROM advfair_train('values', 'VALUES (1, ''a''), (2, ''b''), (3, ''a'')', 'column2', epochs => 1);
-- uncommitted rows are seen
BEGIN;
DELETE FROM wide WHERE id > 100;
SELECT count(*) FROM advfair_predict('wide', 'wide');
ROLLBACK;

-- missing and unseen values
CREATE TABLE holes AS SELECT id, CASE WHEN id % 10 > 0 THEN i4 END AS i4, t, y FROM wide;
SELECT version FROM advfair_train('holes', 'holes', 'y', id => 'id', epochs => 1, missing => 'drop', unseen => 'ignore');
SELECT metrics -> 'rows' AS rows FROM advfair_model WHERE name = 'holes';
SELECT count(*) FROM advfair_predict('holes', 'holes');
SELECT count(*) FROM advfair_predict('holes', 'SELECT 1 AS i4, ''never seen'' AS t');
SELECT advfair_predict(advfair_get('holes'), h) IS NOT NULL AS predicted FROM (SELECT 1 AS i4, 'never seen' AS t) h;

-- oversampling: examples are counted exactly
CREATE TABLE rare AS SELECT i AS id, i / 2 AS x, CASE WHEN i % 10 = 0 THEN 'rare' WHEN i % 10 < 4 THEN 'some' ELSE 'most' END AS y FROM generate_series(1, 100) i;
SELECT t.model, t.version FROM unnest(ARRAY['no', 'balance', 'x2']) o,
	advfair_train('rare ' || o, 'rare', 'y', id => 'id', epochs => 1, oversample => NULLIF(o, 'no')) t;
SELECT name, metrics -> 'rows' AS rows, metrics -> 'examples' AS examples FROM advfair_model WHERE name LIKE 'rare%' ORDER BY 1;

-- images
CREATE TABLE pictures AS
SELECT i AS id, i % 10 AS y, decode(repeat(lpad(to_hex(i % 10 * 25), 2, '0'), 48), 'hex') AS image FROM generate_series(1, 400) i;
SELECT version, accuracy > 0.5 AS learned FROM advfair_train('pictures', 'pictures', 'y', id => 'id', input_shape => '{3,4,4}',
	arch => 'conv 8x3, relu, maxpool 2, dense 32, tanh', epochs => 40, batch_size => 20, learning_rate => 0.01);
SELECT d -> 'classes' AS classes, d -> 'encoder' -> 'columns' AS columns FROM advfair_describe(advfair_get('pictures')) d;
SELECT count(*), bool_and(p.prediction = advfair_predict(m.model, w.image) AND p.prediction = advfair_predict(m.model, w)) AS same_class,
	   max(abs(p.confidence - advfair_confidence(m.model, w.image, p.prediction))) < 1e-5 AS same_confidence,
	   max(abs(p.confidence - (advfair_proba(m.model, array_fill((get_byte(w.image, 0) / 255.0)::real, '{48}')))[p.prediction::int + 1])) < 1e-5 AS same_encoded
FROM advfair_predict('pictures', 'pictures') p JOIN pictures w USING (id), advfair_model m WHERE m.name = 'pictures';
SELECT layer, parameter, shape, cardinality(weights) FROM advfair_weights(advfair_get('pictures'));

DROP FUNCTION fitted, fit;
DROP TABLE wide, wide_part, "Odd ""name", holes, rare, pictures CASCADE;
DROP TYPE mood, percent, name_like CASCADE;
DELETE FROM advfair_model;

-- decimals that differ where double precision does not, or hardly: a warning, because these digits may mean nothing
SELECT model FROM advfair_train('decimals', 'SELECT i AS k, i % 2 AS y, 12345678901234567890 + i % 60 AS v FROM generate_series(1, 100) i', label => 'y', id => 'k',
	arch => '', epochs => 1);
SELECT model FROM advfair_train('decimals', 'SELECT i AS k, i % 2 AS y, ARRAY[i, 12345678901234567890 + i % 6000] AS v FROM generate_series(1, 6000) i', label => 'y', id => 'k',
	arch => '', epochs => 1);
SELECT model FROM advfair_train('decimals', 'SELECT i AS k, i % 2 AS y, (i % 3) / 7.0 AS v, 1 / 3.0 AS w FROM generate_series(1, 100) i', label => 'y', id => 'k',
	arch => '', epochs => 1);
DELETE FROM advfair_model;
