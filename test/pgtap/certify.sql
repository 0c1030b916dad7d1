-- Certificates by SQL: what is proven is never more than what an attack finds, and what is refused.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();
CREATE TABLE people AS SELECT * FROM advfair_make_census(200, 4);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SET client_min_messages = warning;
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'people', 'income', epochs => 15, learning_rate => 0.01, batch_size => 50);
SELECT is(version, 1, 'linear') FROM advfair_train('linear', 'people', 'income', arch => '', epochs => 5, learning_rate => 0.01);

-- the sandwich, for both norms and for units of columns
CREATE TABLE ball AS SELECT * FROM (VALUES ('linf', '1'::jsonb, 'input', NULL::text[]), ('l2', '2', 'input', NULL), ('linf', '2', 'sd', '{age,hours}'),
	('linf', '{"age": 3, "education": 0.5}', 'input', NULL)) AS v (norm, eps, unit, mutable);
CREATE TABLE found AS SELECT b.norm, b.eps::text AS ball, r.* FROM ball AS b, advfair_least_eps('m', 'people', b.eps, norm => b.norm, eps_unit => b.unit, mutable => b.mutable, attack => 'fab') AS r;
CREATE TABLE proven AS SELECT b.norm, b.eps::text AS ball, k AS by, r.* FROM ball AS b, unnest('{crown,ibp}'::text[]) AS k,
	advfair_certify('m', 'people', k, b.norm, b.eps, mutable => b.mutable, eps_unit => b.unit) AS r;
SELECT ok(count(*) = 200 AND bool_and(prediction <> p.label OR p.radius <= f.eps), by || ' proves no more than is found, ' || norm || ' ' || ball)
	FROM proven AS p JOIN found AS f USING (norm, ball, id) GROUP BY by, norm, ball ORDER BY by, norm, ball;
SELECT ok(avg(radius) > 0, by || ' proves something, ' || norm || ' ' || ball) FROM proven WHERE by = 'crown' GROUP BY by, norm, ball ORDER BY by, norm, ball;
SELECT ok(bool_and(c.radius >= i.radius - 2e-4), 'crown is never worse than ibp') FROM proven AS c JOIN proven AS i USING (norm, ball, id) WHERE c.by = 'crown' AND i.by = 'ibp';
SELECT is((SELECT count(*) FROM advfair_certify('linear', 'people', 'crown', eps_max => 100) AS p JOIN advfair_least_eps('linear', 'people', 100, attack => 'fab') AS f USING (id)
	WHERE p.prediction = p.label AND abs(p.radius - f.eps) > 1e-3 * (1 + f.eps)), 0::bigint, 'of a linear model both are the same');

-- what predictions are, whoever computes them
SELECT is((SELECT count(*) FROM proven AS p JOIN advfair_predict('m', 'people') AS q USING (id) WHERE p.prediction IS DISTINCT FROM q.prediction OR p.abstained), 0::bigint, 'predictions are those of the network');
SELECT is((SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM advfair_certify('m', 'people', 'crown', eps_max => 1, workers => 1) AS r),
	(SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM advfair_certify('m', 'people', 'crown', eps_max => 1, workers => 3) AS r), 'any number of workers gives the same');
SELECT ok(bool_and(radius <= 0.001), 'no radius is beyond eps_max') FROM advfair_certify('m', 'people', eps_max => 0.001);
SELECT ok(bool_and(a.radius <= b.radius + 1e-9 AND b.radius - a.radius <= 0.0101), 'tol is what a radius may be short of') FROM advfair_certify('m', 'people', eps_max => 1, settings => '{"tol": 1e-2}') AS a
	JOIN advfair_certify('m', 'people', eps_max => 1, settings => '{"tol": 1e-6}') AS b USING (id);
SELECT is((SELECT count(*) FROM advfair_certify('m', 'SELECT * FROM people LIMIT 0', eps_max => 1)), 0::bigint, 'no rows');
SELECT is((SELECT pg_typeof(id)::text FROM advfair_certify('m', 'SELECT * FROM people LIMIT 1', key => NULL::text, eps_max => 1, id => 'person_id')), 'text', 'ids have the type of key');

