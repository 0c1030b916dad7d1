-- AutoAttack and its members, by SQL: on tables and images, what is said of each row, where it is taken, what is refused.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();
CREATE TABLE people AS SELECT * FROM advfair_make_census(400, 4);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'people', 'income', epochs => 15, learning_rate => 0.01, batch_size => 50);
SET client_min_messages = warning;
CREATE TABLE tried AS SELECT a.attack AS by, r.* FROM unnest('{pgd,apgd_ce,apgd_dlr,apgd_t,fab,fab_t,square,autoattack,autoattack_plus}'::text[]) AS a (attack),
	advfair_attack('m', 'people', 0.05, attack => a.attack, settings => CASE WHEN a.attack ~ 'auto' THEN '{"queries": 300}'::jsonb WHEN a.attack = 'square' THEN '{"steps": 300}' END) AS r;

-- each row
SELECT ok(bool_and(linf <= 0.05 * (1 + 1e-6)), by || ' keeps to the ball') FROM tried GROUP BY by ORDER BY by;
SELECT ok(bool_and(success = (adversarial <> label)), by || ' tells success by class') FROM tried GROUP BY by ORDER BY by;
SELECT ok(bool_and((attack IS NOT NULL) = (success AND prediction = label)), by || ' names what broke a row') FROM tried GROUP BY by ORDER BY by;
SELECT ok(count(*) > 20, by || ' breaks rows') FROM tried WHERE attack IS NOT NULL GROUP BY by ORDER BY by;
SELECT ok(bool_and(gradients = 0), 'square asks for no gradient') FROM tried WHERE by = 'square';
SELECT ok(bool_and(forwards <= 401), 'an attack of 300 queries takes no more passes') FROM tried WHERE by = 'square';

-- the ensemble breaks all that its members break
SELECT is((SELECT count(*) FROM tried AS m JOIN tried AS a USING (id)
	WHERE m.by IN ('apgd_ce', 'apgd_t', 'fab_t', 'square') AND a.by = 'autoattack' AND m.success AND NOT a.success), 0::bigint,
	'no row withstands autoattack that falls to a member');
SELECT ok(bool_and(attack IN ('apgd_ce', 'apgd_t', 'fab_t', 'square') OR attack IS NULL), 'members are named, not the ensemble') FROM tried WHERE by = 'autoattack';
SELECT is((SELECT md5(string_agg(x::text || forwards, '' ORDER BY id)) FROM advfair_attack('m', 'people', 0.05, attack => 'autoattack', settings => '{"queries": 100}', workers => 1)),
	(SELECT md5(string_agg(x::text || forwards, '' ORDER BY id)) FROM advfair_attack('m', 'people', 0.05, attack => 'autoattack', settings => '{"queries": 100}', workers => 3)),
	'any number of workers gives the same');

-- columns of their own, some fixed, other norms
SELECT ok(bool_and(l2 <= 0.3 * (1 + 1e-6)), 'L2: ' || a || ' keeps to the ball')
	FROM unnest('{apgd_ce,apgd_t,fab,fab_t,square,autoattack}'::text[]) AS a,
	advfair_attack('m', 'people', 0.3, attack => a, norm => 'l2', settings => CASE WHEN a = 'autoattack' THEN '{"queries": 100}'::jsonb END) GROUP BY a ORDER BY a;
CREATE TABLE clean AS SELECT id, x FROM advfair_attack('m', 'people', 0, attack => 'pgd');
SELECT ok(bool_and(r.x[2:] = c.x[2:]) AND bool_or(r.x[1] <> c.x[1]), a || ' moves what is mutable alone')
	FROM unnest('{apgd_ce,apgd_t,fab,fab_t,square}'::text[]) AS a, advfair_attack('m', 'people', 1, attack => a, mutable => '{age}') AS r JOIN clean AS c USING (id) GROUP BY a ORDER BY a;
SELECT ok(bool_and(linf <= 3 * (1 + 1e-6)) AND bool_and(c.x[2:] = r.x[2:]), 'eps by column') FROM advfair_attack('m', 'people', '{"age": 3}'::jsonb, attack => 'autoattack', settings => '{"queries": 50}') AS r
	JOIN clean AS c USING (id);
SELECT ok(bool_and(success = (adversarial = '>50K')) AND count(attack) > 0, a || ' reaches a target') FROM unnest('{apgd_ce,apgd_dlr,apgd_t,fab,fab_t,square}'::text[]) AS a,
	advfair_attack('m', 'people', 0.1, attack => a, targeted => '>50K') WHERE label <> '>50K' GROUP BY a ORDER BY a;
