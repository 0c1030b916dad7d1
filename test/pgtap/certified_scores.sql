-- Scores from certificates: in audits, comparisons and conditions, as advfair_certify has the rows, and what is refused.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();
CREATE TABLE people AS SELECT *, nullif(race, 'Other') AS known_race FROM advfair_make_census(200, 4);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SET client_min_messages = warning;
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'people', 'income', exclude => '{known_race}', epochs => 15, learning_rate => 0.01, batch_size => 50);
SELECT is(version, 1, 'linear') FROM advfair_train('linear', 'people', 'income', exclude => '{known_race}', arch => '', epochs => 5, learning_rate => 0.01);
SELECT is(version, 1, 'gelu') FROM advfair_train('bent', 'people', 'income', exclude => '{known_race}', arch => 'dense 4, gelu', epochs => 1);

---- what they are, told from advfair_certify ----

CREATE TABLE asked AS SELECT * FROM (VALUES ('crown', 'linf', NULL::jsonb), ('ibp', 'linf', '{"tol": 1e-3}'), ('crown', 'l2', NULL), ('smoothing', 'l2', '{"sigma": 0.5, "n": 300}')) AS v (by, norm, settings);
CREATE TABLE proven AS SELECT a.by, a.norm, m.name || '@1' AS model, c.radius, c.abstained, c.prediction IS NOT DISTINCT FROM c.label AS is_right, p.income, p.sex, p.known_race
	FROM asked AS a, unnest('{m,linear}'::text[]) AS m (name), advfair_certify(m.name, 'people', a.by, a.norm, 0.5, a.settings, seed => 3) AS c JOIN people AS p ON p.person_id = c.id;
CREATE TABLE scores AS SELECT a.by, a.norm, s.* FROM asked AS a, advfair_audit('{m,linear}', 'people', '{0,0.05,0.2}', '{sex,known_race}', eps_max => 0.5, norm => a.norm, seed => 3, steps => 2, replicates => 50,
	certify => a.by, certify_settings => a.settings) AS s;
CREATE TABLE expected AS
	WITH p AS (SELECT *, CASE WHEN is_right THEN radius ELSE 0 END AS counts FROM proven), e AS (SELECT * FROM p, unnest('{0,0.05,0.2}'::float8[]) AS eps)
	SELECT by, norm, model, 'certified_accuracy' AS metric, eps, NULL AS class, NULL AS attribute, NULL AS grp, avg((is_right AND radius >= eps)::int)::float8 AS value, count(*) AS n FROM e GROUP BY by, norm, model, eps
	UNION ALL SELECT by, norm, model, 'class_certified_accuracy', eps, income, NULL, NULL, avg((is_right AND radius >= eps)::int)::float8, count(*) FROM e GROUP BY by, norm, model, eps, income
	UNION ALL SELECT by, norm, model, 'group_certified_accuracy', eps, NULL, 'sex', sex, avg((is_right AND radius >= eps)::int)::float8, count(*) FROM e GROUP BY by, norm, model, eps, sex
	UNION ALL SELECT by, norm, model, 'group_certified_accuracy', eps, NULL, 'known_race', known_race, avg((is_right AND radius >= eps)::int)::float8, count(*) FROM e WHERE known_race IS NOT NULL GROUP BY by, norm, model, eps, known_race
	UNION ALL SELECT by, norm, model, 'mean_radius', NULL, NULL, NULL, NULL, avg(counts), count(*) FROM p GROUP BY by, norm, model
	UNION ALL SELECT by, norm, model, 'class_radius', NULL, income, NULL, NULL, avg(counts), count(*) FROM p GROUP BY by, norm, model, income
	UNION ALL SELECT by, norm, model, 'group_radius', NULL, NULL, 'sex', sex, avg(counts), count(*) FROM p GROUP BY by, norm, model, sex
	UNION ALL SELECT by, norm, model, 'group_radius', NULL, NULL, 'known_race', known_race, avg(counts), count(*) FROM p WHERE known_race IS NOT NULL GROUP BY by, norm, model, known_race
	UNION ALL SELECT by, norm, model, 'cru_cert', NULL, NULL, NULL, NULL, max(v) - min(v), sum(n)::bigint FROM (SELECT by, norm, model, avg(counts) AS v, count(*) AS n FROM p GROUP BY by, norm, model, income) AS c GROUP BY by, norm, model;
