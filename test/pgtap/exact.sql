-- Cases with a closed form. Two Gaussian classes y = -1, +1 of x ~ N(y eta 1, s^2 I) in four dimensions, s = sigma and K sigma, and the linear rule sign(sum x - T):
-- errors are normal probabilities, the least eps of a row is its distance to the plane over the L1 norm of its weights, sum x - T over 4.
-- T is the threshold of least error for (eta, sigma, K); the last two are thresholds of least robust error at eps 0.25 and 0.5 for the first.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();
SELECT setseed(0.5);
CREATE TABLE cases (name text, sigma float8, k float8, t float8, err_minus float8, err_plus float8, minus_25 float8, plus_25 float8, minus_50 float8, plus_50 float8, le_minus float8, le_plus float8);
INSERT INTO cases VALUES
	('plain', 1, 2, -0.680181, 0.048466, 0.120991, 0.123043, 0.178775, 0.254656, 0.251414, 0.840031, 1.229683),
	('wide', 2, 2, 0.950336, 0.107935, 0.351524, NULL, NULL, 0.230384, 0.447805, 1.289497, 1.236375),
	('robust_25', 1, 2, -0.163310, 0.027534, 0.148978, 0.078045, 0.214522, NULL, NULL, NULL, NULL),
	('robust_50', 1, 2, 0.475168, 0.012624, 0.189103, NULL, NULL, 0.107935, 0.351524, NULL, NULL);
CREATE FUNCTION draw() RETURNS float8 LANGUAGE sql VOLATILE AS 'SELECT sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())';
CREATE FUNCTION sample(sigma float8, k float8) RETURNS TABLE (id bigint, y text, x real[]) LANGUAGE sql VOLATILE AS $$
	SELECT i, CASE WHEN s > 0 THEN 'plus' ELSE 'minus' END, ARRAY[s + w * draw(), s + w * draw(), s + w * draw(), s + w * draw()]::real[]
	FROM generate_series(1, 100000) AS i, LATERAL (SELECT CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END AS s, CASE WHEN i % 2 = 0 THEN sigma * k ELSE sigma END AS w) AS of_class $$;
CREATE TABLE narrow_rows AS SELECT * FROM sample(1, 2);
CREATE TABLE wide_rows AS SELECT * FROM sample(2, 2);
ALTER TABLE narrow_rows ADD PRIMARY KEY (id);
ALTER TABLE wide_rows ADD PRIMARY KEY (id);

-- z_plus - z_minus = sum x - T
CREATE TABLE few AS SELECT * FROM narrow_rows WHERE id <= 20;
ALTER TABLE few ADD PRIMARY KEY (id);
SELECT is(version, 1, 'a model to be described') FROM advfair_train('described', 'few', 'y', arch => '', encoding => 'ordinal', scale => false, epochs => 1);
INSERT INTO advfair_model (name, version, task, data_digest, metrics, model)
	SELECT c.name, 1, task, '', '{}', advfair_build(advfair_describe(model), ARRAY[0, 0, 0, 0, 1, 1, 1, 1, 0, -c.t]::real[]) FROM advfair_model AS m, cases AS c WHERE m.name = 'described';

-- within four standard errors of a share of 50,000 rows
CREATE FUNCTION near(p float8, expected float8, what text) RETURNS text LANGUAGE sql AS
	$$ SELECT ok(abs(p - expected) <= 4 * sqrt(expected * (1 - expected) / 50000), format('%s: %s, exactly %s', what, round(p::numeric, 4), expected)) $$;
CREATE TABLE rates AS SELECT c.name, a.class, 1 - a.accuracy AS error FROM cases AS c, advfair_class_accuracy(c.name, CASE c.name WHEN 'wide' THEN 'wide_rows' ELSE 'narrow_rows' END) AS a;
SELECT near(error, CASE class WHEN 'plus' THEN err_plus ELSE err_minus END, format('error of %s, %s', class, name)) FROM rates JOIN cases USING (name) ORDER BY name, class;
SELECT ok(abs(advfair_cau(name, (CASE name WHEN 'wide' THEN 'wide_rows' ELSE 'narrow_rows' END)::advfair_data) - abs(err_plus - err_minus)) <=
	4 * sqrt((err_plus * (1 - err_plus) + err_minus * (1 - err_minus)) / 50000), 'CAU, ' || name) FROM cases ORDER BY name;
SELECT ok(advfair_cau('robust_25', 'narrow_rows') > advfair_cau('plain', 'narrow_rows') AND advfair_cau('robust_50', 'narrow_rows') > advfair_cau('robust_25', 'narrow_rows'),
	'the best robust rule is less fair than the best one, the more so the larger eps is');

-- success rates under attack are those of a shifted threshold: for a linear rule all attacks find the corner of the box
CREATE TABLE broken AS SELECT c.name, a.name AS attack, r.eps, r.class, r.success_rate AS rate
	FROM cases AS c, (VALUES ('fgsm'), ('pgd'), ('apgd_ce'), ('fab')) AS a (name),
	LATERAL advfair_class_robustness(c.name, CASE c.name WHEN 'wide' THEN 'wide_rows' ELSE 'narrow_rows' END, '{0.25,0.5}', attack => a.name,
		settings => (CASE a.name WHEN 'pgd' THEN '{"steps": 10}' WHEN 'fgsm' THEN '{}' ELSE '{"steps": 5}' END)::jsonb) AS r;
SELECT near(rate, expected, format('%s breaks %s at %s, %s', attack, class, eps, name))
	FROM broken JOIN cases USING (name), LATERAL (SELECT CASE WHEN eps < 0.3 THEN CASE class WHEN 'plus' THEN plus_25 ELSE minus_25 END ELSE CASE class WHEN 'plus' THEN plus_50 ELSE minus_50 END END AS expected) AS e
	WHERE expected IS NOT NULL ORDER BY name, attack, eps, class;
SELECT ok(max(rate) - min(rate) <= 0.0005, format('%s, %s, %s: all attacks agree', name, class, eps)) FROM broken GROUP BY name, class, eps ORDER BY 1;

-- least eps: no row is censored, mean over 50,000 rows of a value whose deviation is below 2
CREATE TABLE nearest AS SELECT c.name, a.name AS attack, l.* FROM cases AS c, (VALUES ('pgd'), ('fab')) AS a (name),
	LATERAL advfair_class_least_eps(c.name, CASE c.name WHEN 'wide' THEN 'wide_rows' ELSE 'narrow_rows' END, 16::float8, attack => a.name, settings => '{"steps": 5}') AS l WHERE c.le_plus IS NOT NULL;
SELECT ok(abs(least_eps - expected) <= 4 * 2 / sqrt(50000) + 16 / 1024.0 AND censored = 0, format('mean least eps of %s by %s, %s: %s, exactly %s', class, attack, name, round(least_eps::numeric, 4), expected))
	FROM nearest JOIN cases USING (name), LATERAL (SELECT CASE class WHEN 'plus' THEN le_plus ELSE le_minus END AS expected) AS e ORDER BY name, attack, class;
SELECT * FROM finish();
ROLLBACK;
