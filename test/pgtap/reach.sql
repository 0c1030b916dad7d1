-- How far attacks get: in every unit, whatever the size of the numbers.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(45);
SET LOCAL client_min_messages = warning;

-- one feature: L2 and L-infinity are the same, and no spread is like another
CREATE TABLE spreads AS SELECT s, row_number() OVER () AS k FROM unnest('{1,1e-30,1e-15,1e12,1e13,1e15,1e20}'::float8[]) s;
CREATE TABLE points AS SELECT s, i AS id, hashint4(i) / 2147483648.0 * s AS a, CASE WHEN hashint4(i) > 0 THEN 'p' ELSE 'n' END AS y FROM spreads, generate_series(1, 500) i;
CREATE FUNCTION points(s float8) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT id, a, y FROM points WHERE s = %L', s) $$;
CREATE TABLE trained AS SELECT k FROM spreads, advfair_train('points ' || k, points(s), 'y', id => 'id', encoding => 'ordinal', arch => '', epochs => 20, batch_size => 50, learning_rate => 0.05);
CREATE TABLE reached AS
SELECT s, norm, start, avg(success::int) AS success, max(linf) / s AS linf FROM spreads, unnest('{linf,l2}'::text[]) norm, unnest('{t,f}'::bool[]) start,
	advfair_pgd('points ' || k, points(s), eps => 0.3 * s, norm => norm, random_start => start) GROUP BY 1, 2, 3;
SELECT ok(abs(max(success) - min(success)) < 0.005 AND min(success) > 0.25, format('spread %s: norms and starts agree', s)) FROM reached GROUP BY s ORDER BY s;
SELECT ok(max(success) - min(success) < 0.005 AND min(linf) > 0.29, 'and so do spreads') FROM reached;
SELECT ok(bool_and(abs(l.eps - i.eps) < 0.01 * s), format('spread %s: so does the least eps', s))
FROM spreads, LATERAL advfair_least_eps('points ' || k, points(s), s, norm => 'l2') l, LATERAL advfair_least_eps('points ' || k, points(s), s) i WHERE l.id = i.id AND s IN (1, 1e-15, 1e15) GROUP BY s ORDER BY s;

-- training under attack, by any method: the first weight of the same network
CREATE TABLE weights AS
SELECT s, method, norm, w.weights[1] AS weight
FROM spreads, unnest('{pgd,trades,merged}'::text[]) method, unnest('{linf,l2}'::text[]) norm,
	LATERAL advfair_weights(advfair_fit(jsonb_build_object('kind', 'adv_train', 'data', points(s), 'label', 'y', 'id', 'id', 'encoding', 'ordinal', 'arch', 'dense 4, tanh', 'epochs', 5, 'batch_size', 50,
		'learning_rate', 0.02, 'method', method, 'norm', norm, 'eps', 0.3 * s) || CASE method WHEN 'trades' THEN '{}'::jsonb ELSE '{"random_start": false}' END)) w
WHERE layer = 2 AND parameter = 'weight' AND s IN (1, 1e-15, 1e12, 1e15);
SELECT ok(count(*) = 8 AND max(weight) - min(weight) < 0.001 * abs(avg(weight)), format('%s: norms and spreads train the same', method)) FROM weights GROUP BY method ORDER BY method;
SELECT ok(abs(avg(t.weight) - max(w.weights[1])) > 0.01 * abs(avg(t.weight)), format('%s: which is not what training without attack gives', method))
FROM weights t, LATERAL advfair_weights(advfair_fit(jsonb_build_object('kind', 'train', 'data', points(t.s), 'label', 'y', 'id', 'id', 'encoding', 'ordinal', 'arch', 'dense 4, tanh', 'epochs', 5, 'batch_size', 50, 'learning_rate', 0.02))) w
WHERE layer = 2 AND parameter = 'weight' AND t.s = 1e15 GROUP BY method ORDER BY method;

