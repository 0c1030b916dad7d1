-- advfair_group_confidence and advfair_eou with mode 'intervene' against queries that override the column, row by row.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(40);
CREATE TABLE people AS SELECT *, age / 3.0 AS third, hours > 40 AS busy, ARRAY[age, hours] AS pair FROM advfair_make_census(600, 3);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT is(version, 1, encoding || ': trained') FROM unnest('{standard,minmax,ordinal}'::text[]) encoding,
	advfair_train(encoding, 'people', 'income', encoding => encoding, arch => CASE encoding WHEN 'minmax' THEN 'dense 8, tanh' ELSE '' END, epochs => 5);

-- the same by hand
CREATE FUNCTION by_hand(model text, attribute text, given text) RETURNS TABLE (grp text, confidence numeric, n bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT v.t, round(avg(advfair_confidence($1, p, '>50K'))::numeric, 5), count(*)
		FROM (SELECT DISTINCT CASE pg_typeof(%1$I)::text WHEN 'boolean' THEN CASE %1$I::text WHEN 'true' THEN 'true' ELSE 'false' END ELSE %1$I::text END AS t, %1$I AS v FROM people) v,
			LATERAL (SELECT %2$s FROM people WHERE income = $2 OR $2 IS NULL) p GROUP BY v.t $q$,
		attribute, (SELECT string_agg(CASE WHEN attname = attribute THEN format('v.v AS %I', attname) ELSE quote_ident(attname) END, ', ')
					FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0))
	USING advfair_get(model), given;
END $$;
SELECT set_eq(format($$ SELECT grp, round(confidence::numeric, 5), n FROM advfair_group_confidence(%L, 'people', %L, '>50K', %L, 'intervene') $$, model, attribute, given),
			  format($$ SELECT * FROM by_hand(%L, %L, %L) $$, model, attribute, given), concat_ws(', ', model || ': ' || attribute, 'given ' || given))
FROM (VALUES ('standard', 'sex', NULL), ('standard', 'sex', '<=50K'), ('standard', 'race', '>50K'), ('standard', 'hours', NULL), ('standard', 'third', '>50K'), ('standard', 'busy', NULL),
	('minmax', 'race', NULL), ('minmax', 'busy', '<=50K'), ('minmax', 'third', NULL), ('ordinal', 'sex', '>50K'), ('ordinal', 'race', NULL), ('ordinal', 'busy', '>50K'),
	('ordinal', 'hours', '<=50K')) v (model, attribute, given);
SELECT is((SELECT count(DISTINCT n) || ' ' || min(n) FROM advfair_group_confidence('standard', 'people', 'race', '>50K', mode => 'intervene')), '1 600', 'every group is all rows');
SELECT is(advfair_eou('standard', 'people', 'race', '>50K', '<=50K', 'intervene'),
		  (SELECT max(confidence) - min(confidence) FROM advfair_group_confidence('standard', 'people', 'race', '>50K', '<=50K', 'intervene')), 'eou is the gap between them');
SELECT isnt(advfair_eou('standard', 'people', 'sex', '>50K', mode => 'intervene'), advfair_eou('standard', 'people', 'sex', '>50K'), 'which is not that of the rows that have the values');
SELECT is(advfair_eou('standard', 'people', 'sex', '>50K', NULL, m), advfair_eou('standard', 'people', 'sex', '>50K'), 'subset is the default') FROM unnest('{subset,NULL}'::text[]) m;
SELECT is(advfair_eou('minmax', 'people', 'hours', '>50K', mode => 'intervene', workers => 1), advfair_eou('minmax', 'people', 'hours', '>50K', mode => 'intervene', workers => 3),
		  'the number of workers does not matter');
SELECT is(advfair_eou('standard', 'TABLE people LIMIT 0', 'sex', '>50K', mode => 'intervene'), NULL, 'no rows');

-- a model for which sex means nothing, though those it favours differ in sex
UPDATE advfair_model SET model = (SELECT advfair_build(advfair_describe(model), array_agg(CASE WHEN parameter = 'weight' AND (k - 1) % inputs + 1 = ANY (places) THEN 0 ELSE w END ORDER BY layer, parameter DESC, k))
	FROM advfair_weights(model), unnest(weights) WITH ORDINALITY u (w, k), LATERAL (SELECT shape[2] AS inputs) i,
		 (SELECT array_agg(upto - i) AS places FROM (SELECT c, sum(coalesce(jsonb_array_length(c -> 'values'), (c ->> 'length')::int, 1)) OVER (ORDER BY n) AS upto
			FROM jsonb_array_elements(advfair_describe(model) -> 'encoder' -> 'columns') WITH ORDINALITY e (c, n)) o, generate_series(0, 1) i WHERE c ->> 'name' = 'sex') p)
