-- advfair_audit and advfair_compare: every value against the function that gives it alone, intervals against theory, rows that are or are not the same.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(135);
SET LOCAL client_min_messages = error; -- attacks on such small networks warn

CREATE FUNCTION near(a float8, b float8, tolerance float8 DEFAULT 1e-9) RETURNS boolean LANGUAGE sql AS
	$$ SELECT abs(a - b) <= tolerance * greatest(1, abs(a), abs(b)) $$;
-- What a figure is of, as a key to join on: NULLs are equal.
CREATE FUNCTION of(VARIADIC parts text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT parts::text $$;
CREATE TABLE people AS SELECT *, nullif(race, 'Other') AS known_race, age / 30 AS generation FROM advfair_make_census(600, 3);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE VIEW crowd AS SELECT age / 10 AS age, hours / 8 AS hours, sex, income FROM people; -- no id, and many equal rows
CREATE TABLE picture AS SELECT i AS id, (i % 3)::text AS y, (i / 7 % 2)::text AS grp,
	decode(string_agg(lpad(to_hex((hashint4(i * 16 + k) & 63) + i % 3 * 64), 2, '0'), '' ORDER BY k), 'hex') AS image
	FROM generate_series(1, 200) i, generate_series(1, 16) k GROUP BY i;
ALTER TABLE picture ADD PRIMARY KEY (id);
SELECT is(version, 1, model || ': trained') FROM (VALUES ('small', '{age,hours}'::text[]), ('large', NULL), ('other', '{education,occupation,sex}')) v (name, features),
	advfair_train(name, 'people', 'income', features, arch => 'dense 8, tanh', epochs => 8, exclude => CASE WHEN features IS NULL THEN '{known_race,generation}'::text[] END);
SELECT is(version, 1, 'trained: five classes') FROM advfair_train('job', 'people', 'occupation', '{age,hours,education,sex}', arch => 'dense 8, tanh', epochs => 5);
SELECT is(version, 1, 'trained without an id') FROM advfair_train('crowd', 'crowd', 'income', arch => 'dense 8, tanh', epochs => 8);
SELECT is(version, 1, 'trained on images') FROM advfair_train('picture', 'picture', 'y', '{image}', input_shape => '{1,4,4}', arch => 'conv 2x3, relu, dense 8, relu', epochs => 5);

---- the same, one function after another ----

CREATE TYPE figure AS (metric text, eps float8, class text, attribute text, grp text, value float8, n bigint);
CREATE FUNCTION single(model text, data text, sizes float8[], attributes text[], given text, upto float8, options text) RETURNS SETOF figure LANGUAGE plpgsql AS $$
DECLARE
	size float8;
	a text;
	c text;
	classes text[] := ARRAY(SELECT jsonb_array_elements_text(advfair_describe(advfair_get(model)) -> 'classes'));
BEGIN
	RETURN QUERY SELECT 'accuracy', NULL::float8, NULL, NULL, NULL, avg((p.label = p.prediction)::int)::float8, count(*) FROM advfair_predict(model, data) p;
	RETURN QUERY SELECT 'class_accuracy', NULL::float8, k.class, NULL, NULL, k.accuracy, k.n FROM advfair_class_accuracy(model, data) k;
	RETURN QUERY SELECT 'cau', NULL::float8, NULL, NULL, NULL, advfair_cau(model, data::advfair_data), count(*) FROM advfair_predict(model, data);
	FOREACH size IN ARRAY coalesce(sizes, '{}') LOOP
		RETURN QUERY EXECUTE format($q$
			WITH r AS (SELECT * FROM advfair_class_robustness($1, $2, ARRAY[$3], %1$s))
			SELECT 'success_rate', eps, class, NULL, NULL, success_rate, n FROM r
			UNION ALL SELECT 'robust_accuracy', $3, NULL, NULL, NULL, sum(accuracy * n) / sum(n), sum(n)::bigint FROM r
			UNION ALL SELECT 'cru_s', $3, NULL, NULL, NULL, advfair_cru($1, $2, eps => $3, %1$s), sum(n)::bigint FROM r $q$, options) USING model, data, size;
	END LOOP;
	IF upto IS NOT NULL THEN
		RETURN QUERY EXECUTE format($q$
			WITH r AS (SELECT * FROM advfair_class_least_eps($1, $2, $3, %1$s))
			SELECT 'least_eps', NULL::float8, class, NULL, NULL, least_eps, n FROM r
			UNION ALL SELECT 'cru_eps', NULL, NULL, NULL, NULL, advfair_cru($1, $2, eps_max => $3, %1$s), sum(n)::bigint FROM r $q$, regexp_replace(options, ', alpha => [0-9.]+', '')) USING model, data, upto; -- which has no alpha
	END IF;
	FOREACH a IN ARRAY coalesce(attributes, '{}') LOOP
		RETURN QUERY EXECUTE format($q$
			SELECT 'attribute_missing', NULL::float8, NULL, %1$L, NULL, avg((of IS NULL)::int)::float8, count(*)
			FROM (SELECT d.%1$I AS of, d.%2$I::text AS label FROM %3$s d) d WHERE $1 IS NULL OR label = $1 HAVING count(*) > count(of) $q$, a,
			(SELECT task ->> 'label' FROM advfair_model m WHERE m.name = single.model LIMIT 1), CASE WHEN data ~ '^SELECT' THEN '(' || data || ')' ELSE data END) USING given;
		FOREACH c IN ARRAY CASE cardinality(classes) WHEN 2 THEN classes[2:2] ELSE classes END LOOP
			RETURN QUERY SELECT 'group_confidence', NULL::float8, c, a, g.grp, g.confidence, g.n FROM advfair_group_confidence(model, data, a, c, given) g;
			RETURN QUERY SELECT 'eou', NULL::float8, c, a, NULL, advfair_eou(model, data, a, c, given), coalesce(sum(g.n), 0)::bigint FROM advfair_group_confidence(model, data, a, c, given) g;
		END LOOP;
	END LOOP;
END $$;

-- What an audit and the single functions do not agree about.
CREATE FUNCTION disputed(models text[], data text, sizes float8[], attributes text[], given text, upto float8, options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT concat_ws(' ', a, 'but', s)
		FROM (SELECT * FROM advfair_audit($1, $2, $3, $4, $5, $6, replicates => 20, %s) WHERE metric !~ 'selection|parity') a -- which parity.sql looks at
			FULL JOIN (SELECT m || '@1' AS model, f.* FROM unnest($1) m, single(m, $2, $3, $4, $5, $6, $7) f) s
			ON of(a.model, a.metric, a.eps::text, a.class, a.attribute, a.grp) = of(s.model, s.metric, s.eps::text, s.class, s.attribute, s.grp)
		WHERE a.n IS DISTINCT FROM s.n OR (a.value IS NULL) <> (s.value IS NULL) OR NOT near(a.value, s.value)
			OR (a.metric <> ALL ('{cau,cru_s,cru_eps,eou}') AND (a.value IS NULL) <> (a.n = 0)) $q$, options) USING models, data, sizes, attributes, given, upto, options;
END $$;
SELECT is_empty(format('SELECT * FROM disputed(%L, %L, %L, %L, %L, %L, %L)', models, data, eps, protected, given, eps_max, coalesce(options, 'steps => 5')),
				concat_ws(' ', 'as the single functions:', models, 'on', data, options))
FROM (VALUES
	('{small}', 'people', NULL, NULL, NULL, NULL, NULL),
	('{large,small,other}', 'people', '{0.1,0.5}', '{sex,race}', NULL, 1, NULL),
	('{large}', 'people', '{0}', '{known_race,generation}', '<=50K', NULL, NULL), -- rows with NULL take no part; an attribute need not be a feature, nor a text
	('{large}', 'people', NULL, '{sex,sex,income}', NULL, NULL, NULL),
	('{job}', 'people', '{0.2}', '{sex,race}', NULL, 0.5, NULL),
	('{job}', 'people', NULL, '{sex}', 'service', NULL, NULL),
	('{picture}', 'picture', '{0.05,0.2}', '{grp}', '1', 0.3, NULL),
	('{crowd}', 'crowd', '{0.5,1}', '{sex}', NULL, 0.5, 'steps => 1, seed => 7, alpha => 0.001'), -- equal rows without ids, where all hangs on the random start, and that on the key
	('{large}', 'SELECT * FROM people WHERE income = ''<=50K''', '{0.1}', '{sex}', NULL, 0.5, NULL), -- a class without rows
	('{large}', 'SELECT * FROM people WHERE income = ''<=50K''', NULL, '{sex}', '>50K', NULL, NULL), -- none that count
	('{large}', 'SELECT *, NULL::text AS nothing FROM people', NULL, '{nothing}', NULL, NULL, NULL),
	('{large}', 'people', '{0.3}', NULL, NULL, 0.5, 'steps => 3, seed => 5, alpha => 0.05'),
	('{large}', 'people', '{0.3}', NULL, NULL, 0.5, 'steps => 2, seed => -3, restarts => 3, norm => ''l2'''),
	('{large}', 'people', '{0.3}', NULL, NULL, 0.5, 'steps => 3, random_start => false, mutable => ''{age,hours}'', eps_unit => ''sd'''),
	('{large}', 'people', '{0.3}', NULL, NULL, NULL, 'steps => 3, feasible => true, clip_min => -1, clip_max => 1')
	) v (models, data, eps, protected, given, eps_max, options);
SELECT isnt_empty($$ SELECT * FROM advfair_audit('{large}', 'people', '{0.3}', steps => 3, replicates => 1) a JOIN advfair_audit('{large}', 'people', '{0.3}', steps => 3, replicates => 1, mutable => '{age}') b
					   USING (metric, eps, class) WHERE metric = 'success_rate' AND a.value > b.value $$, 'options do matter');

---- rows ----

SELECT results_eq($$ SELECT model, metric, eps, class, attribute, grp FROM advfair_audit('{small,large@1,small}', 'people', '{0.2,0.1}', '{sex,generation}', eps_max => 0.3, steps => 2, replicates => 5) $$,
	$$ SELECT m.name, r.* FROM unnest('{small@1,large@1,small@1}'::text[]) WITH ORDINALITY m (name, place), ROWS FROM (unnest(
		'{accuracy,class_accuracy,class_accuracy,cau,robust_accuracy,success_rate,success_rate,cru_s,robust_accuracy,success_rate,success_rate,cru_s,least_eps,least_eps,cru_eps,group_confidence,group_confidence,eou,selection_rate,selection_rate,demographic_parity_difference,demographic_parity_ratio,group_confidence,group_confidence,group_confidence,eou,selection_rate,selection_rate,selection_rate,demographic_parity_difference,demographic_parity_ratio}'::text[],
		'{NULL,NULL,NULL,NULL,0.2,0.2,0.2,0.2,0.1,0.1,0.1,0.1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}'::float8[],
		'{NULL,<=50K,>50K,NULL,NULL,<=50K,>50K,NULL,NULL,<=50K,>50K,NULL,<=50K,>50K,NULL,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K,>50K}'::text[],
		'{NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,sex,sex,sex,sex,sex,sex,sex,generation,generation,generation,generation,generation,generation,generation,generation,generation}'::text[],
		'{NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,Female,Male,NULL,Female,Male,NULL,NULL,0,1,2,NULL,0,1,2,NULL,NULL}'::text[])) r $$, 'rows come in order');
SELECT is_empty($$ (SELECT * FROM advfair_audit('{small,large,other}', 'people', '{0.2}', '{sex}', steps => 2) EXCEPT ALL
	(SELECT * FROM advfair_audit('{small}', 'people', '{0.2}', '{sex}', steps => 2) UNION ALL SELECT * FROM advfair_audit('{large}', 'people', '{0.2}', '{sex}', steps => 2)
	 UNION ALL SELECT * FROM advfair_audit('{other}', 'people', '{0.2}', '{sex}', steps => 2))) $$, 'several models at once are the same as one by one');

CREATE FUNCTION audit_bits(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE format('SELECT string_agg(a::text, E''\n'' ORDER BY n) FROM (SELECT a, row_number() OVER () AS n FROM advfair_audit(''{large,other}'', ''people'', ''{0.1,0.4}'', ''{race}'', eps_max => 0.3, steps => 3, %s) a) a', options)
		INTO result;
	RETURN result;
END $$;
SELECT is(audit_bits('workers => 2'), audit_bits('workers => 1'), 'the number of workers does not matter');
SELECT is(audit_bits('seed => 0'), audit_bits('workers => 1'), 'the default seed is 0');
SELECT is(audit_bits('level => 0.95, replicates => 1000'), audit_bits('level => NULL, replicates => NULL'), 'defaults');
SELECT isnt(audit_bits('seed => 9'), audit_bits('seed => 0'), 'the seed does matter');
CREATE TEMP TABLE shuffled AS SELECT * FROM people ORDER BY hashint4(person_id::int);
ALTER TABLE shuffled ADD PRIMARY KEY (person_id);
SELECT is_empty($$ SELECT * FROM advfair_audit('{large,other}', 'people', '{0.2}', '{race}', '>50K', 0.3, steps => 2) EXCEPT SELECT * FROM advfair_audit('{large,other}', 'shuffled', '{0.2}', '{race}', '>50K', 0.3, steps => 2) $$,
				'nor does the order of rows');
SELECT is_empty($$ SELECT metric, class, grp, value::numeric(12, 9), ci_low::numeric(12, 9), ci_high::numeric(12, 9) FROM advfair_audit('{crowd}', 'crowd', '{0.2}', '{sex}', steps => 2) EXCEPT
				   SELECT metric, class, grp, value::numeric(12, 9), ci_low::numeric(12, 9), ci_high::numeric(12, 9) FROM advfair_audit('{crowd}', 'SELECT * FROM crowd ORDER BY hours, sex, age', '{0.2}', '{sex}', steps => 2) $$,
				'without ids either');

---- intervals ----

CREATE TEMP TABLE report AS SELECT * FROM advfair_audit('{large,other}', 'people', '{0.2}', '{sex,race}', eps_max => 0.5, steps => 4);
SELECT is_empty($$ SELECT * FROM report WHERE NOT (ci_low < ci_high) OR n = 0 $$, 'intervals have a width');
SELECT is_empty($$ SELECT * FROM report WHERE metric NOT IN (SELECT name FROM advfair_scores() WHERE "of" ~ 'between') AND NOT (ci_low <= value AND value <= ci_high) $$, 'those of means hold the mean');
SELECT is_empty($$ SELECT * FROM report WHERE metric <> 'least_eps' AND metric <> 'cru_eps' AND NOT (ci_low >= 0 AND ci_high <= 1) $$, 'and fractions are fractions');
-- theory: a share p of n rows has the standard error sqrt(p (1 - p) / n)
SELECT is_empty($$ SELECT * FROM report WHERE metric IN ('accuracy', 'class_accuracy', 'robust_accuracy', 'success_rate') AND value BETWEEN 0.05 AND 0.95
				   AND NOT near((ci_high - ci_low) / (2 * 1.96 * sqrt(value * (1 - value) / n)), 1, 0.15) $$, 'they are as wide as theory says');
SELECT is_empty($$ SELECT * FROM report r JOIN LATERAL (SELECT stddev_pop(p.probabilities[2]) AS s FROM advfair_predict(r.model, 'people', NULL::bigint) p JOIN people ON person_id = id WHERE sex = r.grp) t ON true
				   WHERE r.attribute = 'sex' AND metric = 'group_confidence' AND NOT near((ci_high - ci_low) / (2 * 1.96 * s / sqrt(n)), 1, 0.15) $$, 'those of confidences too');
SELECT ok(a.ci_low < b.ci_low AND b.ci_high < a.ci_high AND a.value = b.value, 'a lower level gives a narrower interval: ' || metric)
FROM advfair_audit('{large}', 'people') a JOIN advfair_audit('{large}', 'people', level => 0.5) b USING (metric, class) WHERE class IS NULL;
SELECT ok(ci_low = ci_high, 'one replicate is no interval: ' || metric) FROM advfair_audit('{large}', 'people', replicates => 1);

---- comparing ----

CREATE TEMP TABLE comparison AS SELECT * FROM advfair_compare('large', 'other', 'people', '{0.2}', '{sex,race}', eps_max => 0.5, steps => 4);
SELECT is_empty($$ SELECT * FROM comparison c FULL JOIN (SELECT * FROM report WHERE model = 'large@1') a
					   ON of(c.metric, c.eps::text, c.class, c.attribute, c.grp) = of(a.metric, a.eps::text, a.class, a.attribute, a.grp)
					 FULL JOIN (SELECT * FROM report WHERE model = 'other@1') b
					   ON of(c.metric, c.eps::text, c.class, c.attribute, c.grp) = of(b.metric, b.eps::text, b.class, b.attribute, b.grp)
				   WHERE (a.value = c.a AND b.value = c.b AND near(b.value - a.value, c.difference, 1e-15) AND a.n = c.n AND b.n = c.n) IS NOT TRUE $$,
				'figures are those of audits, differences b - a');
SELECT is_empty($$ SELECT * FROM comparison WHERE NOT (ci_low < ci_high) $$, 'differences have intervals with a width');
-- theory: the difference of paired values d has the standard error sd(d) / sqrt(n), whatever the models' rows have in common
SELECT ok(near((ci_high - ci_low) / (2 * 1.96 * s / sqrt(600)), 1, 0.15), 'as wide as pairs of the same row make it')
FROM comparison, (SELECT stddev_pop((a.label = a.prediction)::int - (b.label = b.prediction)::int) AS s FROM advfair_predict('large', 'people', NULL::bigint) a JOIN advfair_predict('other', 'people', NULL::bigint) b USING (id)) d
WHERE metric = 'accuracy';
SELECT is_empty($$ SELECT * FROM comparison c JOIN LATERAL (SELECT stddev_pop(a.probabilities[2] - b.probabilities[2]) AS s FROM advfair_predict('large', 'people', NULL::bigint) a
						JOIN advfair_predict('other', 'people', NULL::bigint) b USING (id) JOIN people ON person_id = id WHERE sex = c.grp) d ON true
				   WHERE c.attribute = 'sex' AND metric = 'group_confidence' AND NOT near((ci_high - ci_low) / (2 * 1.96 * s / sqrt(n)), 1, 0.15) $$, 'also in groups');
SELECT is_empty($$ SELECT * FROM comparison c FULL JOIN advfair_compare('other', 'large', 'people', '{0.2}', '{sex,race}', eps_max => 0.5, steps => 4) d
					   ON of(c.metric, c.eps::text, c.class, c.attribute, c.grp) = of(d.metric, d.eps::text, d.class, d.attribute, d.grp)
				   WHERE (near(c.difference, -d.difference, 1e-12) AND near(c.ci_low, -d.ci_high, 1e-12) AND near(c.ci_high, -d.ci_low, 1e-12)) IS NOT TRUE $$, 'the other way round');
SELECT results_eq(format($$ SELECT DISTINCT difference, ci_low, ci_high, a = b FROM advfair_compare(%L, %L, %L, '{0.2}', %L, eps_max => 0.3, steps => 2) $$, model, model || '@1', data, protected),
				  $$ VALUES (0::float8, 0::float8, 0::float8, true) $$, 'a model does not differ from itself: ' || model)
FROM (VALUES ('large', 'people', '{sex}'), ('job', 'people', '{sex,race}'), ('picture', 'picture', '{grp}'), ('crowd', 'crowd', '{sex}')) v (model, data, protected);
SELECT is_empty($$ SELECT * FROM advfair_compare('large', 'other', 'people', '{0.2}', '{sex}', workers => 1, steps => 2) EXCEPT SELECT * FROM advfair_compare('large', 'other', 'people', '{0.2}', '{sex}', workers => 2, steps => 2) $$,
				'the number of workers does not matter');
SELECT results_eq($$ SELECT metric, class, a IS NULL, b IS NULL, difference IS NULL, ci_low IS NULL, ci_high IS NULL, n FROM advfair_compare('large', 'other', 'SELECT * FROM people WHERE income = ''<=50K''') $$,
				  $$ SELECT m, c, x, x, x, x, x, k FROM (SELECT count(*) AS n FROM people WHERE income = '<=50K') p, LATERAL (VALUES ('accuracy', NULL, n, false), ('class_accuracy', '<=50K', n, false), ('class_accuracy', '>50K', 0, true), ('cau', NULL, n, true)) v (m, c, k, x) $$,
				  'a class without rows');
SELECT is((SELECT count(*) FROM advfair_compare('large', 'other', 'SELECT * FROM people WHERE person_id <= 3')), 4::bigint, 'three rows');

---- rows that are not the same ----

SELECT throws_ok($$ SELECT * FROM advfair_compare('large', 'small', 'SELECT age, education, hours, occupation, sex, race, income FROM people') $$, '22023',
				 'model "small@1" reads other rows from data "SELECT age, education, hours, occupation, sex, race, income FROM people" than model "large@1"', 'other features, and no id');
SELECT is(version, 2, 'trained to drop rows') FROM advfair_train('small', 'people', 'income', '{age,hours}', arch => '', epochs => 1, missing => 'drop');
SELECT throws_ok($$ SELECT * FROM advfair_compare('other', 'small', 'SELECT person_id, nullif(age, 40) AS age, hours, education, occupation, sex, income FROM people') $$, '22023', NULL, 'one model leaves rows out');
SELECT throws_ok($$ SELECT * FROM advfair_audit('{large,large}', 'SELECT * FROM people ORDER BY random() LIMIT 300') $$, '22023', NULL, 'a query that returns other rows each time');
-- without distinct ids rows may only be told apart by models that see the same of them
CREATE TABLE household AS SELECT row_number() OVER (PARTITION BY income ORDER BY person_id) / 5 + CASE income WHEN '<=50K' THEN 0 ELSE 1000 END AS id, age, education, hours, occupation, sex, race, income FROM people;
SELECT is(version, 1, 'trained: ' || name) FROM (VALUES ('house_age', '{age}'::text[], 3), ('house_sex', '{hours,sex}', 3), ('house_old', '{age}', 9)) v (name, features, epochs),
	advfair_train(name, 'household', 'income', features, id => 'id', arch => 'dense 8, tanh', epochs => v.epochs);
SELECT throws_ok($$ SELECT * FROM advfair_audit('{house_age,house_sex}', 'household', protected => '{sex}') $$, '22023', 'rows of data "public.household" share ids, and model "house_sex@1" has other features than model "house_age@1"',
				 'ids that are not distinct');
SELECT is_empty($$ SELECT * FROM disputed('{house_age,house_old}', 'household', '{0.3}', '{sex,race}', NULL, NULL, 'steps => 3') $$, 'do for models with the same features');

---- nothing to compare ----

-- one class, or one group: its own figures are known, the gap is not 0
CREATE TABLE poor AS SELECT * FROM people WHERE income = '<=50K';
CREATE TABLE men AS SELECT * FROM people WHERE sex = 'Male';
CREATE TABLE poor_or_men AS SELECT * FROM people WHERE sex = 'Male' OR income = '<=50K';
CREATE FUNCTION gaps(model text, data text, eps float8[] DEFAULT NULL, protected text[] DEFAULT NULL, given text DEFAULT NULL, eps_max float8 DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', metric, class, attribute, CASE WHEN value IS NULL AND ci_low IS NULL AND ci_high IS NULL THEN 'is NULL' END, n)
	FROM advfair_audit(ARRAY[model], data, eps, protected, given, eps_max, steps => 2) WHERE metric IN ('cau', 'cru_s', 'cru_eps', 'eou') $$;
SELECT results_eq($$ SELECT gaps('large', 'poor', '{0.1}', eps_max => 0.5) $$, $$ SELECT m || ' is NULL ' || (SELECT count(*) FROM poor) FROM unnest('{cau,cru_s,cru_eps}'::text[]) m $$, 'one class');
SELECT results_eq($$ SELECT gaps('large', 'men', protected => '{sex}') OFFSET 1 $$, $$ SELECT 'eou >50K sex is NULL ' || count(*) FROM men $$, 'one group');
SELECT results_eq($$ SELECT gaps('large', 'poor_or_men', protected => '{sex}', given => '>50K') OFFSET 1 $$,
				  $$ SELECT 'eou >50K sex is NULL ' || count(*) FROM poor_or_men WHERE income = '>50K' $$, 'one group that counts');
SELECT results_eq($$ SELECT gaps('job', 'men', protected => '{sex}') OFFSET 1 $$, $$ SELECT 'eou ' || c || ' sex is NULL ' || (SELECT count(*) FROM men)
				  FROM jsonb_array_elements_text(advfair_describe(advfair_get('job')) -> 'classes') c $$, 'for each of several classes');
SELECT results_eq($$ SELECT metric, a IS NULL AND b IS NULL AND difference IS NULL AND ci_low IS NULL AND ci_high IS NULL, n > 0
						 FROM advfair_compare('large', 'other', 'SELECT * FROM poor WHERE sex = ''Male''', '{0.1}', '{sex}', steps => 2) WHERE metric IN ('cau', 'cru_s', 'eou') $$,
				  $$ VALUES ('cau', true, true), ('cru_s', true, true), ('eou', true, true) $$, 'nor do models differ in it');
SELECT is(advfair_cau('large', 'poor'), NULL, 'CAU of one class');
SELECT is(advfair_cru('large', 'poor', eps => 0.1, steps => 2), NULL, 'CRU of one class, in success');
SELECT is(advfair_cru('large', 'poor', eps_max => 0.5, steps => 2), NULL, 'CRU of one class, in least eps');
SELECT is(advfair_cru('large', 'people', eps => 0.1, steps => 2, targeted => '>50K'), NULL, 'CRU where only one class is attacked');
SELECT is(advfair_eou('large', 'men', 'sex', '>50K', mode => mode), NULL, 'EOU of one group: ' || mode) FROM unnest('{subset,intervene}'::text[]) mode;
SELECT is(advfair_eou('large', 'poor_or_men', 'sex', '>50K', '>50K'), NULL, 'EOU of one group that counts');
SELECT is(advfair_eou('large', 'SELECT *, NULL::text AS nothing FROM people', 'nothing', '>50K'), NULL, 'EOU of none');

-- where no least eps is found all means are eps_max: the gap is not known, and not 0
CREATE TABLE sure AS SELECT people.* FROM people JOIN advfair_predict('large', 'people') p ON p.id = person_id WHERE p.label = p.prediction AND confidence > 0.6;
SELECT results_eq($$ SELECT gaps('large', 'sure', eps_max => 1e-6) OFFSET 1 $$, $$ SELECT 'cru_eps is NULL ' || count(*) FROM sure $$, 'nothing broken');
SELECT results_eq($$ SELECT a IS NULL AND b IS NULL AND difference IS NULL AND ci_low IS NULL AND ci_high IS NULL, n FROM advfair_compare('large', 'large', 'sure', eps_max => 1e-6, steps => 2) WHERE metric = 'cru_eps' $$,
				  $$ SELECT true, count(*) FROM sure $$, 'nor do models differ in it');
SELECT is(advfair_cru('large', 'sure', eps_max => 1e-6, steps => 2), NULL, 'CRU, likewise');
SELECT results_eq($$ SELECT a IS NULL, b IS NULL, difference IS NULL FROM advfair_compare('large', 'other', 'sure', eps_max => 1e-6, steps => 2) WHERE metric = 'cru_eps' $$,
				  $$ VALUES (true, false, true) $$, 'one model''s alone is no difference');

-- rows whose attribute is NULL are counted
SELECT results_eq($$ SELECT metric, class, grp, round(value::numeric, 9), n FROM advfair_audit('{large}', 'people', protected => '{known_race}', given => '<=50K') WHERE attribute IS NOT NULL AND metric <> ALL ('{group_confidence,selection_rate,demographic_parity_difference,demographic_parity_ratio}') $$,
	$$ SELECT 'attribute_missing', NULL, NULL, round(avg((known_race IS NULL)::int), 9), count(*) FROM people WHERE income = '<=50K'
	   UNION ALL SELECT 'eou', '>50K', NULL, round(advfair_eou('large', 'people', 'known_race', '>50K', '<=50K')::numeric, 9), count(known_race) FROM people WHERE income = '<=50K' $$,
	'rows without a value are counted, and take no part');
SELECT is_empty($$ SELECT * FROM advfair_audit('{large}', 'people', protected => '{race}') WHERE metric = 'attribute_missing' $$, 'where there are none, nothing is said');
SELECT results_eq($$ SELECT a = b AND difference = 0, n FROM advfair_compare('large', 'other', 'people', protected => '{known_race}') WHERE metric = 'attribute_missing' $$,
				  $$ VALUES (true, 600::bigint) $$, 'models do not differ in it');

-- outputs that are not finite are no class
CREATE TABLE huge AS SELECT i AS id, i::float8 AS a, CASE WHEN i % 2 = 0 THEN 'p' ELSE 'q' END AS y, i % 3 AS grp FROM generate_series(1, 20) i;
ALTER TABLE huge ADD PRIMARY KEY (id);
SELECT is(version, 1, 'trained on raw values') FROM advfair_train('raw', 'huge', 'y', '{a}', encoding => 'ordinal', scale => false, arch => '', epochs => 1);
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
	SELECT 'overflow', 1, task, '', '{}', advfair_build(advfair_describe(model), '{3e38,-3e38,0,0}') FROM advfair_model WHERE name = 'raw';
SELECT throws_like(call, '%the output of the network is not finite', call) FROM unnest(ARRAY[
	$$ SELECT advfair_class_accuracy('overflow', 'huge') $$, $$ SELECT advfair_cau('overflow', 'huge') $$, $$ SELECT advfair_predict('overflow', 'huge') $$,
	$$ SELECT advfair_audit('{overflow}', 'huge') $$, $$ SELECT advfair_audit('{overflow}', 'huge', protected => '{grp}') $$, $$ SELECT advfair_compare('raw', 'overflow', 'huge') $$,
	$$ SELECT advfair_eou('overflow', 'huge', 'grp', 'p') $$, $$ SELECT advfair_group_confidence('overflow', 'huge', 'a', 'p', mode => 'intervene') $$,
	$$ SELECT advfair_cru('overflow', 'huge', eps => 0.1) $$, $$ SELECT advfair_class_robustness('overflow', 'huge', '{0.1}') $$, $$ SELECT advfair_least_eps('overflow', 'huge', eps_max => 1) $$,
	$$ SELECT advfair_pgd('overflow', 'huge', eps => 0.1) $$, $$ SELECT advfair_fgsm('overflow', 'huge', eps => 0.1) $$,
	$$ SELECT advfair_predict(advfair_get('overflow'), h) FROM huge h $$, $$ SELECT advfair_confidence(advfair_get('overflow'), h, 'p') FROM huge h $$]) call;
-- and the row is named, wherever it lies in the data: by its id, or the number in which it arrived
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model) SELECT 'dropping', 1, task || '{"missing": "drop"}', '', '{}', model FROM advfair_model WHERE name = 'overflow';
SELECT throws_ok(call, '22003', name || ': the output of the network is not finite', call) FROM (VALUES
	($$ SELECT advfair_cau('overflow', 'SELECT * FROM huge ORDER BY id DESC') $$, 'row with id 20'),
	($$ SELECT advfair_cru('overflow', 'SELECT * FROM huge WHERE id > 7 ORDER BY id', eps => 0.1) $$, 'row with id 8'),
	($$ SELECT advfair_predict('dropping', 'SELECT ''x'' || id AS id, nullif(a, 5) AS a, y FROM huge WHERE id > 4 ORDER BY huge.id', key => NULL::text) $$, 'row with id x6'),
	($$ SELECT advfair_class_accuracy('dropping', 'SELECT ''x'' || id AS id, nullif(a, 5) AS a, y FROM huge WHERE id > 4 ORDER BY huge.id') $$, 'row 2'),
	($$ SELECT advfair_pgd('dropping', 'SELECT nullif(a, 5) AS a, y FROM huge WHERE id > 4 ORDER BY id', 0.1) $$, 'row 2')) v (call, name);

---- other errors ----

CREATE VIEW elders AS SELECT *, CASE WHEN age > 40 THEN '>50K' ELSE '<=50K' END AS elder FROM people;
SELECT is(version, 1, 'trained on another label') FROM advfair_train('elder', 'elders', 'elder', '{age,hours}', arch => '', epochs => 1);
SELECT throws_ok($$ SELECT * FROM advfair_compare('large', 'elder', 'elders') $$, '22023', 'model "elder@1" has another label than model "large@1"', 'other labels');
SELECT throws_ok($$ SELECT * FROM advfair_compare('large', 'job', 'people') $$, '22023', 'model "job@1" has other classes than model "large@1"', 'other classes');
SELECT throws_ok(format('SELECT * FROM advfair_audit(%s)', call), state, message, call)
FROM (VALUES
	($$'{}', 'people'$$, '22023', 'task key "models" must not be empty'),
	($$NULL, 'people'$$, '22023', 'task key "models" is missing'),
	($$'{large,NULL}', 'people'$$, '22004', 'argument "models" has a NULL element'),
	($$'{large,nobody}', 'people'$$, '42704', 'model "nobody" does not exist'),
	($$'{large@7}', 'people'$$, '42704', 'model "large@7" does not exist'),
	($$'{large}', NULL$$, '22023', 'task key "data" is missing'),
	($$'{large}', 'nowhere'$$, '42P01', 'relation "nowhere" does not exist'),
	($$'{large}', 'SELECT * FROM people LIMIT 0'$$, '22000', 'data "SELECT * FROM people LIMIT 0" has no rows'),
	($$'{large}', 'people', '{}'$$, '22023', 'task key "eps" must not be empty'),
	($$'{large}', 'people', '{0.1,NULL}'$$, '22004', 'argument "eps" has a NULL element'),
	($$'{large}', 'people', '{-0.1}'$$, '22023', 'task key "eps" is -0.1, but must be at least 0 and at most 1e+30'),
	($$'{large}', 'people', '{NaN}'$$, '22023', 'argument "eps" is NaN, but must be a finite number'),
	($$'{large}', 'people', eps_max => 0$$, '22023', 'task key "eps_max" is 0, but must be greater than 0 and at most 1e+30'),
	($$'{large}', 'people', protected => '{}'$$, '22023', 'task key "protected" must not be empty'),
	($$'{large}', 'people', protected => '{sex,colour}'$$, '42703', 'column "colour" does not exist in data "public.people"'),
	($$'{large}', 'people', given => 'rich'$$, '22023', 'the model has no class "rich"'),
	($$'{large}', 'people', level => 0$$, '22023', 'level is 0, but must lie between 0 and 1'),
	($$'{large}', 'people', level => 1$$, '22023', 'level is 1, but must lie between 0 and 1'),
	($$'{large}', 'people', level => 95$$, '22023', 'level is 95, but must lie between 0 and 1'),
	($$'{large}', 'people', replicates => 0$$, '22023', 'replicates is 0, but must be between 1 and 1000000'),
	($$'{large}', 'people', replicates => 1000001$$, '22023', 'replicates is 1000001, but must be between 1 and 1000000'),
	($$'{large}', 'people', '{0.1}', mutable => '{colour}'$$, '42703', 'mutable names column "colour", which the model does not have'),
	($$'{large}', 'people', workers => 1025$$, '22023', 'task key "workers" is 1025, but must be at least 0 and at most 1024')
	) v (call, state, message);
SELECT throws_ok(format('SELECT * FROM advfair_compare(%s)', call), '22023', message, call)
FROM (VALUES ($$'large', NULL, 'people'$$, 'task key "model_b" is missing'), ($$NULL, 'large', 'people'$$, 'task key "model_a" is missing'), ($$'large', 'other', NULL$$, 'task key "data" is missing')) v (call, message);

-- what is wrong with an attribute is told before the models are attacked, which would take minutes here
CREATE FUNCTION seconds(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE start timestamptz := clock_timestamp();
BEGIN
	EXECUTE query;
	RETURN NULL;
EXCEPTION WHEN undefined_column OR query_canceled THEN
	RETURN extract(epoch FROM clock_timestamp() - start);
END $$;
SET LOCAL statement_timeout = '20s';
SELECT cmp_ok(seconds($$ SELECT count(*) FROM advfair_audit('{large}', 'people', '{0.1}', '{sex,colour}', steps => 100000, restarts => 1000) $$), '<', 10::float8, 'attributes are looked at first');
SET LOCAL statement_timeout = 0;

-- cancelling: either would take minutes
SET LOCAL statement_timeout = '500ms';
SELECT cmp_ok(seconds($$ SELECT count(*) FROM advfair_audit('{large}', 'people', replicates => 1000000) $$), '<', 10::float8, 'resampling can be cancelled');
SET LOCAL statement_timeout = 0;
SET LOCAL statement_timeout = '500ms';
SELECT cmp_ok(seconds($$ SELECT count(*) FROM advfair_compare('large', 'large', 'people', '{0.1}', steps => 100000, restarts => 1000) $$), '<', 10::float8, 'attacking can be cancelled');
SET LOCAL statement_timeout = 0;
SELECT is((SELECT count(*) FROM advfair_progress), 0::bigint, 'and nothing goes on');
SELECT is((SELECT count(*) FROM advfair_audit('{large}', 'people')), 4::bigint, 'the next audit is as any other');
SELECT * FROM finish();
ROLLBACK;
