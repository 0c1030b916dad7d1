-- Attacks: bounds, units, feasible values, what is reported against what the row functions say, monotony, reproducibility, least eps, classes.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(193);
CREATE TABLE people AS SELECT * FROM advfair_make_census(500, 4);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE images AS SELECT i AS id, (SELECT string_agg(set_byte('\x00', 0, (60 + 120 * (j % 4 = i % 3)::int + (37 * i + 11 * j * j + i * j) % 70)), '' ORDER BY j) FROM generate_series(0, 15) j) AS image,
	'class ' || i % 3 AS y FROM generate_series(1, 300) i;
SELECT is(version, 1, model || ': trained') FROM (VALUES ('standard', 'dense 8, tanh', 1), ('minmax', 'dense 8, tanh', 1), ('ordinal', 'dense 8, tanh', 1), ('linear', '', 1), ('other', 'dense 12, relu', 2)) v (m, arch, seed),
	advfair_train(m, 'people', 'income', encoding => CASE WHEN m IN ('minmax', 'ordinal') THEN m END, arch => arch, epochs => 15, learning_rate => 0.01, batch_size => 50, seed => seed);
SELECT ok(accuracy > 0.9, 'images: trained') FROM advfair_train('images', 'images', 'y', id => 'id', input_shape => '{1,4,4}', arch => 'conv 4x3, relu, dense 8, tanh', epochs => 25, learning_rate => 0.02, batch_size => 30);

