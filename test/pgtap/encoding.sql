-- How columns become inputs: each encoding against the same computed in SQL, by all three ways to predict.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(44);
CREATE TEMP TABLE people AS SELECT *, age / 3.0 AS third, age > 40 AS old, ARRAY[age, hours, 7]::float8[] AS several FROM advfair_make_census(400, 5);
ALTER TABLE people ADD PRIMARY KEY (person_id);

CREATE FUNCTION fitted(encoding text, scale boolean DEFAULT NULL) RETURNS bytea LANGUAGE sql AS $$
	SELECT advfair_fit(jsonb_strip_nulls(jsonb_build_object('data', 'people', 'label', 'income', 'epochs', 3, 'encoding', encoding, 'scale', scale,
		'features', '["third", "education", "old", "several"]'::jsonb, 'arch', 'dense 5, tanh'))) $$;
CREATE FUNCTION near(a float8, b float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql AS
	$$ SELECT abs(a - b) <= tolerance * greatest(1e-30, abs(a), abs(b)) $$;
CREATE TEMP TABLE model AS
SELECT encoding, fitted(encoding) AS model FROM unnest('{standard,minmax,ordinal}'::text[]) encoding;
CREATE TEMP TABLE col AS
SELECT encoding, c ->> 'name' AS name, c -> 'shift' AS shift, c -> 'factor' AS factor, c -> 'values' AS vals
FROM model, jsonb_array_elements(advfair_describe(model) -> 'encoder' -> 'columns') c;

-- what was fitted
SELECT ok(near((shift ->> 0)::float8, (SELECT avg(third)::float8 FROM people)) AND
		  near((factor ->> 0)::float8, (SELECT 1 / stddev_pop(third)::float8 FROM people)), 'standard: mean and standard deviation')
FROM col WHERE encoding = 'standard' AND name = 'third';
SELECT ok(near((shift ->> 0)::float8, (SELECT min(third)::float8 FROM people)) AND
		  near((factor ->> 0)::float8, (SELECT 1 / (max(third) - min(third))::float8 FROM people)), 'minmax: minimum and range')
FROM col WHERE encoding = 'minmax' AND name = 'third';
SELECT is(shift || factor, '[0, 1]', 'ordinal: numbers as they are') FROM col WHERE encoding = 'ordinal' AND name = 'third';
SELECT ok(near((shift ->> 0)::float8, (SELECT avg(old::int)::float8 FROM people)) AND
		  near((factor ->> 0)::float8, (SELECT 1 / stddev_pop(old::int)::float8 FROM people)), 'standard: booleans are 0 and 1')
FROM col WHERE encoding = 'standard' AND name = 'old';
SELECT ok(near((shift ->> 1)::float8, (SELECT avg(hours)::float8 FROM people)) AND
		  near((factor ->> 1)::float8, (SELECT 1 / stddev_pop(hours)::float8 FROM people)), 'standard: each element of an array')
FROM col WHERE encoding = 'standard' AND name = 'several';
SELECT is((shift ->> 2) || ' ' || (factor ->> 2), '7 1', encoding || ': a constant keeps its unit')
FROM col WHERE encoding <> 'ordinal' AND name = 'several';
SELECT is(vals, '["bachelor", "doctorate", "high school", "master", "none"]', encoding || ': categories in the order of their bytes')
FROM col WHERE name = 'education';
SELECT is((advfair_describe(model) -> 'input_shape' ->> 0)::int, CASE encoding WHEN 'ordinal' THEN 6 ELSE 10 END, encoding || ': inputs')
FROM model;
SELECT is(advfair_describe(model) -> 'scale', to_jsonb(encoding = 'ordinal'), encoding || ': scaling layer unless said otherwise') FROM model;
SELECT is(advfair_describe(fitted(encoding, scale)) -> 'scale', to_jsonb(scale), encoding || ': scaling layer as said')
FROM model, unnest('{true,false}'::boolean[]) scale;

-- the scaling layer is what standard encoding would have been, in the network
SELECT ok(bool_and(near(w.weights[1], (SELECT avg(third) FROM people)::float8, 1e-5)) FILTER (WHERE parameter = 'shift') AND
		  bool_and(near(w.weights[1], 1 / (SELECT stddev_pop(third) FROM people)::float8, 1e-5)) FILTER (WHERE parameter = 'factor') AND
		  bool_and(near(w.weights[6], 7, 1e-6)) FILTER (WHERE parameter = 'shift') AND
		  bool_and(w.weights[6] = 1) FILTER (WHERE parameter = 'factor'), 'scaling layer holds mean and 1 / standard deviation')
FROM model, advfair_weights(model) w WHERE encoding = 'ordinal' AND layer = 1;

-- inputs by hand
CREATE FUNCTION encoded(enc text, p people) RETURNS real[] LANGUAGE sql AS $$
	SELECT array_agg(x ORDER BY place, k)::real[] FROM (
		SELECT 1 AS place, 0 AS k, (p.third - (shift ->> 0)::float8) * (factor ->> 0)::float8 AS x FROM col WHERE encoding = enc AND name = 'third'
		UNION ALL
		SELECT 2, k, (p.education = v)::int FROM col, jsonb_array_elements_text(vals) WITH ORDINALITY e (v, k) WHERE encoding = enc AND enc <> 'ordinal' AND name = 'education'
		UNION ALL
		SELECT 2, 0, k - 1 FROM col, jsonb_array_elements_text(vals) WITH ORDINALITY e (v, k) WHERE encoding = enc AND enc = 'ordinal' AND name = 'education' AND v = p.education
		UNION ALL
		SELECT 3, 0, (p.old::int - (shift ->> 0)::float8) * (factor ->> 0)::float8 FROM col WHERE encoding = enc AND name = 'old'
		UNION ALL
		SELECT 4, k, (v - (shift ->> (k - 1)::int)::float8) * (factor ->> (k - 1)::int)::float8
		FROM col, unnest(p.several) WITH ORDINALITY e (v, k) WHERE encoding = enc AND name = 'several') i $$;
SELECT ok(max(abs(a - b)) < 1e-5, encoding || ': a row and its encoding by hand give the same probabilities')
FROM model, people p, unnest(advfair_proba(model, p), advfair_proba(model, encoded(encoding, p))) u (a, b)
WHERE person_id <= 60 GROUP BY encoding;
SELECT ok(bool_and(advfair_predict(model, p) = advfair_predict(model, encoded(encoding, p))), encoding || ': and the same class')
FROM model, people p WHERE person_id <= 60 GROUP BY encoding;

-- the registry's prediction of all rows
SELECT is(version, 1, encoding || ': trained') FROM model, advfair_train(encoding, 'people', 'income', epochs => 3, encoding => encoding,
	features => '{third,education,old,several}', arch => 'dense 5, tanh');
SELECT ok(advfair_get(encoding) = model, encoding || ': advfair_fit and advfair_train make the same model') FROM model;
CREATE TEMP TABLE predicted AS SELECT m.encoding, m.model, p.* FROM model m, advfair_predict(m.encoding, 'people') p;
SELECT is(count(*), 1200::bigint, 'all rows are predicted') FROM predicted;
SELECT is_empty($$ SELECT encoding, id FROM predicted JOIN people p ON p.person_id = id WHERE prediction <> advfair_predict(model, p) $$,
				'a row at a time and all together give the same class');
SELECT is_empty($$ SELECT encoding, id FROM predicted JOIN people p ON p.person_id = id, unnest(probabilities, advfair_proba(model, p)) u (a, b)
				   WHERE abs(a - b) > 1e-5 $$, 'and the same probabilities');
SELECT is_empty($$ SELECT encoding, id FROM predicted JOIN people p ON p.person_id = id
				   WHERE abs(confidence - advfair_confidence(model, p, prediction)) > 1e-5 OR
						 confidence <> probabilities[array_position('{<=50K,>50K}', prediction)] OR confidence <> greatest(probabilities[1], probabilities[2]) $$,
				'confidence is the probability of the class predicted');
SELECT is_empty($$ SELECT encoding, id FROM predicted WHERE abs(probabilities[1] + probabilities[2] - 1) > 1e-6 $$, 'probabilities sum to 1');
SELECT is_empty($$ SELECT encoding, id FROM predicted JOIN people p ON p.person_id = id WHERE label IS DISTINCT FROM income $$, 'labels are those of the rows');

-- a category that training did not see
CREATE TEMP TABLE ignorant AS
SELECT advfair_build('{"arch":"","input_shape":[6],"classes":["a","b"],"encoder":{"unseen":"ignore","columns":[{"name":"n","kind":"number"},
	{"name":"c","kind":"category","values":["p","q","r","s","t"]}]}}', '{1,2,3,4,5,6,-6,-5,-4,-3,-2,-1,0.5,-0.5}') AS model;
SELECT is(advfair_describe(model) -> 'encoder' ->> 'unseen', 'ignore', 'models remember what to do with unseen categories') FROM ignorant;
SELECT is(advfair_proba(model, p), advfair_proba(model, ARRAY[1, 0, 0, 0, 0, 0]::real[]), 'ignored categories are all zeros')
FROM ignorant, (SELECT 1 AS n, 'z' AS c) p;
SELECT is(advfair_proba(model, p), advfair_proba(model, ARRAY[1, 0, 0, 1, 0, 0]::real[]), 'known ones are not')
FROM ignorant, (SELECT 1 AS n, 'r' AS c) p;
SELECT * FROM finish();
ROLLBACK;