SELECT is_empty($$ SELECT * FROM expected AS e FULL JOIN (SELECT * FROM scores WHERE metric ~ 'certified|radius|cru_cert') AS s
	ON (e.by, e.norm, e.model, e.metric, coalesce(e.eps, -1), coalesce(e.class, ''), coalesce(e.attribute, ''), coalesce(e.grp, '')) = (s.by, s.norm, s.model, s.metric, coalesce(s.eps, -1), coalesce(s.class, ''), coalesce(s.attribute, ''), coalesce(s.grp, ''))
	WHERE (abs(e.value - s.value) < 1e-12 AND e.n = s.n) IS NOT TRUE $$, 'scores are what the rows of advfair_certify come to');
SELECT is((SELECT count(*) FROM expected), (SELECT count(*) FROM scores WHERE metric ~ 'certified|radius|cru_cert'), 'and there are no more of them');
SELECT ok(bool_and(ci_low <= value AND value <= ci_high AND (ci_low < ci_high OR eps IS NOT NULL AND value IN (0, 1))), 'intervals hold the means') FROM scores WHERE metric ~ 'certified_accuracy|radius';
SELECT ok(count(*) = 8 AND bool_and(ci_low <= ci_high AND ci_low >= 0), 'gaps have intervals') FROM scores WHERE metric = 'cru_cert';
SELECT ok(bool_and(c.value <= r.value), 'no more is proven than withstands, ' || by || ' ' || norm || ' ' || c.model) FROM scores AS c JOIN scores AS r USING (by, norm, model, eps)
	WHERE c.metric = 'certified_accuracy' AND r.metric = 'robust_accuracy' AND by <> 'smoothing' GROUP BY by, norm, c.model ORDER BY by, norm, c.model;
SELECT ok(bool_and(c.value <= l.value), 'nor farther than the least eps, ' || by || ' ' || norm) FROM scores AS c JOIN scores AS l USING (by, norm, model, class)
	WHERE c.metric = 'class_radius' AND l.metric = 'least_eps' AND by <> 'smoothing' GROUP BY by, norm ORDER BY by, norm;
SELECT is(c.value, a.value, 'at eps 0 the network is as it is, ' || by || ' ' || norm || ' ' || c.model) FROM scores AS c JOIN scores AS a USING (by, norm, model) WHERE c.metric = 'certified_accuracy' AND c.eps = 0 AND a.metric = 'accuracy' AND by = 'crown'
	ORDER BY by, norm, c.model;
SELECT is_empty($$ (SELECT model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n FROM scores WHERE by = 'crown' AND norm = 'linf' AND metric !~ 'certified|radius|cru_cert') EXCEPT ALL
	SELECT * FROM advfair_audit('{m,linear}', 'people', '{0,0.05,0.2}', '{sex,known_race}', eps_max => 0.5, seed => 3, steps => 2, replicates => 50) $$, 'all other scores are what they are without');

-- up to which eps
SELECT is((SELECT array_agg(metric || coalesce(eps::text, '') || coalesce(class, '')) FROM advfair_audit('{m}', 'people', certify => 'crown', eps => '{0.1,0.05}', steps => 1, replicates => 1) WITH ORDINALITY AS a (model, metric, eps, class, attribute, grp, value, ci_low, ci_high, n, at)
	WHERE metric ~ 'certified|radius|cru'), '{cru_s0.1,cru_s0.05,certified_accuracy0.1,class_certified_accuracy0.1<=50K,class_certified_accuracy0.1>50K,certified_accuracy0.05,class_certified_accuracy0.05<=50K,class_certified_accuracy0.05>50K,mean_radius,class_radius<=50K,class_radius>50K,cru_cert}',
	'without eps_max there is no search, and rows are certified up to the largest eps');
SELECT is((SELECT value::numeric(20, 12) FROM advfair_audit('{linear}', 'people', certify => 'crown', eps => '{0.1,0.05}', steps => 1, replicates => 1) WHERE metric = 'mean_radius'),
	(SELECT avg(CASE WHEN label = prediction THEN radius ELSE 0 END)::numeric(20, 12) FROM advfair_certify('linear', 'people', 'crown', eps_max => 0.1)), 'of which the mean radius is at most that');
SELECT ok(value > 0, 'smoothing has an end of its own') FROM advfair_audit('{m}', 'people', certify => 'smoothing', norm => 'l2', certify_settings => '{"n": 200}', replicates => 1) WHERE metric = 'mean_radius';
SELECT is((SELECT value FROM advfair_audit('{m}', 'people', '{0.1}', certify => 'smoothing', norm => 'l2', certify_settings => '{"n": 200}', steps => 1, replicates => 1, mutable => '{age}', eps_unit => 'sd') WHERE metric = 'certified_accuracy'),
	(SELECT avg((label = prediction AND radius >= 0.1)::int)::float8 FROM (SELECT label, coalesce(prediction, '') AS prediction, radius FROM advfair_certify('m', 'people', 'smoothing', 'l2', settings => '{"n": 200}', mutable => '{age}', eps_unit => 'sd')) AS c), 'the ball is that of the attack');