CREATE TABLE unlabelled AS SELECT * FROM people;
ALTER TABLE unlabelled DROP income;
SELECT is((SELECT count(*) FROM advfair_certify('m', 'unlabelled', eps_max => 1, id => 'person_id') WHERE label IS NULL), 200::bigint, 'rows need no label');

-- beside what a search finds
CREATE TABLE both_sides AS SELECT b.norm, b.eps::text AS ball, r.* FROM ball AS b, advfair_least_eps('m', 'people', b.eps, norm => b.norm, eps_unit => b.unit, mutable => b.mutable, attack => 'fab', certified => true) AS r;
SELECT is_empty('(SELECT norm, ball, id, label, eps, censored FROM both_sides) EXCEPT ALL SELECT norm, ball, id, label, eps, censored FROM found', 'a search that certifies finds what one finds that does not');
SELECT is_empty($$ SELECT * FROM both_sides AS b JOIN proven AS p USING (norm, ball, id) WHERE p.by = 'crown' AND b.radius IS DISTINCT FROM CASE WHEN p.prediction = p.label THEN p.radius ELSE 0 END $$, 'radii are those of crown, 0 where the prediction is wrong');
SELECT ok(count(*) = 800 AND bool_and(radius <= eps) AND bool_or(radius > 0 AND radius < eps), 'least eps lie between what is proven and what is found') FROM both_sides;
SELECT is(count(radius), 0::bigint, 'without certified there are no radii') FROM found;
SELECT is(count(radius), 0::bigint, 'nor with false') FROM advfair_least_eps('m', 'people', 1, steps => 1, certified => false);
SELECT is((SELECT avg(radius) FROM advfair_least_eps('m', 'people', 1, key => NULL::text, steps => 1, certified => true, id => 'person_id')), (SELECT avg(radius) FROM advfair_least_eps('m', 'people', 1, steps => 1, certified => true)), 'with key, too');
SELECT ok(bool_and(radius <= eps), 'what may change in truth is part of what is certified') FROM advfair_least_eps('m', 'people', 1, feasible => true, certified => true, steps => 3);
SELECT is(count(*), 0::bigint, 'no rows') FROM advfair_least_eps('m', 'SELECT * FROM people LIMIT 0', 1, certified => true);
CREATE TABLE drawn AS SELECT advfair_chart('least_eps', '{m,linear}', 'people', eps_max => 0.5, attack => 'fab', certify => 'crown') AS chart;
SELECT ok(chart::text LIKE '%dashed: proven bound%' AND bool_and((p ->> 'value')::float8 >= (f ->> 'value')::float8) AND count(*) = 164, 'a chart has both: what is not proven is no less than what is broken')
	FROM drawn, jsonb_array_elements(chart #> '{data,values}') AS p, jsonb_array_elements(chart #> '{data,values}') AS f WHERE p ->> 'what' = 'proven' AND f ->> 'what' = 'found' AND p - 'what' - 'value' = f - 'what' - 'value' GROUP BY chart;
SELECT is((SELECT max((v ->> 'value')::float8) FROM drawn, jsonb_array_elements(chart #> '{data,values}') AS v WHERE v ->> 'model' = 'm' AND v ->> 'class' = '>50K' AND v ->> 'what' = 'proven' AND (v ->> 'eps')::float8 = 0),
	(SELECT avg((eps = 0)::int)::float8 FROM found WHERE label = '>50K' AND norm = 'linf' AND ball = '1'), 'rows that are misclassified are broken by nothing');
SELECT throws_ok($$ SELECT advfair_chart('least_eps', '{m}', 'people', eps_max => 0.5, certify => 'ibp') $$, '22023', 'certify is "ibp", but must be one of: crown', 'by crown alone');
SELECT throws_ok($$ SELECT advfair_least_eps('m', 'people', 1, targeted => '>50K', certified => true) $$, '22023', 'task key "certified" is not for targeted: a certificate is about all other classes', 'no certificate of a target');
SELECT throws_ok($$ SELECT advfair_submit('{"kind": "class_least_eps", "model": "m", "data": "people", "eps_max": 1, "certified": true, "into": "t"}') $$, '22023', 'unknown task key "certified"', 'it is about rows, not classes');
SELECT lives_ok($$ SELECT advfair_submit('{"kind": "least_eps", "model": "m", "data": "people", "eps_max": 1, "certified": true, "into": "t"}') $$, 'a job');

-- smoothing
CREATE TABLE smooth AS SELECT * FROM advfair_certify('m', 'people', 'smoothing', 'l2', settings => '{"sigma": 0.5, "n": 500}', seed => 1);
SELECT ok(bool_and((radius > 0) <> abstained AND (prediction IS NULL) = abstained) AND count(*) FILTER (WHERE NOT abstained) > 100, 'a row has a radius, or none is claimed') FROM smooth;
SELECT is((SELECT md5(string_agg(s::text, '' ORDER BY id)) FROM smooth AS s),
	(SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM advfair_certify('m', 'people', 'smoothing', 'l2', settings => '{"sigma": 0.5, "n": 500}', seed => 1, workers => 1) AS r), 'the same noise whoever draws it');
SELECT ok(bool_and(radius <= 0.1), 'up to eps_max') FROM advfair_certify('m', 'people', 'smoothing', 'l2', 0.1, settings => '{"n": 100}');

-- training for it
SELECT is(version, 1, 'trained for certificates') FROM advfair_adv_train('safe', 'people', 'income', eps => 0.2, method => 'ibp', epochs => 15, learning_rate => 0.01, batch_size => 50);
SELECT ok((SELECT avg(radius * (prediction = label)::int) FROM advfair_certify('safe', 'people', 'ibp', eps_max => 2)) > 3 * (SELECT avg(radius * (prediction = label)::int) FROM advfair_certify('m', 'people', 'crown', eps_max => 2)),
	'which are larger by far');
SELECT ok(avg((prediction = label)::int) > 0.6, 'and it is a classifier') FROM advfair_predict('safe', 'people');
SELECT is(task - '{data,model,label,arch,session,source}'::text[] @> '{"method": "ibp", "eps": 0.2}' AND NOT task ?| '{attack,steps,alpha,restarts,random_start}', true, 'its task says nothing of attacks') FROM advfair_model WHERE name = 'safe';
SELECT is((SELECT md5(model) FROM advfair_get('safe') AS model), (SELECT md5(advfair_fit(task - 'model' || '{"workers": 1}')) FROM advfair_model WHERE name = 'safe'), 'again by one worker: the same bytes');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', method => 'ibp')$$, '%eps%missing%', 'no eps');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', eps => 0.1, steps => 3, method => 'ibp')$$, '%"steps" is no setting of method ibp%', 'steps');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', eps => 0.1, attack => 'apgd_ce', method => 'ibp')$$, '%"attack" is no setting of method ibp%', 'an attack');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', eps => 0.1, norm => 'l2', method => 'ibp')$$, '%L-infinity%', 'another norm');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', eps => 0.1, method => 'ibp', arch => 'dense 3, gelu')$$, '%gelu%', 'gelu');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', eps => 0.1, method => 'ibp', settings => '{"warmup": 0.8, "ramp": 0.5}')$$, '%warmup and ramp%', 'more than all of the training');
SELECT throws_like($$SELECT advfair_adv_train('x', 'people', 'income', eps => 0.1, method => 'pgd', settings => '{"kappa": 0.5}')$$, '%kappa%', 'a setting of another method');

