-- Demographic parity: worked numbers of Fairlearn's, and plain SQL over predictions, in audits, comparisons and conditions.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(25);
SET LOCAL client_min_messages = error;

CREATE FUNCTION near(a float8, b float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql AS $$ SELECT abs(a - b) <= tolerance $$;
---- worked numbers ----

-- Fairlearn's example of common fairness metrics (docs, perform_fairness_assessment): selection rates 0.75, 0.5, 0.5
CREATE TABLE worked AS SELECT row_number() OVER () AS id, y::text, x::float8, sf
	FROM unnest('{0,1,1,1,1,0,1,0,1,0,0,0,1,1,1,1,1,1}'::int[], '{0,0,1,0,1,1,1,0,0,1,1,1,1,0,0,1,1,0}'::int[], '{b,b,a,b,b,c,c,c,a,a,c,a,b,c,c,b,c,c}'::text[]) t (y, x, sf);
-- and of its unit tests of demographic parity: 0.6 and 0.2
CREATE TABLE unit AS SELECT row_number() OVER () AS id, (x % 2)::text AS y, x::float8, sf FROM unnest('{1,1,1,1,0,0,0,0,0,0}'::int[], '{a,b,a,a,b,a,b,b,a,b}'::text[]) t (x, sf);
-- A model that takes a row for class 1 where x is 1: its logits are 0 and 2 x - 1.
SELECT is(version, 1, 'trained on raw values') FROM advfair_train('raw', 'worked', 'y', '{x}', id => 'id', encoding => 'ordinal', scale => false, arch => '', epochs => 1);
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
	SELECT 'says', 1, task, '', '{}', advfair_build(advfair_describe(model), '{0,2,0,-1}') FROM advfair_model WHERE name = 'raw';
SELECT is(count(*) FILTER (WHERE prediction <> x::text), 0::bigint, 'the model says what it is told') FROM advfair_predict('says', 'worked') JOIN worked USING (id);
CREATE FUNCTION rates(data text, given text DEFAULT NULL) RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(concat_ws(' ', regexp_replace(metric, 'demographic_parity_', ''), class, grp, coalesce(round(value::numeric, 6)::text, 'NULL'), n), ', ' ORDER BY at)
	   FROM advfair_audit('{says}', data, protected => '{sf}', given => given, replicates => 20) WITH ORDINALITY a (model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n, at)
	   WHERE metric ~ 'selection|parity' $$;
SELECT is(rates('worked'), 'selection_rate 1 a 0.750000 4, selection_rate 1 b 0.500000 6, selection_rate 1 c 0.500000 8, difference 1 0.250000 18, ratio 1 0.666667 18', 'the worked example');
SELECT is(rates('worked', '1'), 'selection_rate 1 a 0.500000 2, selection_rate 1 b 0.600000 5, selection_rate 1 c 0.400000 5, difference 1 0.200000 12, ratio 1 0.666667 12', 'given a class: its true positive rates');
SELECT is(rates('worked', '0'), 'selection_rate 1 a 1.000000 2, selection_rate 1 b 0.000000 1, selection_rate 1 c 0.666667 3, difference 1 1.000000 6, ratio 1 0.000000 6', 'and its false positive rates');
SELECT is(rates('unit'), 'selection_rate 1 a 0.600000 5, selection_rate 1 b 0.200000 5, difference 1 0.400000 10, ratio 1 0.333333 10', 'the unit tests');
-- what is not defined
SELECT is(rates('SELECT id, y, 0.0::float8 AS x, sf FROM worked'), 'selection_rate 1 a 0.000000 4, selection_rate 1 b 0.000000 6, selection_rate 1 c 0.000000 8, difference 1 0.000000 18, ratio 1 NULL 18',
		  'nobody is taken for it: no difference, and no ratio');
SELECT is(rates($$ SELECT * FROM worked WHERE sf = 'a' $$), 'selection_rate 1 a 0.750000 4, difference 1 NULL 4, ratio 1 NULL 4', 'one group');
SELECT is(rates('SELECT id, y, x, nullif(sf, ''c'') AS sf FROM worked'), 'selection_rate 1 a 0.750000 4, selection_rate 1 b 0.500000 6, difference 1 0.250000 10, ratio 1 0.666667 10', 'rows without a group take no part');

---- beside plain SQL ----

CREATE TABLE people AS SELECT *, nullif(race, 'Other') AS known_race FROM advfair_make_census(600, 3);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT is(version, 1, name || ': trained') FROM (VALUES ('income', 'income', '{age,hours,education}'::text[]), ('other', 'income', '{occupation,sex,hours}'), ('job', 'occupation', '{age,hours,education,sex}')) v (name, label, features),
	advfair_train(name, 'people', label, features, arch => 'dense 8, tanh', epochs => 10);
-- the rates, and what lies between them, from predictions alone
CREATE FUNCTION by_hand(model text, attributes text[], given text, first int) RETURNS TABLE (metric text, class text, attribute text, grp text, value float8, n bigint) LANGUAGE sql AS $$
	WITH row AS (
		SELECT p.label, p.prediction, a.attribute, to_jsonb(d) ->> a.attribute AS grp FROM advfair_predict(model, 'people') p JOIN people d ON p.id = d.person_id, unnest(attributes) a (attribute)
		WHERE given IS NULL OR p.label = given),
	rate AS (
		SELECT c.class, r.attribute, r.grp, avg((r.prediction = c.class)::int)::float8 AS value, count(*) AS n
		FROM row r, jsonb_array_elements_text(advfair_describe(advfair_get(model)) -> 'classes') WITH ORDINALITY c (class, number)
		WHERE r.grp IS NOT NULL AND c.number >= first GROUP BY 1, 2, 3)
	SELECT 'selection_rate', rate.* FROM rate
	UNION ALL SELECT 'demographic_parity_difference', class, attribute, NULL, max(value) - min(value), sum(n)::bigint FROM rate GROUP BY 2, 3
	UNION ALL SELECT 'demographic_parity_ratio', class, attribute, NULL, CASE WHEN max(value) > 0 THEN min(value) / max(value) END, sum(n)::bigint FROM rate GROUP BY 2, 3 $$;
SELECT is_empty(format($q$ SELECT * FROM by_hand(%1$L, '{sex,known_race}', %2$L, %3$s) h
	FULL JOIN (SELECT * FROM advfair_audit(ARRAY[%1$L], 'people', protected => '{sex,known_race}', given => %2$L, replicates => 5) WHERE metric ~ 'selection|parity') a
		ON (h.metric, h.class, h.attribute, coalesce(h.grp, '')) = (a.metric, a.class, a.attribute, coalesce(a.grp, ''))
	WHERE ((h.value IS NOT DISTINCT FROM a.value OR near(h.value, a.value)) AND h.n = a.n) IS NOT TRUE $q$, model, given, first), 'as plain SQL: ' || model || coalesce(', given ' || given, ''))
FROM (VALUES ('income', NULL, 2), ('income', '>50K', 2), ('job', NULL, 1), ('job', 'service', 1)) v (model, given, first);
SELECT ok(bool_and(value > 0 AND ci_low < ci_high AND CASE WHEN metric = 'demographic_parity_ratio' THEN ci_low >= 0 AND ci_high <= 1 ELSE ci_low >= 0 END), 'intervals have a width, ratios end at 1')
	FROM advfair_audit('{income,other}', 'people', protected => '{sex}') WHERE metric ~ 'parity';
SELECT is_empty($$ SELECT c.metric FROM advfair_compare('income', 'other', 'people', protected => '{sex,known_race}') c
	JOIN advfair_audit('{income}', 'people', protected => '{sex,known_race}') a USING (metric, class, attribute) JOIN advfair_audit('{other}', 'people', protected => '{sex,known_race}') b USING (metric, class, attribute)
	WHERE metric ~ 'parity' AND NOT (c.a = a.value AND c.b = b.value AND near(c.difference, b.value - a.value) AND c.ci_low < c.ci_high AND c.difference BETWEEN c.ci_low - 0.2 AND c.ci_high + 0.2) $$, 'compared');
SELECT is_empty($$ SELECT * FROM advfair_compare('income', 'income', 'people', protected => '{sex}') WHERE metric ~ 'parity' AND NOT (difference = 0 AND ci_low = 0 AND ci_high = 0) $$, 'a model does not differ from itself');

---- by name ----

SELECT is(promoted, expected, condition) FROM (VALUES
	('demographic_parity_difference_sex <= 1 AND demographic_parity_ratio_sex >= 0 AND "selection_rate_sex_Male" >= 0', true),
	('demographic_parity_ratio_sex > 1', false),
	('"demographic_parity_difference(sex)" = abs("selection_rate_sex_Male" - "selection_rate_sex_Female") AND old.demographic_parity_difference_sex IS NOT NULL', true)) v (condition, expected),
	advfair_retrain('income', condition, data => 'people');
SELECT is(reason, 'demographic_parity_ratio_sf > 0.8 is NULL: demographic_parity_ratio_sf is NULL (the means of all groups are 0)', 'why it is not known')
	FROM advfair_retrain('income', 'demographic_parity_ratio_sf > 0.8', data => $$ SELECT *, sex AS sf FROM people JOIN (SELECT id AS person_id FROM advfair_predict('income', 'people') WHERE prediction = '<=50K') p USING (person_id) $$);
SELECT is(array_agg(DISTINCT metric ORDER BY metric), '{demographic_parity_difference_sex,demographic_parity_ratio_sex,selection_rate_sex_Female,selection_rate_sex_Male}', 'the log has them')
	FROM advfair_metric_log WHERE metric ~ 'selection|parity' AND metric ~ 'sex';
SELECT results_eq($$ SELECT name, needs, of, better FROM advfair_scores() WHERE name ~ 'selection|parity' $$,
	$$ VALUES ('selection_rate', 'protected', 'each group', NULL), ('demographic_parity_difference', 'protected', 'between groups', 'lower'), ('demographic_parity_ratio', 'protected', 'between groups', 'higher') $$, 'and the table of scores');
SELECT * FROM finish();
ROLLBACK;