-- feasible examples: a change of k is reached at an eps of k, in units of all kinds
CREATE TABLE bytes AS SELECT i AS id, decode(lpad(to_hex(i), 2, '0'), 'hex') AS image, CASE WHEN i < 128 THEN 'a' ELSE 'b' END AS y FROM generate_series(0, 255) i;
CREATE TABLE years AS SELECT i AS id, 17 + i % 74 AS age, i % 74 > 36 AS old, CASE WHEN i % 74 > 36 THEN 'b' ELSE 'a' END AS y FROM generate_series(1, 296) i;
CREATE TABLE fitted AS
SELECT model, epochs FROM advfair_train('bytes', 'bytes', 'y', id => 'id', input_shape => '{1,1,1}', arch => '', epochs => 60, batch_size => 20, learning_rate => 0.05) UNION ALL
SELECT t.* FROM unnest('{standard,minmax,ordinal}'::text[]) e, unnest('{age,old}'::text[]) c, LATERAL (SELECT model, epochs FROM advfair_train(e || ' ' || c, 'years', 'y', id => 'id', features => ARRAY[c], encoding => e, arch => '', epochs => 40, batch_size => 20, learning_rate => 0.05)) t;
SELECT ok(bool_and(round(x[1] * 255) - id = least(k, 255 - id)) AND bool_and(abs(linf - least(k, 255 - id) / 255.0) < 1e-7), format('bytes, %s: %s levels at %s/255', norm, k, k))
FROM unnest('{linf,l2}'::text[]) norm, unnest('{1,2,3,8,31,48,127}'::int[]) k, LATERAL advfair_pgd('bytes', 'bytes', k / 255.0, feasible => true, early_stop => false, norm => norm) WHERE prediction = 'a' GROUP BY norm, k ORDER BY norm, k;
CREATE TABLE units AS SELECT 'age' AS feature, 'standard' AS encoding, 'input' AS unit, 1 / stddev_pop(age)::float8 AS one FROM years UNION ALL SELECT 'age', 'minmax', 'input', 1 / 73.0 UNION ALL SELECT 'age', 'ordinal', 'input', 1 UNION ALL
SELECT 'age', 'ordinal', 'sd', 1 / stddev_pop(age)::float8 FROM years UNION ALL
SELECT 'old', 'standard', 'input', 1 / stddev_pop(old::int)::float8 FROM years UNION ALL SELECT 'old', 'minmax', 'input', 1 UNION ALL SELECT 'old', 'ordinal', 'input', 1 UNION ALL SELECT 'old', 'ordinal', 'sd', 1 / stddev_pop(old::int)::float8 FROM years;
SELECT ok(bool_and(CASE feature WHEN 'age' THEN (d ->> 'age')::int = age + k ELSE (d ->> 'old')::bool END), format('%s, %s, eps in units of %s: k at an eps of k', feature, encoding, unit))
FROM units, unnest('{linf,l2}'::text[]) norm, generate_series(1, CASE feature WHEN 'age' THEN 9 ELSE 1 END, 4) k, LATERAL advfair_pgd(encoding || ' ' || feature, 'years', k * one, feasible => true, early_stop => false, eps_unit => unit, norm => norm) JOIN years USING (id), LATERAL advfair_decode(advfair_get(encoding || ' ' || feature), x) d
WHERE prediction = 'a' GROUP BY feature, encoding, unit ORDER BY feature, encoding, unit;

-- L2 shares eps among pixels: one alone gets all of it, where only one may help
CREATE TABLE pictures AS SELECT i AS id, decode(lpad(to_hex(i * 7 % 256), 2, '0') || 'a07b', 'hex') AS image, CASE WHEN i * 7 % 256 < 128 THEN 'a' ELSE 'b' END AS y FROM generate_series(0, 255) i;
SELECT lives_ok($$ CREATE TABLE pixel AS SELECT advfair_build(advfair_describe(advfair_fit('{"kind": "train", "data": "pictures", "label": "y", "id": "id", "input_shape": [1,1,3], "arch": "", "epochs": 1}')), '{-1,0,0, 1,0,0, 0.5,-0.5}') AS model $$, 'a model that looks at one pixel');
INSERT INTO advfair_model (name, version, owner, task, data_digest, metrics, model) SELECT 'pixel', 1, current_user, task, data_digest, metrics, pixel.model FROM advfair_model, pixel WHERE name = 'bytes';
SELECT ok(bool_and(round(x[1] * 255) - id * 7 % 256 = least(k, 255 - id * 7 % 256)), format('one pixel of three: %s levels at %s/255 in L2', k, k))
FROM unnest('{1,20,48}'::int[]) k, LATERAL advfair_pgd('pixel', 'pictures', k / 255.0, feasible => true, early_stop => false, norm => 'l2', random_start => false) WHERE prediction = 'a' GROUP BY k ORDER BY k;

-- a larger ball holds a smaller one: steps that are too long for it are followed by shorter ones
CREATE TABLE people AS SELECT * FROM advfair_make_census(400, 4);
CREATE TABLE ordinal AS SELECT epochs FROM advfair_train('ordinal', 'people', 'income', id => 'person_id', encoding => 'ordinal', arch => 'dense 16, tanh, dense 16, tanh', epochs => 20, learning_rate => 0.01, batch_size => 50);
SET LOCAL client_min_messages = error; -- some have no slope in the largest
CREATE TABLE balls AS SELECT eps, norm, avg(success::int) AS success, max(linf) <= eps * 1.000001 AS within FROM unnest('{3,10,100,1000,100000}'::float8[]) eps, unnest('{linf,l2}'::text[]) norm, advfair_pgd('ordinal', 'people', eps, norm => norm) GROUP BY 1, 2;
SELECT ok(bool_and(grows) AND max(success) > 0.99 AND bool_and(within), format('%s: success does not fall however large eps is', norm)) FROM (SELECT *, success >= lag(success, 1, 0) OVER (PARTITION BY norm ORDER BY eps) - 0.01 AS grows FROM balls) b GROUP BY norm ORDER BY norm;

SELECT * FROM finish();
ROLLBACK;
