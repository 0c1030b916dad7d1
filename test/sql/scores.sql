-- Scores by function, by aggregate and by plain SQL agree.
CREATE TABLE people AS SELECT * FROM advfair_make_census(4000, 1);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT version FROM advfair_train('census', 'people', 'income', oversample => 'balance', epochs => 5, exclude => '{race}');
CREATE TABLE predicted AS SELECT p.*, t.sex, t.race FROM advfair_predict('census', 'people') p JOIN people t ON t.person_id = p.id;

SELECT class, n, accuracy BETWEEN 0.5 AND 1 AS plausible FROM advfair_class_accuracy('census', 'people');
SELECT max(abs(a.accuracy - p.accuracy)) < 1e-12 AS same, sum(a.n) = sum(p.n) AS same_n
FROM advfair_class_accuracy('census', 'people') a
	 JOIN (SELECT label, avg((label = prediction)::int)::float8 AS accuracy, count(*) AS n FROM predicted GROUP BY label) p ON p.label = a.class;
-- literals mean the function, columns the aggregate
SELECT abs(advfair_cau('census', 'people') - (SELECT advfair_cau(label, prediction) FROM predicted)) < 1e-12 AS same;
SELECT advfair_cau(model => 'census', data => 'people') = advfair_cau('census', 'people') AS same;
SELECT advfair_cau(m.name, 'people') = advfair_cau('census', 'people') AS same FROM advfair_model m;
SELECT advfair_cau('census'::text, 'people'::text);
SELECT advfair_cau('census', name) FROM unnest(ARRAY['people', 'predicted']) name;
SELECT advfair_cau('census', ('peo' || 'ple')::advfair_data) = advfair_cau('census', 'people') AS same;

-- groups: an attribute need not be a feature; given restricts to true labels
SELECT g.grp, g.n, abs(g.confidence - p.confidence) < 1e-6 AS same
FROM advfair_group_confidence('census', 'people', 'race', '>50K', '<=50K') g
	 JOIN (SELECT race, avg(probabilities[2])::float8 AS confidence FROM predicted WHERE label = '<=50K' GROUP BY race) p ON p.race = g.grp
ORDER BY 1;
SELECT abs(advfair_eou('census', 'people', 'sex', '>50K') - advfair_gap(probabilities[2], sex)) < 1e-6 AS same FROM predicted;
SELECT given, advfair_eou('census', 'people', 'sex', '>50K', given) > 0.02 AS unfair FROM unnest('{<=50K,>50K}'::text[]) given;
SELECT t.income, abs(advfair_eou(advfair_confidence(m.model, t, '>50K'), t.sex) - advfair_eou('census', 'people', 'sex', '>50K', t.income)) < 1e-6 AS same
FROM people t, advfair_model m WHERE m.name = 'census' GROUP BY t.income ORDER BY 1;
-- classes and groups without rows are NULL and take no part; fewer than two with rows have no gap, and it is said why
SELECT class, accuracy IS NULL AS empty, n FROM advfair_class_accuracy('census', 'SELECT * FROM people WHERE income = ''>50K''') ORDER BY 1;
SELECT advfair_cau('census', 'SELECT * FROM people WHERE income = ''>50K''');
SELECT advfair_cau('census', 'SELECT * FROM people WHERE false') IS NULL AS none;
SELECT * FROM advfair_group_confidence('census', 'SELECT *, NULL::text AS grp FROM people', 'grp', '>50K');
SELECT advfair_cru('census', 'SELECT * FROM people WHERE income = ''>50K''', eps => 0, steps => 1);
SELECT advfair_eou('census', 'SELECT * FROM people WHERE race = ''White''', 'race', '>50K');
SELECT advfair_eou('census', 'SELECT * FROM people WHERE race = ''White'' OR income = ''<=50K''', 'race', '>50K', '>50K');
SELECT advfair_eou('census', 'SELECT * FROM people WHERE income = ''<=50K''', 'race', '>50K', '>50K');
-- rows that withstand a search make classes look alike: those at 1 and -1 are broken, those at 2 and -2 are not
CREATE TABLE line AS SELECT a, CASE WHEN a > 0 THEN 'right' ELSE 'left' END AS side FROM unnest('{-2,-1,1,2}'::float8[]) a;
SELECT model FROM advfair_train('line', 'line', 'side', features => '{a}', arch => '', epochs => 1, encoding => 'ordinal', scale => false);
UPDATE advfair_model SET model = advfair_build(advfair_describe(model), '{-1,1,0,0}') WHERE name = 'line';
SELECT round(advfair_cru('line', 'line', eps_max => 1.5, random_start => false)::numeric, 2) AS cru;
SELECT class, round(value::numeric, 2) AS least_eps FROM advfair_audit('{line}', 'line', eps_max => 1.5, random_start => false) WHERE metric = 'least_eps';
DROP TABLE line;
-- rows that are left out are counted, and it is said once, however often they are read
SELECT model FROM advfair_train('gappy', 'SELECT * FROM people', 'income', features => '{age,hours}', arch => '', epochs => 1, missing => 'drop');
CREATE VIEW gappy AS SELECT nullif(age, 40) AS age, hours, income, sex, nullif(race, 'Other') AS race, NULL::text AS nothing FROM people;
SELECT metric, attribute, n FROM advfair_audit('{gappy,gappy}', 'gappy', protected => '{sex,race,nothing}', given => '>50K', replicates => 1)
WHERE metric IN ('eou', 'attribute_missing', 'accuracy');
SELECT advfair_retrain('gappy', 'cau < 1', data => 'SELECT NULL::int AS age, hours, income FROM gappy');
DROP VIEW gappy;