WHERE name = 'standard';
SELECT cmp_ok(advfair_eou('standard', 'people', 'sex', '>50K'), '>', 0.01::float8, 'a model without sex: groups differ all the same');
SELECT is(advfair_eou('standard', 'people', 'sex', '>50K', mode => 'intervene'), 0::float8, 'but to set it changes nothing');

-- values that only rows of another label have are values; a category the model does not know is set as it would be read
SELECT set_eq($$ SELECT grp, n, confidence IS NULL FROM advfair_group_confidence('minmax', $q$ SELECT * FROM people WHERE sex = 'Male' OR income = '<=50K' $q$, 'sex', '>50K', '>50K', 'intervene') $$,
			  $$ SELECT unnest('{Female,Male}'::text[]), count(*), false FROM people WHERE sex = 'Male' AND income = '>50K' $$, 'values of rows that do not count');
SELECT is(version, 1, 'trained to ignore') FROM advfair_train('ignorant', 'people', 'income', arch => '', epochs => 2, unseen => 'ignore', missing => 'drop', features => '{age,race}');
CREATE TEMP TABLE strangers AS SELECT person_id, nullif(age, 40) AS age, CASE WHEN person_id % 3 = 0 THEN 'stranger' ELSE race END AS race, income FROM people;
CREATE TEMP TABLE stranger AS SELECT person_id, age, 'stranger' AS race FROM strangers WHERE age IS NOT NULL;
SELECT ok(abs(g.confidence - (SELECT avg(advfair_confidence(advfair_get('ignorant'), s, '>50K')) FROM stranger s)) < 1e-6 AND g.n = (SELECT count(*) FROM stranger),
		  'a stranger, without the rows that were left out')
FROM advfair_group_confidence('ignorant', 'strangers', 'race', '>50K', mode => 'intervene') g WHERE grp = 'stranger';

-- rows in several segments of shared memory
CREATE TEMP TABLE wide AS SELECT i, (i % 2)::text AS y, (ARRAY['a', 'b', 'c'])[1 + i % 3] AS grp, array_fill(sin(i)::real, ARRAY[20000]) AS x FROM generate_series(1, 500) i;
SELECT is(version, 1, 'trained on 40 MB') FROM advfair_train('wide', 'wide', 'y', id => 'i', arch => '', epochs => 1, learning_rate => 1e-6);
SELECT is_empty($$ SELECT grp FROM advfair_group_confidence('wide', 'wide', 'grp', '1', mode => 'intervene') g
				   WHERE n <> 500 OR abs(confidence - (SELECT avg(probabilities[2]) FROM advfair_predict('wide', format('SELECT i, x, %L AS grp FROM wide', g.grp)))) > 1e-6 $$,
				'all segments are set');

-- errors
SELECT throws_ok($$ SELECT advfair_eou('standard', 'people', 'sex', '>50K', NULL, 'do') $$, '22023', 'mode is "do", but must be one of: subset, intervene', 'no such mode');
SELECT throws_ok($$ SELECT advfair_eou('ignorant', 'people', 'sex', '>50K', mode => 'intervene') $$, '22023',
				 'attribute "sex" is not a feature of model "ignorant@1", so it cannot be set', 'no feature');
SELECT throws_ok($$ SELECT advfair_group_confidence('ignorant', 'people', 'no such', '>50K', mode => 'intervene') $$, '22023', NULL, 'no column');
SELECT throws_ok($$ SELECT advfair_group_confidence('standard', 'people', 'no such', '>50K') $$, '42703', NULL, 'no column');
SELECT throws_ok($$ SELECT advfair_eou('standard', 'people', 'pair', '>50K', mode => 'intervene') $$, '22023',
				 'attribute "pair" is an array of numbers, but only a number or a category can be set', 'an array');
SELECT is(advfair_eou('standard', 'SELECT * FROM people WHERE sex = ''Female''', 'sex', '>50K', mode => mode), NULL, mode || ': one value')
	FROM unnest('{subset,intervene}'::text[]) mode;
SELECT is(advfair_eou('standard', 'SELECT * FROM people WHERE sex = ''Female'' OR income = ''<=50K''', 'sex', '>50K', '>50K'), NULL,
		  'one value among the rows that count');
SELECT is(advfair_eou('standard', 'SELECT * FROM people WHERE income = ''<=50K''', 'sex', '>50K', '>50K', mode => 'intervene'), NULL, 'set in no row');
SELECT is((SELECT count(*) FROM advfair_group_confidence('standard', 'SELECT * FROM people WHERE sex = ''Female''', 'sex', '>50K')), 1::bigint, 'one group has a confidence');
SELECT * FROM finish();
ROLLBACK;