-- jobs
SELECT lives_ok($$SELECT advfair_submit('{"kind": "certify", "model": "m", "data": "people", "eps_max": 1, "method": "ibp", "into": "radii"}')$$, 'a task of kind certify');
SELECT throws_ok($$SELECT advfair_submit('{"kind": "certify", "model": "m", "data": "people", "eps_max": 1, "steps": 3, "into": "radii"}')$$, '22023', NULL, 'whose keys are its own');

SELECT is((SELECT avg(radius) FROM advfair_certify('m', 'people', eps_max => '{"age": 3}')), (SELECT avg(radius) FROM advfair_certify('m', 'people', eps_max => '{"age": 3}'::jsonb)), 'eps by column as a literal');

-- convolutions by Winograd's algorithm
CREATE TABLE pictures AS SELECT i, CASE WHEN i % 2 = 0 THEN 'dark' ELSE 'light' END AS kind, decode(string_agg(lpad(to_hex((i % 2) * 100 + (i * 7 + k * 13) % 90), 2, '0'), ''), 'hex') AS picture
	FROM generate_series(1, 60) AS i, generate_series(1, 64) AS k GROUP BY i;
SELECT is(version, 1, 'a network of convolutions') FROM advfair_train('shades', 'SELECT kind, picture FROM pictures', 'kind', input_shape => '{1,8,8}', arch => 'conv 16x3, relu, conv 16x3, relu, globalpool', epochs => 20, batch_size => 10, learning_rate => 0.01);
SELECT ok(avg(m.radius) > 0 AND avg(m.radius) >= avg(p.radius), 'what is measured proves more') FROM advfair_certify('shades', 'SELECT * FROM pictures', 'crown', settings => '{"rounding": "measured"}', id => 'i') AS m
	JOIN advfair_certify('shades', 'SELECT * FROM pictures', 'crown', id => 'i') AS p USING (id);

