-- How far attacks get: in every unit, whatever the size of the numbers.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(17);
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

SELECT * FROM finish();
ROLLBACK;