CREATE TABLE runs (run text, model text, id bigint, label text, prediction text, adversarial text, success boolean, linf float8, l2 float8, loss float8, x real[], x0 real[]);
CREATE FUNCTION attack(run text, attack text, model text, data text, arguments text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('INSERT INTO runs SELECT %L, %L, a.*, c.x FROM advfair_%s(%2$L, %4$L, %5$s) a JOIN advfair_pgd(%2$L, %4$L, 0) c USING (id)', run, model, attack, data, arguments);
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END $$;
CREATE FUNCTION rate(which text) RETURNS float8 LANGUAGE sql AS $$ SELECT avg(success::int)::float8 FROM runs WHERE run = which $$;
-- the inputs of each column
CREATE TABLE inputs AS
SELECT name AS model, c ->> 'name' AS column, c ->> 'kind' AS kind, w AS width, sum(w) OVER (PARTITION BY name ORDER BY n) - w + 1 AS first
FROM advfair_model, LATERAL advfair_describe(model) d, jsonb_array_elements(d #> '{encoder,columns}') WITH ORDINALITY e (c, n),
	 LATERAL (SELECT CASE WHEN c ->> 'kind' = 'category' AND d #>> '{encoder,encoding}' <> 'ordinal' THEN jsonb_array_length(c -> 'values') ELSE 1 END AS w) w
WHERE name <> 'images';

-- bounds: an eps for each input, 0 where it must not move
CREATE TABLE bounds (run text, eps float8[], norm text);
CREATE FUNCTION spread(which text, sizes jsonb) RETURNS float8[] LANGUAGE sql AS
	$$ SELECT array_agg(COALESCE((sizes ->> i.column)::float8, 0) ORDER BY first, k) FROM inputs i, generate_series(1, width) k WHERE model = which $$;
INSERT INTO bounds VALUES
	('linf', array_fill(0.3, ARRAY[18]), 'linf'), ('fgsm', array_fill(0.3, ARRAY[18]), 'linf'), ('fgsm l2', array_fill(0.8, ARRAY[18]), 'l2'), ('l2', array_fill(0.8, ARRAY[18]), 'l2'), ('random l2', array_fill(0.8, ARRAY[18]), 'l2'),
	('array', spread('standard', '{"age":0.5,"education":0.1,"hours":0.2,"sex":0.3}'), 'linf'), ('object', spread('standard', '{"age":0.5,"hours":0.25}'), 'linf'),
	('object l2', spread('standard', '{"age":0.5,"hours":0.25,"race":0.1}'), 'l2'), ('mutable', spread('standard', '{"hours":0.3,"occupation":0.3}'), 'linf'), ('mutable sizes', spread('standard', '{"age":0.4}'), 'linf'),
	('sd', (SELECT array_agg(0.3 / w ORDER BY i) FROM advfair_weights(advfair_get('ordinal')), unnest(weights) WITH ORDINALITY u (w, i) WHERE parameter = 'factor'), 'linf'),
	('sd of columns', (SELECT array_agg(COALESCE((ARRAY[0.5, NULL, 0.2])[i], 0) / w ORDER BY i) FROM advfair_weights(advfair_get('ordinal')), unnest(weights) WITH ORDINALITY u (w, i) WHERE parameter = 'factor'), 'linf'),
	('clip', array_fill(0.7, ARRAY[18]), 'linf'), ('clip l2', array_fill(0.7, ARRAY[18]), 'l2'),
	('feasible', array_fill(0.6, ARRAY[18]), 'linf'), ('feasible 1', array_fill(1.0, ARRAY[18]), 'linf'), ('feasible l2', array_fill(1.5, ARRAY[18]), 'l2'),
	('feasible minmax', array_fill(0.1, ARRAY[18]), 'linf'), ('feasible ordinal', array_fill(3.0, ARRAY[6]), 'linf');
SELECT is(attack(run, attack, model, 'people', arguments), 500::bigint, run || ': all rows') FROM (VALUES
	('linf', 'pgd', 'standard', '0.3'), ('fgsm', 'fgsm', 'standard', '0.3'), ('fgsm l2', 'fgsm', 'standard', '0.8, norm => ''l2'''), ('l2', 'pgd', 'standard', '0.8, norm => ''l2'', random_start => false'), ('random l2', 'pgd', 'standard', '0.8, norm => ''l2'', random_start => true, restarts => 3'),
	('array', 'pgd', 'standard', 'ARRAY[0.5, 0.1, 0.2, 0, 0.3, 0]'), ('object', 'pgd', 'standard', '''{"age": 0.5, "hours": 0.25}'''),
	('object l2', 'pgd', 'standard', '''{"age": 0.5, "hours": 0.25, "race": 0.1}'', norm => ''l2'''), ('mutable', 'pgd', 'standard', '0.3, mutable => ''{hours,occupation}'''),
	('mutable sizes', 'pgd', 'standard', '''{"age": 0.4, "hours": 0.4}'', mutable => ''{age,sex}'''),
	('sd', 'pgd', 'ordinal', '0.3, eps_unit => ''sd'''), ('sd of columns', 'pgd', 'ordinal', '''{"age": 0.5, "hours": 0.2}'', eps_unit => ''sd'''),
	('clip', 'pgd', 'standard', '0.7, clip_min => 0.2, clip_max => 0.8'), ('clip l2', 'pgd', 'standard', '0.7, norm => ''l2'', clip_min => 0.2, clip_max => 0.8, restarts => 2'),
	('feasible', 'pgd', 'standard', '0.6, feasible => true'), ('feasible 1', 'pgd', 'standard', '1.0, feasible => true'), ('feasible l2', 'pgd', 'standard', '1.5, feasible => true, norm => ''l2'''),
	('feasible minmax', 'pgd', 'minmax', '0.1, feasible => true'), ('feasible ordinal', 'pgd', 'ordinal', '3, feasible => true')) v (run, attack, model, arguments);
CREATE TABLE moves AS
SELECT run, id, i, norm, success, u.x::float8 AS x, u.x0::float8 AS x0, e, u.x::float8 - u.x0 AS d, label <> prediction AS wrong
FROM runs JOIN bounds b USING (run), LATERAL unnest(runs.x, runs.x0, b.eps) WITH ORDINALITY u (x, x0, e, i);
ANALYZE runs, moves, inputs;
SELECT ok(bool_and(abs(d) <= e * (1 + 1e-6)), run || ': |x'' - x| <= eps in every input') FROM moves WHERE norm = 'linf' GROUP BY run;
SELECT ok(bool_and(abs(d) <= e), run || ': by not a bit more') FROM moves WHERE run IN ('linf', 'fgsm', 'array', 'object', 'mutable', 'mutable sizes', 'clip', 'feasible', 'feasible 1', 'feasible ordinal') GROUP BY run;
SELECT ok(max(length) <= 1 + 1e-6, run || ': |x'' - x|_2 <= eps') FROM (SELECT run, sqrt(sum((d / e) ^ 2)) AS length FROM moves WHERE norm = 'l2' AND e > 0 GROUP BY run, id) l GROUP BY run;
SELECT cmp_ok(max(length), '>', 0.7::float8, run || ': it is made use of') FROM (SELECT run, CASE norm WHEN 'l2' THEN sqrt(sum((d / e) ^ 2)) ELSE max(abs(d / e)) END AS length FROM moves WHERE e > 0 GROUP BY run, id, norm) l GROUP BY run;
SELECT is(count(*), 0::bigint, 'no bit of a column without eps moves') FROM moves WHERE e = 0 AND x <> x0;
SELECT cmp_ok(count(*), '>', 5000::bigint, 'of which there are many') FROM moves WHERE e = 0;
SELECT ok(bool_and(x BETWEEN least(x0, 0.2::real) AND greatest(x0, 0.8::real)), run || ': no value leaves the clip range') FROM moves WHERE run LIKE 'clip%' GROUP BY run;
SELECT ok(bool_or(d <> 0) AND bool_and(e = 0 OR norm = 'l2' OR abs(d) <= 0.7), run || ': but some move') FROM moves WHERE run LIKE 'clip%' GROUP BY run;
SELECT is(count(*), 0::bigint, 'rows misclassified anyway stay') FROM moves WHERE wrong AND d <> 0;
SELECT ok(bool_and(success) AND count(*) > 100, 'and count as successes') FROM runs WHERE prediction <> label;
SELECT ok(bool_and(a.x = b.x), 'eps_unit sd is no other with standard encoding') FROM runs a JOIN advfair_pgd('standard', 'people', 0.3, eps_unit => 'sd') b USING (id) WHERE run = 'linf';
SELECT is_empty($$ (SELECT id, x FROM runs WHERE run = 'object') EXCEPT SELECT id, x FROM advfair_pgd('standard', 'people', ARRAY[0.5, 0, 0.25, 0, 0, 0]::real[]) $$, 'an object is an array with zeros');

-- what is reported
SELECT unnest(ARRAY[is_empty(format($$ SELECT id FROM runs, (SELECT advfair_get(%L) AS m) g WHERE model = %1$L AND advfair_predict(m, x) <> adversarial $$, model), model || ': adversarial is what x predicts as'),
	   is_empty(format($$ SELECT id FROM runs, (SELECT advfair_get(%L) AS m) g WHERE model = %1$L AND advfair_predict(m, x0) <> prediction $$, model), model || ': prediction is what the row predicts as'),
	   is_empty(format($$ SELECT id FROM runs, (SELECT advfair_get(%L) AS m) g WHERE model = %1$L AND abs(loss + ln(greatest(advfair_confidence(m, x, label), 1e-30))) > 1e-3 * (1 + loss) AND loss < 60 $$, model), model || ': loss is that of x')])
FROM unnest('{standard,minmax,ordinal}'::text[]) model;
SELECT is_empty('SELECT run, id FROM runs WHERE success IS DISTINCT FROM (adversarial <> label)', 'success is to be misclassified');
SELECT is_empty('SELECT run, id FROM runs JOIN people ON person_id = id WHERE income <> label', 'labels are those of the rows');
SELECT is_empty('SELECT run, id FROM runs JOIN (SELECT run, id, max(abs(d)) AS linf, sqrt(sum(d ^ 2)) AS l2 FROM moves GROUP BY run, id) m USING (run, id)
				 WHERE abs(runs.linf - m.linf) > 1e-5 * m.linf OR abs(runs.l2 - m.l2) > 1e-5 * m.l2', 'linf and l2 are the lengths in input values');

-- feasible: rows that could be
SELECT is_empty($$ SELECT d FROM runs, LATERAL advfair_decode(advfair_get(model), x) d WHERE run LIKE 'feasible%'
	AND (d ->> 'age' ~ '[^0-9-]' OR d ->> 'hours' ~ '[^0-9-]' OR EXISTS (SELECT FROM jsonb_each(d) WHERE key NOT IN ('age', 'hours') AND jsonb_typeof(value) <> 'string')) $$, 'whole numbers and categories');
SELECT isnt_empty($$ SELECT d FROM runs, LATERAL advfair_decode(advfair_get(model), x) d WHERE run = 'linf' AND (jsonb_typeof(d -> 'race') <> 'string') $$, 'which other examples are not');
SELECT is_empty($$ SELECT run, id FROM runs r JOIN inputs i USING (model) WHERE run IN ('feasible', 'feasible 1', 'feasible l2', 'feasible minmax') AND kind = 'category'
	AND (SELECT count(*) FILTER (WHERE v = 1) <> 1 OR count(*) FILTER (WHERE v = 0) <> width - 1 FROM unnest(x[first:first + width - 1]) v) $$, 'one input of a category is 1, the others are 0');
SELECT is(count(*), 0::bigint, 'no category changes below an eps of 1') FROM moves m JOIN runs USING (run, id) JOIN inputs ON inputs.model = runs.model AND m.i BETWEEN first AND first + width - 1 WHERE run IN ('feasible', 'feasible minmax') AND kind = 'category' AND d <> 0;
SELECT cmp_ok(count(*), '>', 20::bigint, 'but some do at 1') FROM moves m JOIN runs USING (run, id) JOIN inputs ON inputs.model = runs.model AND m.i BETWEEN first AND first + width - 1 WHERE run = 'feasible 1' AND kind = 'category' AND d <> 0;
SELECT cmp_ok(count(*), '>', 20::bigint, run || ': numbers change') FROM moves JOIN runs USING (run, id) JOIN inputs ON inputs.model = runs.model AND first = i WHERE run LIKE 'feasible%' AND kind = 'number' AND d <> 0 GROUP BY run;
SELECT ok(bool_and(f.x = c.x), model || ': where eps is too small for the next value, nothing changes') FROM (VALUES ('standard', 0.01), ('minmax', 0.001), ('ordinal', 0.45)) v (model, eps),
	LATERAL advfair_pgd(model, 'people', eps, feasible => true) f JOIN LATERAL advfair_pgd(model, 'people', 0) c USING (id) GROUP BY model;

-- targets
SELECT ok(bool_and(CASE WHEN label = '>50K' THEN success IS NULL AND linf = 0 AND adversarial = prediction ELSE success = (adversarial = '>50K') END), attack || ': rows of the target class are not attacked, the others succeed where they reach it')
FROM (SELECT 'pgd' AS attack, t.* FROM advfair_pgd('standard', 'people', 0.3, targeted => '>50K') t UNION ALL SELECT 'fgsm', t.* FROM advfair_fgsm('standard', 'people', 0.3, targeted => '>50K') t) t GROUP BY attack;
SELECT ok(bool_and((eps IS NULL AND censored IS NULL) = (label = '>50K')), 'least eps is NULL for them') FROM advfair_least_eps('standard', 'people', 2, targeted => '>50K');
SELECT is(n, CASE class WHEN '>50K' THEN 0 ELSE (SELECT count(*) FROM people WHERE income = '<=50K') END, class || ': rows that count with a target') FROM advfair_class_robustness('standard', 'people', '{0.3}', targeted => '>50K');

-- images
SELECT is(attack(run, attack, 'images', 'images', arguments), 300::bigint, run || ': all rows') FROM (VALUES ('image', 'pgd', '0.2'), ('image l2', 'pgd', '0.6, norm => ''l2'''), ('image fgsm', 'fgsm', '0.2'), ('image whole', 'pgd', '0.1, feasible => true'),
	('image fgsm whole', 'fgsm', '0.1, feasible => true'), ('image target', 'pgd', '0.3, targeted => ''class 1''')) v (run, attack, arguments);
SELECT ok(bool_and(v BETWEEN 0 AND 1), 'pixels stay between 0 and 1') FROM runs, unnest(x) v WHERE model = 'images';
SELECT ok(max(abs(v * 255.0::float8 - round(v * 255.0::float8))) < 1e-4, run || ': whole bytes') FROM runs, unnest(x) v WHERE run LIKE 'image%whole' GROUP BY run;
SELECT ok(max(abs(v * 255.0::float8 - round(v * 255.0::float8))) > 0.1, 'which others are not') FROM runs, unnest(x) v WHERE run = 'image';
SELECT ok(bool_and(abs(u.x::float8 - u.x0) <= CASE run WHEN 'image' THEN 0.2 WHEN 'image target' THEN 0.3 WHEN 'image l2' THEN 0.6 WHEN 'image fgsm' THEN 0.2 ELSE 0.1 END), run || ': within eps') FROM runs, unnest(runs.x, runs.x0) u (x, x0) WHERE model = 'images' GROUP BY run;
SELECT ok(max(l2) <= 0.6 * (1 + 1e-6), 'also in L2') FROM runs WHERE run = 'image l2';
SELECT is_empty($$ SELECT run, id FROM runs, (SELECT advfair_get('images') AS m) g WHERE model = 'images' AND (advfair_predict(m, x) <> adversarial OR advfair_predict(m, x0) <> prediction) $$, 'images predict as reported');
SELECT is_empty($$ SELECT run, id FROM runs JOIN images USING (id), (SELECT advfair_get('images') AS m) g, LATERAL (SELECT string_agg(set_byte('\x00', 0, round(v * 255)::int), ''::bytea ORDER BY i) AS bytes FROM unnest(x) WITH ORDINALITY u (v, i)) b
				   WHERE run LIKE 'image%whole' AND advfair_predict(m, bytes) <> adversarial $$, 'also as bytes');
SELECT is_empty($$ SELECT id FROM runs WHERE model = 'images' AND success IS DISTINCT FROM CASE WHEN run <> 'image target' THEN adversarial <> label WHEN label <> 'class 1' THEN adversarial = 'class 1' END $$, 'images succeed as reported');
SELECT ok(rate('image target') BETWEEN 0.05 AND 0.99 AND rate('image') > 0.2, 'some succeed');
SELECT ok(count(*) = 300 AND bool_and(eps BETWEEN 0 AND 0.25) AND bool_and(NOT censored OR eps = 0.25), 'least eps of images, up to 0.25 of itself') FROM advfair_least_eps('images', 'images', NULL::float8);
SELECT ok(count(*) = 3 AND bool_and(n = 100) AND bool_and(success_rate + accuracy = 1), 'classes of images') FROM advfair_class_robustness('images', 'images', '{0.1}');
SELECT ok(count(*) = 3 AND bool_and(n = 100 AND least_eps BETWEEN 0 AND 0.25 AND censored BETWEEN 0 AND n), 'least eps of classes of images') FROM advfair_class_least_eps('images', 'images');

-- stronger attacks succeed more often
SELECT ok(rate('linf') >= rate('fgsm') AND rate('l2') >= rate('fgsm l2') AND rate('image') >= rate('image fgsm'), 'pgd succeeds where fgsm does');
SELECT ok(rate('linf') > avg((label <> prediction)::int) + 0.02, 'and more often than chance') FROM runs WHERE run = 'linf';
SELECT is_empty(format($$ SELECT id FROM advfair_pgd(%L, %L, %s, steps => 3, random_start => %L) a JOIN advfair_pgd(%1$L, %2$L, %3$s, steps => 3, random_start => %4$L, restarts => 5) b USING (id) WHERE a.success AND NOT b.success $$,
	model, data, eps, random), model || ': restarts lose no success') FROM (VALUES ('standard', 'people', 0.2, true), ('standard', 'people', 0.2, false), ('images', 'images', 0.1, true)) v (model, data, eps, random);
SELECT ok(bool_and(grows), model || ': success does not fall with eps') FROM (SELECT 'standard' AS model, success_rate >= lag(success_rate, 1, 0) OVER (PARTITION BY class ORDER BY eps) - 0.01 AS grows
	FROM advfair_class_robustness('standard', 'people', '{0.5,0,0.05,0.1,0.2,0.3,0.8}')
	UNION ALL SELECT 'images', success_rate >= lag(success_rate, 1, 0) OVER (PARTITION BY class ORDER BY eps) - 0.01 FROM advfair_class_robustness('images', 'images', '{0,0.02,0.05,0.1,0.2,0.3}')) g GROUP BY model;
SELECT is(attack('transfer', 'pgd', 'standard', 'people', '0.3, craft_on => ''other'''), 500::bigint, 'transfer: all rows');
SELECT ok(rate('transfer') BETWEEN avg((label <> prediction)::int) AND rate('linf'), 'a transferred attack succeeds less often') FROM runs WHERE run = 'transfer';
SELECT is_empty($$ SELECT id FROM runs, (SELECT advfair_get('standard') AS m) g WHERE run = 'transfer' AND (advfair_predict(m, x) <> adversarial OR advfair_predict(m, x0) <> prediction OR success <> (adversarial <> label)) $$, 'and is scored on the model itself');
SELECT ok(max(abs(u.x::float8 - u.x0)) BETWEEN 0.29 AND 0.3, 'within eps') FROM runs, unnest(runs.x, runs.x0) u (x, x0) WHERE run = 'transfer';
SELECT is_empty($$ SELECT id, x FROM advfair_pgd('standard', 'people', 0.3, craft_on => 'standard', early_stop => true) EXCEPT SELECT id, x FROM runs WHERE run = 'linf' $$, 'crafted on itself it is the attack itself');

-- the same again
CREATE FUNCTION differ(a text, b text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('WITH a AS (SELECT * FROM %s), b AS (SELECT * FROM %s) SELECT count(*) FROM ((TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)) d', a, b) INTO n;
	RETURN n;
END $$;
SELECT is(differ(format('advfair_%s, workers => 1)', call), format('advfair_%s, workers => %s)', call, workers)), 0::bigint, format('%s workers: %s', workers, call))
FROM unnest('{2,3}'::int[]) workers, unnest(ARRAY['pgd(''standard'', ''people'', 0.3, restarts => 3', 'pgd(''standard'', ''people'', 0.8, norm => ''l2'', random_start => true, feasible => true', 'pgd(''images'', ''images'', 0.1, early_stop => false',
	'fgsm(''ordinal'', ''people'', 2', 'pgd(''standard'', ''people'', 0.3, craft_on => ''other''', 'least_eps(''standard'', ''people'', 2, restarts => 2', 'class_robustness(''images'', ''images'', ''{0.05,0.1}''', 'class_least_eps(''images'', ''images'', mode => ''grid''']) call;
SELECT cmp_ok(differ('advfair_pgd(''standard'', ''people'', 0.3, random_start => true, seed => 1)', 'advfair_pgd(''standard'', ''people'', 0.3, random_start => true, seed => 2)'), '>', 300::bigint, 'another seed, other examples');
SELECT is(differ('advfair_pgd(''standard'', ''people'', 0.3, random_start => false, seed => 1)', 'advfair_pgd(''standard'', ''people'', 0.3, random_start => false, seed => 2)'), 0::bigint, 'without random numbers, the same');
SELECT ok(count(*) = 100 AND avg((a.success = b.success)::int) > 0.98 AND avg((SELECT max(abs(u.x - u.y)) < 1e-3 FROM unnest(a.x, b.x) u (x, y))::int) > 0.95, 'fewer rows, the same examples')
FROM advfair_pgd('standard', 'SELECT * FROM people WHERE person_id % 5 = 0 ORDER BY person_id DESC', 0.3) a JOIN runs b USING (id) WHERE run = 'linf';

-- ids
CREATE TABLE named AS SELECT 'row ' || person_id AS person_id, age, education, hours, occupation, sex, race, income FROM people;
SELECT is(string_agg(DISTINCT pg_typeof(id)::text, ' '), 'text', 'ids of the type of key') FROM advfair_pgd('standard', 'named', 0.3, key => NULL::text);
SELECT set_eq($$ SELECT id FROM advfair_fgsm('standard', 'named', 0.3, key => NULL::text) $$, $$ SELECT person_id FROM named $$, 'and all of them');
SELECT set_eq($$ SELECT id FROM advfair_least_eps('standard', 'named', 0.3, key => NULL::text) $$, $$ SELECT person_id FROM named $$, 'in each function');

-- the least eps of a linear model is known: the margin over the dual norm of the difference of the weights
CREATE TABLE margins AS
SELECT p.id, p.label, p.prediction <> p.label AS wrong, abs(sum((w[inputs + i] - w[i])::float8 * v) + max(b[2] - b[1])) AS margin, sum(abs(w[inputs + i] - w[i])) AS l1, sqrt(sum((w[inputs + i] - w[i])::float8 ^ 2)) AS l2,
	   max(abs(w[inputs + i] - w[i])) FILTER (WHERE i = 1) AS age
FROM advfair_pgd('linear', 'people', 0) p, (SELECT weights AS w, shape[2] AS inputs FROM advfair_weights(advfair_get('linear')) WHERE parameter = 'weight') w,
	 (SELECT weights AS b FROM advfair_weights(advfair_get('linear')) WHERE parameter = 'bias') b, unnest(x) WITH ORDINALITY u (v, i) GROUP BY p.id, p.label, p.prediction;
SELECT ok(count(*) = 500 AND bool_and(CASE WHEN wrong THEN eps = 0 ELSE eps BETWEEN (exact - 1e-5) * (1 - 1e-4) AND exact * 1.01 + 5.0 / 512 END) AND bool_and(NOT censored), format('least eps of a linear model: %s %s', norm, mode))
FROM (VALUES ('linf', 'bisect'), ('l2', 'bisect')) v (norm, mode), LATERAL advfair_least_eps('linear', 'people', 5, norm => norm, mode => mode) JOIN margins USING (id), LATERAL (SELECT margin / CASE norm WHEN 'linf' THEN l1 ELSE l2 END AS exact) e GROUP BY norm, mode;
SELECT ok(bool_and(CASE WHEN wrong THEN eps = 0 WHEN censored THEN margin / l1 >= 0.99 ELSE eps BETWEEN margin / l1 - 1e-4 AND margin / l1 + 0.02 + 1e-3 AND abs(eps * 50 - round(eps * 50)) < 1e-6 END), 'in steps of 0.02')
FROM advfair_least_eps('linear', 'people', 1, mode => 'grid', step => 0.02) JOIN margins USING (id);
SELECT ok(bool_and(CASE WHEN wrong THEN eps = 0 WHEN censored THEN exact >= 0.99 ELSE eps BETWEEN (exact - 1e-5) * (1 - 1e-4) AND exact * 1.01 + 1.0 / 512 END) AND
	   count(*) FILTER (WHERE censored) BETWEEN 20 AND 480, 'of one column, as a share of its eps')
FROM advfair_least_eps('linear', 'people', '{"age": 1.5}') JOIN margins USING (id), LATERAL (SELECT margin / age / 1.5 AS exact) e;

-- of others it is where attacks begin to succeed
CREATE TABLE least AS SELECT * FROM advfair_least_eps('standard', 'people', 2);
SELECT is_empty($$ SELECT id FROM least JOIN runs USING (id) WHERE run = 'linf' AND (least.eps = 0) <> (prediction <> runs.label) $$, 'rows misclassified anyway have 0');
SELECT ok(bool_and(eps BETWEEN 0 AND 2) AND bool_and(NOT censored OR eps = 2) AND count(*) FILTER (WHERE eps > 0 AND NOT censored) > 200, 'others up to eps_max, or withstand it') FROM least;
SELECT unnest(ARRAY[ok(count(*) FILTER (WHERE l.eps > 1.25 * e) > 20 AND avg(success::int) FILTER (WHERE l.eps > 1.25 * e) < 0.05, format('at %s those that need more withstand', e)),
	   ok(count(*) FILTER (WHERE l.eps < 0.8 * e AND l.eps > 0) > 20 AND avg(success::int) FILTER (WHERE l.eps < 0.8 * e AND l.eps > 0) > 0.95, format('at %s those that need less do not', e))])
FROM (VALUES (0.1), (0.2)) v (e), LATERAL advfair_pgd('standard', 'people', e) p JOIN least l USING (id) GROUP BY e;
SELECT ok(avg((abs(g.eps - l.eps) <= 0.05 + 1e-6)::int) > 0.97 AND avg(abs(g.eps - l.eps)) < 0.05, 'a grid finds the same within a step') FROM advfair_least_eps('standard', 'people', 2, mode => 'grid', step => 0.05) g JOIN least l USING (id);

-- classes: sums over the rows
CREATE TABLE sums AS
SELECT c.*, s.rows, s.clean, s.correct, s.success_rate AS by_hand, s.accuracy AS accuracy_by_hand, s.of_correct FROM advfair_class_robustness('standard', 'people', '{0.1,0.3}') c JOIN LATERAL
	(SELECT e, label, count(*) AS rows, avg((prediction = label)::int) AS clean, count(*) FILTER (WHERE prediction = label) AS correct, avg(success::int) AS success_rate, avg((adversarial = label)::int) AS accuracy,
			avg(success::int) FILTER (WHERE prediction = label) AS of_correct FROM unnest('{0.1,0.3}'::float8[]) e, LATERAL advfair_pgd('standard', 'people', e) GROUP BY e, label) s ON label = class AND e = eps;
SELECT is(string_agg(eps || ' ' || class || ' ' || n, ', ' ORDER BY eps, class), (SELECT string_agg(e || ' ' || income || ' ' || n, ', ' ORDER BY e, income) FROM (SELECT income, count(*) AS n FROM people GROUP BY 1) p, unnest('{0.1,0.3}'::float8[]) e),
		  'a row for each eps and class') FROM sums;
SELECT ok(bool_and(abs(success_rate - by_hand) < 1.01 / n AND abs(accuracy - accuracy_by_hand) < 1.01 / n AND n = rows), 'classes are sums over the rows') FROM sums;
SELECT ok(bool_and(abs(c.success_rate - of_correct) < 1.01 / correct AND c.n = correct AND c.n < sums.n AND c.success_rate <= sums.success_rate) AND bool_or(c.success_rate < sums.success_rate), 'of those correct when clean')
FROM sums JOIN advfair_class_robustness('standard', 'people', '{0.1,0.3}', denominator => 'correct') c USING (eps, class);
SELECT ok(bool_and(c.accuracy = clean AND c.success_rate = 1 - clean), 'at eps 0 what counts is the accuracy') FROM advfair_class_robustness('standard', 'people', '{0}') c JOIN sums USING (class);
SELECT is(advfair_cru('standard', 'people', 0.3), max(success_rate) - min(success_rate), 'CRU_s') FROM advfair_class_robustness('standard', 'people', '{0.3}');
SELECT is(advfair_cru('standard', 'people', 0.3, denominator => 'correct', norm => 'l2', steps => 5, mutable => '{age,hours}', seed => 3, restarts => 2), max(success_rate) - min(success_rate), 'CRU_s, with all that an attack may be told')
FROM advfair_class_robustness('standard', 'people', '{0.3}', 'correct', norm => 'l2', steps => 5, mutable => '{age,hours}', seed => 3, restarts => 2);
SELECT ok(count(*) = 2 AND bool_and(abs(c.least_eps - s.eps) < 1e-12 AND c.censored = s.censored AND c.n = s.n), 'mean least eps of classes')
FROM advfair_class_least_eps('standard', 'people', 2) c JOIN (SELECT label AS class, avg(eps) AS eps, count(*) FILTER (WHERE censored) AS censored, count(*) AS n FROM least GROUP BY 1) s USING (class);
SELECT is(advfair_cru('standard', 'people', eps_max => 2), max(least_eps) - min(least_eps), 'CRU_eps') FROM advfair_class_least_eps('standard', 'people', 2);
SELECT is(advfair_cru('images', 'images'), max(least_eps) - min(least_eps), 'CRU_eps of images') FROM advfair_class_least_eps('images', 'images', 0.25);
SELECT is(advfair_cru('images', 'images', mode => 'grid', step => 0.5, eps_max => 4, norm => 'l2'), max(least_eps) - min(least_eps), 'CRU_eps on a grid') FROM advfair_class_least_eps('images', 'images', 4, 'grid', 0.5, norm => 'l2');
SELECT is((SELECT count(*) FROM advfair_progress), 0::bigint, 'and no progress');
SELECT * FROM finish();
ROLLBACK;