-- what is refused
SELECT throws_like($$SELECT advfair_certify('m', 'people', eps_max => 1, settings => '{"rounding": "none"}')$$, '%"settings.rounding" is "none", but must be one of: proven, measured%', 'rounding of another kind');
SELECT throws_like($$SELECT advfair_certify('m', 'people', 'deeppoly', eps_max => 1)$$, '%"method" is "deeppoly", but must be one of: crown, ibp, smoothing%', 'a method there is not');
SELECT throws_like($$SELECT advfair_certify('m', 'people')$$, '%"eps_max" is missing%', 'no eps_max');
SELECT throws_like($$SELECT advfair_certify('m', 'people', eps_max => 0)$$, '%"eps_max" is 0%', 'eps_max 0');
SELECT throws_like($$SELECT advfair_certify('m', 'people', eps_max => 1, settings => '{"tol": 0}')$$, '%tol%', 'tol 0');
SELECT throws_like($$SELECT advfair_certify('m', 'people', eps_max => 1, settings => '{"sigma": 1}')$$, '%unknown key "sigma" in settings%', 'a setting of another method');
SELECT throws_like($$SELECT advfair_certify('m', 'people', 'smoothing')$$, '%smoothing certifies perturbations in the L2 norm%', 'smoothing in another norm');
SELECT throws_like($$SELECT advfair_certify('m', 'people', 'smoothing', 'l2', settings => '{"sigma": 0}')$$, '%sigma%', 'no noise');
SELECT throws_like($$SELECT advfair_certify('m', 'people', eps_max => 1, mutable => '{hair}')$$, '%mutable names column "hair"%', 'a column there is not');
SELECT throws_like($$SELECT advfair_certify('nobody', 'people', eps_max => 1)$$, '%"nobody"%', 'a model there is not');
SELECT throws_like($$SELECT advfair_certify('m', 'people', eps_max => 1, clip_min => 2, clip_max => 1)$$, '%clip_min%', 'a clip range without inside');
SELECT is(version, 1, 'gelu') FROM advfair_train('bent', 'people', 'income', arch => 'dense 4, gelu', epochs => 1);
SELECT throws_like($$SELECT advfair_certify('bent', 'people', eps_max => 1)$$, '%what a layer of kind gelu gives cannot be bounded%', 'a layer that cannot be bounded');
SELECT throws_like($$ SELECT advfair_least_eps('bent', 'people', 1, certified => true) $$, '%what a layer of kind gelu gives cannot be bounded%', 'nor certified beside a search');
SELECT ok(count(*) = 200, 'but smoothed') FROM advfair_certify('bent', 'people', 'smoothing', 'l2', settings => '{"n": 100}');
SELECT * FROM finish();
ROLLBACK;