SELECT is((SELECT value::numeric(20, 12) FROM advfair_audit('{m}', 'people', eps_max => 0.2, certify => 'crown', certify_settings => '{"tol": 0.01}', clip_min => -1, clip_max => 1, steps => 1, replicates => 1) WHERE metric = 'mean_radius'),
	(SELECT avg(CASE WHEN label = prediction THEN radius ELSE 0 END)::numeric(20, 12) FROM advfair_certify('m', 'people', eps_max => 0.2, clip_min => -1, clip_max => 1, settings => '{"tol": 0.01}')), 'with its range, and the settings that are given');
SELECT is((SELECT md5(string_agg(a::text, '' ORDER BY metric, eps, class)) FROM advfair_audit('{m}', 'people', '{0.1}', certify => 'crown', steps => 1, workers => 1) AS a),
	(SELECT md5(string_agg(a::text, '' ORDER BY metric, eps, class)) FROM advfair_audit('{m}', 'people', '{0.1}', certify => 'crown', steps => 1, workers => 3) AS a), 'the number of workers does not matter');
SELECT is((SELECT sum(n)::int FROM advfair_audit('{m}', 'people', '{0.1}', '{sex}', '>50K', steps => 1, replicates => 1, certify => 'ibp') WHERE metric = 'group_radius'), (SELECT count(*)::int FROM people WHERE income = '>50K'), 'groups are of the rows whose label is given');

-- what is not known is NULL
SELECT is((SELECT value FROM advfair_audit('{linear}', 'SELECT * FROM people JOIN (SELECT id FROM advfair_predict(''linear'', ''people'') WHERE label = prediction AND confidence > 0.51) AS sure ON id = person_id', '{1e-9}', certify => 'crown', steps => 1, replicates => 1, id => 'person_id')
	WHERE metric = 'cru_cert'), NULL, 'where all rows reach eps_max the gap is not known');
SELECT is((SELECT value FROM advfair_audit('{m}', 'people', eps_max => 0.5, certify => 'smoothing', norm => 'l2', certify_settings => '{"n": 2}', steps => 1, replicates => 1) WHERE metric = 'cru_cert'), NULL, 'nor where nothing is proven');
SELECT is((SELECT value FROM advfair_audit('{m}', 'SELECT * FROM people WHERE income = ''>50K''', '{0.1}', certify => 'crown', steps => 1, replicates => 1) WHERE metric = 'cru_cert'), NULL, 'nor where one class has rows');

SELECT is(c.value, a.value, 'with eps 0 alone it is the accuracy') FROM (SELECT * FROM advfair_audit('{m}', 'people', '{0}', certify => 'ibp', steps => 1, replicates => 1)) AS c, advfair_audit('{m}', 'people', replicates => 1) AS a
	WHERE c.metric = 'certified_accuracy' AND a.metric = 'accuracy';
SELECT ok(a > 0 AND b IS NULL AND difference IS NULL AND ci_low IS NULL, 'a gap that is not known of one of two models is no difference')
	FROM advfair_compare('m', 'linear', 'SELECT * FROM people JOIN (SELECT id FROM advfair_predict(''linear'', ''people'') WHERE label = prediction AND confidence > 0.51) AS sure ON id = person_id', '{1e-9}', certify => 'crown', steps => 1, replicates => 10, id => 'person_id')
	WHERE metric = 'cru_cert';

---- comparisons, conditions, jobs ----

SELECT is_empty($$ SELECT * FROM advfair_compare('m', 'linear', 'people', '{0,0.05,0.2}', '{sex,known_race}', eps_max => 0.5, seed => 3, steps => 2, replicates => 50, certify => 'crown') AS c
	FULL JOIN (SELECT * FROM scores WHERE by = 'crown' AND norm = 'linf' AND model = 'm@1') AS a ON (c.metric, coalesce(c.eps, -1), coalesce(c.class, ''), coalesce(c.attribute, ''), coalesce(c.grp, '')) = (a.metric, coalesce(a.eps, -1), coalesce(a.class, ''), coalesce(a.attribute, ''), coalesce(a.grp, ''))
	WHERE (c.a = a.value AND abs(c.b - c.a - c.difference) < 1e-12) IS NOT TRUE $$, 'comparisons have them, too');