SELECT ok(count(*) > 0 AND bool_and(linf <= 0.5 * (1 + 1e-6)), a || ' finds feasible examples') FROM unnest('{apgd_ce,fab,square}'::text[]) AS a,
	advfair_attack('m', 'people', 0.5, attack => a, feasible => true) WHERE attack IS NOT NULL GROUP BY a ORDER BY a;

-- images that are not square, of four classes
CREATE TABLE pictures AS SELECT i AS image_id, (i % 4)::text AS label, decode(string_agg(lpad(to_hex((hashint4(i % 4 * 60 + p) & 127) + (hashint4(200 * i + p) & 63)), 2, '0'), '' ORDER BY p), 'hex') AS image
	FROM generate_series(1, 120) AS i, generate_series(0, 59) AS p GROUP BY i;
ALTER TABLE pictures ADD PRIMARY KEY (image_id);
SELECT is(version, 1, 'trained on images') FROM advfair_train('p', 'pictures', 'label', input_shape => '{1,6,10}', epochs => 15, learning_rate => 0.01, batch_size => 30,
	arch => 'conv 8x3, relu, maxpool 2, dense 16, tanh');
SELECT ok(bool_and(linf <= 0.1 * (1 + 1e-6) AND 0 <= ALL (x) AND 1 >= ALL (x)) AND count(attack) > 10, a || ' on images')
	FROM unnest('{apgd_ce,apgd_dlr,apgd_t,fab,fab_t,square,autoattack}'::text[]) AS a,
	advfair_attack('p', 'pictures', 0.1, attack => a, settings => CASE WHEN a = 'autoattack' THEN '{"queries": 200}'::jsonb END) GROUP BY a ORDER BY a;
SELECT ok(bool_and(l2 <= 1 * (1 + 1e-6)) AND count(attack) > 10, 'square in L2 on images') FROM advfair_attack('p', 'pictures', 1, attack => 'square', norm => 'l2', settings => '{"steps": 500}');

-- wherever attacks are taken
SELECT cmp_ok(f.eps, '<=', p.eps + 0.002, 'fab finds examples as near as bisection does, in the median: at some rows there is no slope')
	FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY eps) AS eps FROM advfair_least_eps('m', 'people', 2, attack => 'fab')) AS f, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY eps) AS eps FROM advfair_least_eps('m', 'people', 2)) AS p;
SELECT ok(bool_and(eps <= 2) AND count(*) = 400, 'multiples of a step, too') FROM advfair_least_eps('m', 'people', 2, attack => 'apgd_ce', mode => 'grid', step => 0.2);
SELECT cmp_ok(count(*), '>', 0::bigint, 'audits') FROM advfair_audit('{m}', 'people', '{0.05}', attack => 'autoattack', settings => '{"queries": 50}', replicates => 50)
	WHERE metric = 'robust_accuracy' AND value BETWEEN 0 AND 1;
SELECT ok(advfair_cru('m', 'people', 0.05, attack => 'apgd_t') BETWEEN 0 AND 1, 'scores');
SELECT ok(length(advfair_report('{m}', 'people', '{0.05}', attack => 'autoattack', settings => '{"queries": 50}')) > 1000, 'reports');
SELECT is(version, 1, 'robust trainings') FROM advfair_adv_train('r', 'people', 'income', method => 'pgd', attack => 'apgd_ce', eps => 0.05, epochs => 2, batch_size => 50);
SELECT is(version, 1, 'twins') FROM advfair_adv_train('t', 'people', 'income', attack => 'autoattack', eps => 0.05, epochs => 2, batch_size => 50);
SELECT is(advfair_fit('{"kind": "adv_train", "data": "people", "label": "income", "method": "trades", "attack": "apgd_ce", "eps": 0.05, "epochs": 1, "workers": 1}'),
	advfair_fit('{"kind": "adv_train", "data": "people", "label": "income", "method": "trades", "attack": "apgd_ce", "eps": 0.05, "epochs": 1, "workers": 3}'), 'the same bytes for any number of workers');
SELECT ok(promoted, 'and again') FROM advfair_retrain('r');

