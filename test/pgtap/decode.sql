-- advfair_decode: encoded inputs in terms of columns: rows come back as they were, and what lies between them is told.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(43);
CREATE TEMP TABLE people AS SELECT *, age / 4.0::float8 AS quarter, age > 40 AS old, ARRAY[age, hours, 7] AS several FROM advfair_make_census(400, 5);
CREATE TEMP TABLE model AS
SELECT encoding, advfair_fit(jsonb_build_object('data', 'people', 'label', 'income', 'id', 'person_id', 'epochs', 1, 'encoding', encoding, 'arch', '')) AS model
FROM unnest('{standard,minmax,ordinal}'::text[]) encoding;
CREATE TEMP TABLE col AS
SELECT encoding, n, c ->> 'name' AS name, c ->> 'kind' AS kind, c -> 'shift' AS shift, c -> 'factor' AS factor, c -> 'values' AS vals
FROM model, jsonb_array_elements(advfair_describe(model) -> 'encoder' -> 'columns') WITH ORDINALITY e (c, n);

-- inputs by hand, from the encoder's description
CREATE FUNCTION encoded(enc text, r jsonb) RETURNS real[] LANGUAGE sql AS $$
	SELECT array_agg(x::real ORDER BY n, k) FROM (
		SELECT n, k, (CASE v WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE v::float8 END - (shift ->> (k - 1)::int)::float8) * (factor ->> (k - 1)::int)::float8 AS x
		FROM col, jsonb_array_elements_text(CASE jsonb_typeof(r -> name) WHEN 'array' THEN r -> name ELSE jsonb_build_array(r -> name) END) WITH ORDINALITY e (v, k)
		WHERE encoding = enc AND kind <> 'category'
		UNION ALL
		SELECT n, k, (r ->> name = v)::int FROM col, jsonb_array_elements_text(vals) WITH ORDINALITY e (v, k) WHERE encoding = enc AND enc <> 'ordinal' AND kind = 'category'
		UNION ALL
		SELECT n, 1, k - 1 FROM col, jsonb_array_elements_text(vals) WITH ORDINALITY e (v, k) WHERE encoding = enc AND enc = 'ordinal' AND kind = 'category' AND r ->> name = v
	) i $$;
-- booleans come back as the numbers they are to the model
CREATE TEMP VIEW row_of AS
SELECT person_id, to_jsonb(p) - 'person_id' - 'income' AS r, (to_jsonb(p) - 'person_id' - 'income') || jsonb_build_object('old', old::int) AS back FROM people p;

SELECT is(count(*), 1200::bigint, 'rows to decode') FROM model, row_of;
SELECT is_empty(format($$ SELECT person_id, back, advfair_decode(model, encoded(encoding, r)) FROM model, row_of
				   WHERE encoding = %L AND advfair_decode(model, encoded(encoding, r)) IS DISTINCT FROM back $$, encoding), encoding || ': rows come back as they were')
FROM model;
SELECT is_empty($$ SELECT encoding, person_id FROM model, people p JOIN row_of USING (person_id)
				   WHERE advfair_proba(model, p) <> advfair_proba(model, encoded(encoding, r)) $$, 'their encoding by hand is the model''s');

-- anything: what is decoded encodes to the same input, or for whole numbers the float32 beside it
CREATE TEMP TABLE free (age float8, education text, hours float8, occupation text, sex text, race text, quarter float8, old float8, several float8[]);
SELECT setseed(0.1);
CREATE TEMP TABLE moved AS
SELECT encoding, model, person_id, (SELECT array_agg((CASE WHEN k IN (1) THEN v + CASE encoding WHEN 'ordinal' THEN 30 ELSE 1 END * (random() - 0.5) ELSE v END)::real ORDER BY k)
	FROM unnest(encoded(encoding, r)) WITH ORDINALITY u (v, k)) AS x FROM model, row_of;