SELECT is(promoted, true, 'a condition on them') FROM advfair_retrain('m', 'certified_accuracy <= robust_accuracy AND mean_radius > 0 AND cru_cert >= 0 AND "class_radius_>50K" >= 0 AND old.mean_radius > 0 AND "group_radius_sex_Male" >= 0 AND "group_certified_accuracy_sex_Male" >= 0',
	data => 'people', eps => 0.05, steps => 2, certify => 'crown');
SELECT is((SELECT count(*) FROM advfair_metric_log WHERE metric ~ '^(certified_accuracy|mean_radius|cru_cert|class_radius_.50K|class_radius_<=50K|group_radius_sex_(Fem|M)ale)$' AND value IS NOT NULL), 7::bigint, 'the log has them');
SELECT is(promoted || ' ' || reason, 'false cru_cert < 1 is NULL: cru_cert is NULL (nothing is proven of any row)', 'a gap that is not known is a reason')
	FROM advfair_retrain('m', 'cru_cert < 1', data => 'people', norm => 'l2', certify => 'smoothing', certify_settings => '{"n": 2}');
SELECT is(promoted, true, 'certify alone has versions judged') FROM advfair_retrain('linear', data => 'people', eps_max => 0.1, certify => 'ibp');
SELECT lives_ok($$ SELECT advfair_submit('{"kind": "audit", "models": ["m"], "data": "people", "eps_max": {"age": 3}, "certify": "crown", "certify_settings": {"tol": 0.1}, "into": "audited"}') $$, 'a job');

---- what is refused ----

SELECT throws_like($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify => 'deeppoly') $$, '%"certify" is "deeppoly", but must be one of: crown, ibp, smoothing%', 'a method there is not');
SELECT throws_ok($$ SELECT advfair_audit('{m}', 'people', certify => 'crown') $$, '22023', 'task key "eps_max" is missing', 'neither eps_max nor eps');
SELECT throws_ok($$ SELECT advfair_audit('{m}', 'people', eps => '{0.1,0.3}', eps_max => 0.2, certify => 'crown') $$, '22023', 'task key "eps" is 0.3, but rows are certified up to eps_max, 0.2, alone', 'an eps beyond eps_max');
SELECT throws_ok($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify_settings => '{"tol": 1}') $$, '22023', 'task key "certify_settings" is given, but nothing is certified without certify', 'settings of nothing');
SELECT throws_ok($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify => 'crown', certify_settings => '{"sigma": 1}') $$, '22023', 'unknown key "sigma" in certify_settings', 'settings of another method');
SELECT throws_like($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify => 'crown', certify_settings => '{"tol": 0}') $$, '%certify_settings.tol%', 'tol 0');
SELECT throws_like($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify => 'crown', certify_settings => '[1]') $$, '%"certify_settings"%', 'no object');
SELECT throws_like($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify => 'smoothing') $$, '%smoothing certifies perturbations in the L2 norm%', 'smoothing in another norm');
SELECT throws_like($$ SELECT advfair_audit('{m,bent}', 'people', eps_max => 1, certify => 'crown') $$, '%what a layer of kind gelu gives cannot be bounded%', 'a layer that cannot be bounded');
SELECT throws_like($$ SELECT advfair_audit('{m}', 'people', eps_max => 1, certify => 'crown', clip_min => 2, clip_max => 1) $$, '%clip_min%', 'a clip range without inside');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'cru_cert < 1', data => 'people', eps_max => 1) $$, '22023', 'task key "certify" is missing: metric cru_cert is that of certificates', 'a condition on what is not asked for');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'certified_accuracy > 0', data => 'people', eps_max => 1, certify => 'crown') $$, '22023', 'task key "eps" is missing: metric certified_accuracy is that of certificates', 'nor at which eps');
SELECT throws_like($$ SELECT advfair_retrain('bent', 'mean_radius > 0', data => 'people', eps_max => 1, certify => 'crown') $$, '%what a layer of kind gelu gives cannot be bounded%', 'it is told before the training');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'true', data => 'people', certify_settings => '{}') $$, '22023', 'task key "certify_settings" is given, but nothing is certified without certify', 'retrainings read them as audits do');
SELECT throws_like($$ SELECT advfair_submit('{"kind": "compare", "model_a": "m", "model_b": "m", "data": "people", "certify": 3, "into": "t"}') $$, '%"certify"%', 'no name');
SELECT throws_ok($$ SELECT advfair_retrain('m', 'class_radiu > 0', data => 'people') $$, '22023', '"class_radiu" is not a metric', 'a name that is none');
SELECT * FROM finish();
ROLLBACK;