-- the paper's Tables IV and V as arithmetic of the aggregates
SELECT round(advfair_eou(c, a)::numeric, 3) AS gender FROM (VALUES (0.1::float8, 'Female'), (0.174, 'Male')) v (c, a);
SELECT round(advfair_eou(c, a)::numeric, 3) AS race FROM (VALUES (0.052::float8, 'a'), (0.104, 'b'), (0.09, 'c')) v (c, a);
SELECT advfair_gap(v, g) FROM (VALUES (1.0::float8, 'a'), (2, 'a'), (5, 'b'), (NULL, 'b'), (100, NULL)) t (v, g);
SELECT advfair_gap(v, g) FILTER (WHERE g <> 'c') AS filtered, advfair_gap(v, g) AS everything, advfair_gap(v, g) FILTER (WHERE false) AS none,
	   advfair_gap(v, 'one') AS one FROM (VALUES (1.0::float8, 'a'), (4, 'b'), (9, 'c')) t (v, g);
SELECT v, advfair_gap(v, g) OVER (ORDER BY v) FROM (VALUES (1.0::float8, 'a'), (4, 'b'), (9, 'c')) t (v, g);
SELECT advfair_cau(label, prediction) FROM (VALUES (3, '3'), (3, '4'), (5, '5')) t (label, prediction);
SELECT advfair_cau(label, prediction) FROM (VALUES (true, 'true'), (false, 'true'), (NULL, 'true')) t (label, prediction);
SELECT advfair_gap(1, 'x' || i) AS gap, count(*) FROM generate_series(1, 20000) i;
SELECT advfair_gap(i, (i % 1000)::text) FROM generate_series(1, 20000) i;
SELECT advfair_gap('NaN', 'a');

-- parallel query
CREATE TABLE many AS SELECT i % 7 AS label, (i * 31 % 11 % 7)::text AS prediction, sin(i) AS v FROM generate_series(1, 50000) i;
ANALYZE many;
SELECT round(advfair_cau(label, prediction)::numeric, 12) AS cau, round(advfair_gap(v, prediction)::numeric, 12) AS gap FROM many \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT advfair_cau(label, prediction), advfair_gap(v, prediction) FROM many;
SELECT round(advfair_cau(label, prediction)::numeric, 12) = :cau AS cau, round(advfair_gap(v, prediction)::numeric, 12) = :gap AS gap FROM many;
-- row functions run in parallel workers, too
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT abs(advfair_eou(advfair_confidence(m.model, t, '>50K'), t.sex) - advfair_eou('census', 'people', 'sex', '>50K')) < 1e-6 AS same
FROM people t, advfair_model m WHERE m.name = 'census';
RESET ALL;

-- states are data like any other: forged ones are refused
CREATE AGGREGATE forged (float8, text) (SFUNC = advfair_gap_add, STYPE = bytea, FINALFUNC = advfair_gap_final, INITCOND = '\x00');
SELECT forged(1, 'a');
CREATE AGGREGATE forged2 (float8, text) (SFUNC = advfair_gap_add, STYPE = bytea, FINALFUNC = advfair_gap_final,
	INITCOND = '\x32706167ffffff7f0100000000000000380000000000000000000000000000000000000000000000000000000000000000000000');
SELECT forged2(1, 'a');
CREATE AGGREGATE forged3 (float8, text) (SFUNC = advfair_gap_add, STYPE = bytea, FINALFUNC = advfair_gap_final,
	INITCOND = '\x327061670100000001000000010000003900000001000000000000000000000000000000ffffff0000000000010000000100000061');
SELECT forged3(1, 'a');
SELECT advfair_gap_add(NULL, 1, 'a');
SELECT advfair_gap_final('\x00');

DROP AGGREGATE forged (float8, text), forged2 (float8, text), forged3 (float8, text);
DROP TABLE people, predicted, many;
DELETE FROM advfair_model;