SELECT is_empty($$ SELECT encoding, person_id FROM moved, jsonb_populate_record(NULL::free, advfair_decode(model, x)) d
				   WHERE (SELECT max(abs(a - b)) FROM unnest(advfair_proba(model, d), advfair_proba(model, x)) u (a, b)) > 1e-6 $$,
				'moved inputs: what is decoded predicts the same');
SELECT is_empty($$ SELECT encoding, person_id, x[1], encoded(encoding, to_jsonb(d)) FROM moved, jsonb_populate_record(NULL::free, advfair_decode(model, x)) d
				   WHERE abs((encoded(encoding, to_jsonb(d)))[1] - x[1]) > 1.2e-7 * abs(x[1]) $$, 'and is what encodes to them');
SELECT cmp_ok(count(*), '>', 1000::bigint, 'most of which are no whole numbers') FROM moved, advfair_decode(model, x) d WHERE (d ->> 'age')::numeric % 1 <> 0;

-- categories: vertices, nothing, mixtures
CREATE TEMP TABLE built AS
SELECT encoding, advfair_build(format('{"arch":"","input_shape":[%s],"classes":["a","b"],"encoder":{"encoding":"%s","columns":[{"name":"n","kind":"number","shift":[40],"factor":[0.1]},
	{"name":"c","kind":"category","values":["p","q","r"]}]}}', inputs, encoding)::jsonb, array_fill(0::real, ARRAY[2 * inputs + 2])) AS model
FROM (VALUES ('standard', 4), ('minmax', 4), ('ordinal', 2)) v (encoding, inputs);
SELECT is(advfair_decode(model, x), want::jsonb, x::text || ' is ' || want)
FROM built, (VALUES ('{0.1,0,1,0}'::real[], '{"n": 41, "c": "q"}'), ('{0,0,0,1}', '{"n": 40, "c": "r"}'), ('{-4.5,0,0,0}', '{"n": -5, "c": null}'),
	('{0.01,0.5,0.5,0}', '{"n": 40.1, "c": {"p": 0.5, "q": 0.5}}'), ('{0.012345,0,0.1,0}', '{"n": 40.12345, "c": {"q": 0.1}}'),
	('{0,1,0,-1e-20}', '{"n": 40, "c": {"p": 1, "r": -1e-20}}'), ('{1e30,1,1,1}', '{"n": 1e31, "c": {"p": 1, "q": 1, "r": 1}}')) v (x, want)
WHERE encoding = 'standard';
SELECT is(advfair_decode(model, '{0.1,0,1,0}'), '{"n": 41, "c": "q"}', 'minmax has the same categories') FROM built WHERE encoding = 'minmax';
SELECT is(advfair_decode(model, x), want::jsonb, 'ordinal: ' || x::text || ' is ' || want)
FROM built, (VALUES ('{0.1,0}'::real[], '{"n": 41, "c": "p"}'), ('{0.1,2}', '{"n": 41, "c": "r"}'), ('{0.1,-1}', '{"n": 41, "c": null}'), ('{0.1,0.7}', '{"n": 41, "c": 0.7}'),
	('{0.1,3}', '{"n": 41, "c": 3}')) v (x, want) WHERE encoding = 'ordinal';

-- arrays and images
SELECT is(advfair_decode(advfair_build('{"arch":"","input_shape":[3],"classes":["a","b"]}', '{1,2,3,4,5,6,7,8}'), '{1,0.1,-3}'), '{"x": [1, 0.1, -3]}', 'an array');
CREATE TEMP TABLE picture AS
SELECT advfair_build('{"arch":"","input_shape":[3,2,2],"classes":["a","b"]}', array_fill(0::real, ARRAY[26])) AS model, '\x000102fc03fd04fe05ff0607'::bytea AS image;
SELECT is(advfair_decode(model, (SELECT array_agg(get_byte(image, i) / 255.0::real ORDER BY i) FROM generate_series(0, 11) i)::real[]),
		  jsonb_build_object('image', (SELECT jsonb_agg(get_byte(image, i) ORDER BY i) FROM generate_series(0, 11) i)), 'an image, in channel, row, column order')