-- one row, in any query
CREATE TABLE one AS SELECT p.person_id, r.* FROM people AS p, advfair_get('m') AS m, advfair_attack(m, p, p.income, 0.05) AS r;
SELECT ok(count(*) = 400 AND bool_and(linf <= 0.05 * (1 + 1e-6)) AND bool_and(success = (o.adversarial <> p.income)), 'rows are attacked in a query')
	FROM one AS o JOIN people AS p USING (person_id);
SELECT cmp_ok(abs((SELECT count(*) FROM one WHERE success) - (SELECT count(*) FROM tried WHERE by = 'pgd' AND success)), '<=', 8::bigint, 'about as often as by the function over data');
SELECT ok(bool_and(prediction = advfair_predict(m, p)) AND bool_and(adversarial = advfair_predict(m, o.x)), 'and say what row functions say') FROM one AS o JOIN people AS p USING (person_id), advfair_get('m') AS m;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT is(md5(string_agg(r.x::text, '' ORDER BY p.person_id)), (SELECT md5(string_agg(x::text, '' ORDER BY person_id)) FROM one), 'the same in a parallel plan')
	FROM people AS p, advfair_get('m') AS m, advfair_attack(m, p, p.income, 0.05) AS r;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT ok(bool_and(l2 <= 0.5 * (1 + 1e-6)) AND bool_and(c.x[2:] = r.x[2:]) AND bool_or(c.x <> r.x), 'settings say where x may go, too')
	FROM (SELECT * FROM people ORDER BY person_id LIMIT 60) AS p JOIN clean AS c ON c.id = p.person_id, advfair_get('m') AS m,
	advfair_attack(m, p, p.income, 0.5, 'autoattack', '{"queries": 20, "mutable": ["age"], "norm": "l2"}') AS r;
SELECT isnt(advfair_gap((advfair_attack(m, p, p.income, 0.05)).success::int, p.race), NULL, 'success rates aggregate') FROM people AS p, advfair_get('m') AS m;
SELECT is(advfair_attack(m, p, NULL, 0.05), NULL, 'without a label there is nothing to say') FROM people AS p, advfair_get('m') AS m LIMIT 1;
PREPARE attack (text, float8, text, jsonb) AS SELECT advfair_attack(m, p, $1, $2, $3, $4) FROM people AS p, advfair_get('m') AS m LIMIT 1;
SELECT throws_ok($$EXECUTE attack('nobody', 0.1, 'pgd', NULL)$$, '22023', NULL, 'an unknown class');
SELECT throws_ok($$EXECUTE attack('<=50K', -1, 'pgd', NULL)$$, '22023', NULL, 'a negative eps');
SELECT throws_ok($$EXECUTE attack('<=50K', 'NaN', 'pgd', NULL)$$, '22023', 'task key "eps" is NaN', 'no number');
SELECT throws_ok($$EXECUTE attack('<=50K', 0.1, 'pdg', NULL)$$, '22023', NULL, 'an unknown attack');
SELECT throws_ok($$EXECUTE attack('<=50K', 0.1, 'pgd', '[1]')$$, '22023', NULL, 'settings that are none');
SELECT throws_ok($$EXECUTE attack('<=50K', 0.1, 'pgd', '{"eps": 1}')$$, '22023', NULL, 'eps said twice');
SELECT throws_ok($$EXECUTE attack('<=50K', 0.1, 'pgd', '{"mutable": ["nothing"]}')$$, '42703', NULL, 'an unknown column');

-- what is refused
SELECT throws_ok($$SELECT FROM advfair_adv_train('x', 'people', 'income', method => 'pgd', attack => 'apgd_t', eps => 0.1)$$, '22023', NULL, 'trainings climb what they do');
SELECT throws_ok($$SELECT FROM advfair_attack('m', 'people', 0.1, attack => 'autoattack', settings => '{"queries": 0}')$$, '22023', NULL, 'no queries');
SELECT throws_ok($$SELECT FROM advfair_attack('m', 'people', 0.1, attack => 'square', settings => '{"p_init": 1.5}')$$, '22023', NULL, 'more than all places');
SELECT throws_ok($$SELECT FROM advfair_attack('m', 'people', 0.1, attack => 'apgd_ce', settings => '{"alpha": 0.1}')$$, '22023', NULL, 'steps of its own');
SELECT throws_ok($$SELECT FROM advfair_attack('m', 'people', 0.1, attack => 'autoattack_minus')$$, '22023', NULL, 'unknown attacks');
SELECT * FROM finish();
ROLLBACK;