FROM picture;
SELECT is(advfair_decode(model, '{0.5,1,0,0,0,0,0,0,0,0,0,0.1}'), '{"image": [127.5, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25.5]}', 'values between bytes') FROM picture;
SELECT ok(bool_and(advfair_decode(model, x) -> 'image' = to_jsonb(array_fill(b, ARRAY[12]))), 'all bytes')
FROM picture, generate_series(0, 255) b, LATERAL (SELECT array_fill((b / 255.0::real)::real, ARRAY[12]) AS x) x;

-- what an attack reports: feasible examples are rows that a table of the same types can hold, and predict what was reported
SELECT is(version, 1, encoding || ': trained') FROM model, advfair_train(encoding, 'people', 'income', id => 'person_id', encoding => encoding,
	features => '{age,education,hours,occupation,sex,race}', epochs => 3, arch => 'dense 8, tanh');
CREATE TEMP TABLE attacked AS
SELECT encoding, p.id, p.adversarial, p.success, advfair_decode(advfair_get(encoding), p.x) AS d
FROM (VALUES ('standard', 0.5), ('minmax', 0.2), ('ordinal', 3)) e (encoding, eps), LATERAL advfair_pgd(encoding, 'people', eps, feasible => true, steps => 5) p;
SELECT is(count(*), 1200::bigint, 'rows are attacked') FROM attacked;
SELECT is_empty($$ SELECT encoding, id, d FROM attacked, jsonb_populate_record(NULL::people, d) r WHERE advfair_predict(advfair_get(encoding), r) <> adversarial $$,
				'their decoded examples predict what the attack reports');
SELECT cmp_ok(count(*), '>', 20::bigint, encoding || ': some of which are other people') FROM attacked JOIN people p ON person_id = id
WHERE success AND (d ->> 'age' <> p.age::text OR d ->> 'hours' <> p.hours::text) GROUP BY encoding;

-- errors
SELECT throws_ok($$ SELECT advfair_decode(model, '{1,2}') FROM built WHERE encoding = 'standard' $$, '2202E',
				 'the encoded input has 2 values, but the model expects 4', 'too short');
SELECT throws_ok($$ SELECT advfair_decode(model, '{1,2,3}') FROM built WHERE encoding = 'ordinal' $$, '2202E',
				 'the encoded input has 3 values, but the model expects 2', 'too long');
SELECT throws_ok($$ SELECT advfair_decode(model, '{1,NaN}') FROM built WHERE encoding = 'ordinal' $$, '22000', 'the encoded input is NaN at position 2', 'NaN');
SELECT throws_ok($$ SELECT advfair_decode(model, '{-Infinity,1}') FROM built WHERE encoding = 'ordinal' $$, '22000', 'the encoded input is infinite at position 1', 'infinity');
SELECT throws_ok($$ SELECT advfair_decode(model, '{1,NULL}') FROM built WHERE encoding = 'ordinal' $$, '22004', 'the encoded input has a NULL element', 'NULL');
SELECT throws_ok($$ SELECT advfair_decode(advfair_build('{"arch":"","input_shape":[1],"classes":["a","b"],"encoder":{"columns":[{"name":"n","kind":"number","factor":[0]}]}}',
				 '{1,2,3,4}'), '{1}') $$, '22000', 'the encoded value 1 of column "n" cannot be decoded', 'a factor of 0');
SELECT throws_ok($$ SELECT advfair_decode('\x00', '{1}') $$, '22P03', NULL, 'no model');
SELECT is(advfair_decode(NULL, '{1}'), NULL, 'no model, no row');
SELECT is(advfair_decode(model, NULL), NULL, 'no input, no row') FROM picture;

-- models change from row to row
SELECT is_empty($$ SELECT * FROM (SELECT encoding, advfair_decode(model, CASE encoding WHEN 'ordinal' THEN '{0.1,0}' ELSE '{0.1,1,0,0}' END::real[]) AS d
								  FROM built, generate_series(1, 5)) s WHERE d <> '{"n": 41, "c": "p"}' $$, 'each row with its own model');
SELECT * FROM finish();
ROLLBACK;
