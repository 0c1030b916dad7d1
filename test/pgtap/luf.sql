-- Leaving rows out: against models trained by hand, the drawing of rows, seeds, workers, ids, sums; who sees what is kept.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(200);
SET LOCAL client_min_messages = warning;
CREATE TABLE people AS SELECT * FROM advfair_make_census(90, 6);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE images AS SELECT i AS id, (SELECT string_agg(set_byte('\x00', 0, (60 + 120 * (j % 4 = i % 3)::int + (37 * i + 11 * j * j + i * j) % 70)), '' ORDER BY j) FROM generate_series(0, 15) j) AS image,
	'class ' || i % 3 AS y FROM generate_series(1, 60) i;
ALTER TABLE images ADD PRIMARY KEY (id);
CREATE FUNCTION differ(a text, b text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('WITH a AS (SELECT * FROM %s), b AS (SELECT * FROM %s) SELECT count(*) FROM ((TABLE a EXCEPT TABLE b) UNION ALL (TABLE b EXCEPT TABLE a)) d', a, b) INTO n;
	RETURN n;
END $$;

-- models of many kinds; nothing is fitted to the rows, so the same can be trained by hand without some of them
CREATE TABLE kinds (kind text, data text, label text, id text, seed int, training text, arguments text);
INSERT INTO kinds SELECT kind, data, label, id, seed, training, arguments FROM (VALUES ('people', 'income', 'person_id'), ('images', 'y', 'id')) d (data, label, id) JOIN (VALUES
	('plain', 'people', 0, 'train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'''),
	('sgd', 'people', 5, 'train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh, dense 6, relu'', optimizer => ''sgd'', init => ''he'', weight_decay => 0.01'),
	('scheduled', 'people', 2, 'train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'', settings => ''{"schedule": "one_cycle"}'''),
	('oversampled', 'people', 0, 'train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'', oversample => ''x3'''),
	('validated', 'people', 3, 'train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'', validation => ''0.3'''),
	('image', 'images', -1, 'train', 'input_shape => ''{1,4,4}'', arch => ''conv 4x3, relu, maxpool 2, dense 6, tanh'''),
	('pgd', 'people', 0, 'adv_train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'', method => ''pgd'', eps => ''{"age": 5, "hours": 3}'', steps => 3'),
	('trades', 'images', 0, 'adv_train', 'input_shape => ''{1,4,4}'', arch => ''dense 6, tanh'', method => ''trades'', eps => 0.05, steps => 3'),
	('mart', 'images', 0, 'adv_train', 'input_shape => ''{1,4,4}'', arch => ''dense 6, tanh'', method => ''mart'', eps => 0.05, steps => 3'),
	('gaussian', 'people', 0, 'adv_train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'', method => ''gaussian'', mutable => ''{age,hours}'', settings => ''{"sigma": 3}'''),
	('ibp', 'people', 0, 'adv_train', 'encoding => ''ordinal'', scale => false, arch => ''dense 6, tanh'', method => ''ibp'', eps => 0.5, mutable => ''{age,hours}'', settings => ''{"kappa": 0.7}'''),
	('fast', 'images', 0, 'adv_train', 'input_shape => ''{1,4,4}'', arch => ''dense 6, tanh'', method => ''fast'', eps => 0.02, validation => ''0.2'''),
	('merged', 'images', 1, 'adv_train', 'input_shape => ''{1,4,4}'', arch => ''dense 6, tanh'', method => ''merged'', eps => 0.1, steps => 5'),
	('warm', 'images', 0, 'adv_train', 'input_shape => ''{1,4,4}'', arch => ''dense 6, tanh'', method => ''merged'', eps => 0.1, steps => 5, warm => true'),
	('by source', 'images', 0, 'adv_train', 'arch => ''dense 6, tanh'', method => ''merged'', eps => 0.1, steps => 5, source => ''image''')) k (kind, data, seed, training, arguments) USING (data);
CREATE FUNCTION make(model text, rows text, which text, more_seed int DEFAULT 0) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	made int;
BEGIN
	EXECUTE (SELECT format('SELECT version FROM advfair_%s(%L, %L, %L, id => %L, epochs => 8, batch_size => 20, learning_rate => 0.02, seed => %s, %s)', training, model, rows, label, id, seed + more_seed, arguments)
			 FROM kinds WHERE kind = which) INTO made;
	RETURN made;
END $$;
-- what lies between two models, row by row
CREATE FUNCTION distance(a text, b text, which text) RETURNS TABLE (id bigint, luf float8, changed bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE (SELECT format('SELECT r.%I::bigint, (SELECT max(abs(u.a::float8 - u.b)) FROM unnest(advfair_proba(m, r), advfair_proba(o, r)) u (a, b)), (advfair_predict(m, r) <> advfair_predict(o, r))::int::bigint
		FROM %I r, advfair_get(%L) m, advfair_get(%L) o', k.id, k.data, a, b) FROM kinds k WHERE kind = which);
END $$;
-- whether a row takes no part in training
CREATE FUNCTION held_out(model text, rows text, id int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM advfair_luf(model, rows, leave_out_ids => ARRAY[id::text]);
	RETURN false;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN true;
END $$;
SELECT is(make(kind, data, kind), 1, kind || ': trained') FROM (SELECT * FROM kinds ORDER BY kind = 'by source') k;
CREATE TABLE left_out AS SELECT k.*, n FROM kinds k, LATERAL (SELECT i AS n FROM generate_series(5, 60) i WHERE NOT held_out(kind, data, i) LIMIT 3) i;
SELECT is(make(kind || n, format('SELECT * FROM %s WHERE %I <> %s', data, id, n), kind), 1, format('%s: trained without row %s', kind, n)) FROM left_out;
CREATE TABLE single AS SELECT kind, n, l.* FROM left_out k, LATERAL advfair_luf_rows(kind, data, leave_out_ids => ARRAY[n::text], regenerate => kind IN ('merged', 'warm')) l;
SELECT ok(count(*) = CASE data WHEN 'people' THEN 90 ELSE 60 END AND max(abs(s.luf - b.luf)) < CASE WHEN kind IN ('image', 'merged', 'warm', 'by source') THEN 1e-4 ELSE 1e-6 END AND bool_and(s.changed = b.changed) AND max(s.luf) > 1e-5 AND bool_and(s.left_out = 1), format('%s: without row %s', kind, n))
FROM single s JOIN left_out USING (kind, n), LATERAL distance(kind, kind || n, kind) b WHERE b.id = s.id GROUP BY kind, n, data;
SELECT cmp_ok(sum(changed), '>', 5::numeric, 'some predictions change') FROM single;
SELECT is_empty('SELECT kind, s.id FROM single s JOIN kinds USING (kind) LEFT JOIN people p ON p.person_id = s.id AND data = ''people'' LEFT JOIN images i ON i.id = s.id AND data = ''images'' WHERE s.label IS DISTINCT FROM COALESCE(p.income, i.y)', 'label is that of the row');
SELECT is_empty('SELECT kind, s.id FROM single s JOIN kinds USING (kind) LEFT JOIN people p ON p.person_id = s.id AND data = ''people'' LEFT JOIN images i ON i.id = s.id AND data = ''images'', advfair_get(kind) m
				 WHERE s.prediction <> CASE data WHEN ''people'' THEN advfair_predict(m, p) ELSE advfair_predict(m, i.image) END', 'prediction is that of the model on all rows');
-- the encoder and scaling stay as they are: of all rows
SELECT is(version, 1, 'scaled: trained') FROM advfair_train('scaled', 'people', 'income', arch => 'dense 6, tanh', epochs => 8, batch_size => 20, encoding => 'ordinal');
SELECT isnt(a.luf, 0::float8, 'a model with a scaling layer') FROM advfair_luf_rows('scaled', 'people', leave_out_ids => '{7}') a WHERE id = 7;
-- twins stay as they are, unless they are crafted again
SELECT ok(max(abs(a.luf - s.luf)) BETWEEN 1e-5 AND 0.1, 'crafting again makes a difference') FROM advfair_luf_rows('merged', 'images', leave_out_ids => ARRAY[(SELECT min(n)::text FROM left_out WHERE kind = 'merged')]) a
	JOIN single s USING (id) WHERE kind = 'merged' AND n = (SELECT min(n) FROM left_out WHERE kind = 'merged');

-- several rows: the largest change, and how many
SELECT ok(bool_and(a.luf = s.luf AND a.changed = s.changed AND a.left_out = 3), kind || ': several rows')
FROM kinds, LATERAL advfair_luf_rows(kind, data, leave_out_ids => (SELECT array_agg(n::text) FROM left_out l WHERE l.kind = kinds.kind), regenerate => kind IN ('merged', 'warm')) a,
	LATERAL (SELECT max(luf) AS luf, sum(changed) AS changed FROM single WHERE single.kind = kinds.kind AND id = a.id) s GROUP BY kind;
-- drawn rows: a longer list begins with the shorter one
CREATE TABLE drawn AS SELECT seed, k, l.* FROM generate_series(0, 1) seed, generate_series(1, 5) k, LATERAL advfair_luf_rows('plain', 'people', leave_out => k, seed => seed) l;
SELECT ok(bool_and(a.luf <= b.luf AND a.changed <= b.changed AND a.left_out + 1 = b.left_out), format('seed %s: %s rows and one more', seed, a.k))
FROM drawn a JOIN drawn b USING (seed, id) WHERE a.k + 1 = b.k GROUP BY seed, a.k;
CREATE TABLE every AS SELECT n, l.* FROM generate_series(1, 90) n, LATERAL advfair_luf_rows('plain', 'people', leave_out_ids => ARRAY[n::text], workers => 1) l;
SELECT is(count(*), 1::bigint, format('seed %s: the first one is one of them', seed)) FROM generate_series(0, 1) seed,
	LATERAL (SELECT n FROM every JOIN drawn USING (id, luf, changed) WHERE k = 1 AND drawn.seed = seed.seed GROUP BY n HAVING count(*) = 90) n GROUP BY seed;
SELECT isnt(a.luf, b.luf, 'another seed, another row') FROM drawn a JOIN drawn b USING (id, k) WHERE a.seed = 0 AND b.seed = 1 AND k = 1 AND id = 1;
SELECT ok(bool_and(a.luf = e.luf AND a.changed = e.changed), 'all rows') FROM advfair_luf_rows('plain', 'people', leave_out => 90) a, LATERAL (SELECT max(luf) AS luf, sum(changed) AS changed FROM every WHERE every.id = a.id) e;

-- sums
CREATE TABLE summary AS SELECT * FROM advfair_luf_summary('oversampled', 'people', 20);
SELECT ok(abs(luf_l * left_out - luf_t * n) < 1e-9 AND abs(seed_luf_l * left_out - seed_luf_t * n) < 1e-9 AND luf_t > 0 AND seed_luf_t > 0 AND left_out = 20 AND n = 90, 'LUF_l left_out = LUF_t n') FROM summary;
SELECT ok(abs(luf_t - t) < 1e-12 AND abs(luf_l - l) < 1e-12, 'which are counts of predictions that change') FROM summary, (SELECT avg(changed) AS t, sum(changed) / 20.0 AS l FROM advfair_luf_rows('oversampled', 'people', 20)) r;
SELECT ok(abs(luf - advfair_luf('oversampled', 'people', 20)) < 1e-15 AND abs(seed_luf - advfair_luf('oversampled', 'people', 20, vary_seed => true)) < 1e-15 AND excess_luf = luf - seed_luf, 'LUF is the mean over rows') FROM summary;
SELECT ok(luf IS NOT NULL AND luf_t IS NOT NULL AND luf_l IS NOT NULL AND seed_luf IS NULL AND seed_luf_t IS NULL AND seed_luf_l IS NULL AND excess_luf IS NULL AND left_out = 2 AND n = 60, 'without the baseline')
FROM advfair_luf_summary('image', 'images', leave_out_ids => '{3,4}', baseline => false);
SELECT is(luf, (SELECT avg(luf) FROM single WHERE kind = 'plain' AND n = (SELECT min(n) FROM left_out WHERE kind = 'plain')), 'LUF of one row') FROM advfair_luf('plain', 'people', leave_out_ids => ARRAY[(SELECT min(n)::text FROM left_out WHERE kind = 'plain')]) luf;

-- the baseline: the same rows and other seeds
SELECT is(make(format('%s seed %s', kind, s), data, kind, s), 1, format('%s: trained with seed + %s', kind, s)) FROM kinds, generate_series(1, 2) s WHERE kind IN ('plain', 'sgd', 'oversampled', 'image', 'pgd', 'trades', 'merged', 'warm');
SELECT ok(max(abs(a.luf - b.luf)) < CASE WHEN kind IN ('image', 'merged', 'warm') THEN 1e-4 ELSE 1e-6 END AND bool_and(a.changed = b.changed AND a.left_out = 2) AND max(a.luf) > 0.001, kind || ': other seeds')
FROM kinds, LATERAL advfair_luf_rows(kind, data, leave_out => 2, vary_seed => true, regenerate => kind IN ('merged', 'warm')) a
	JOIN LATERAL (SELECT id, max(luf) AS luf, sum(changed) AS changed FROM generate_series(1, 2) s, LATERAL distance(kind, format('%s seed %s', kind, s), kind) GROUP BY 1) b USING (id)
WHERE kind IN ('plain', 'sgd', 'oversampled', 'image', 'pgd', 'trades', 'merged', 'warm') GROUP BY kind;
SELECT is(differ('advfair_luf_rows(''plain'', ''people'', leave_out => 3, vary_seed => true)', 'advfair_luf_rows(''plain'', ''people'', leave_out_ids => ''{1,2,3}'', vary_seed => true, seed => 9)'), 0::bigint, 'which rows would have been left out does not matter');

-- the same again
SELECT is(differ(format('advfair_luf_rows(%s, workers => 1)', call), format('advfair_luf_rows(%s, workers => %s)', call, workers)), 0::bigint, format('%s workers: %s', workers, call))
FROM generate_series(2, 4) workers, unnest(ARRAY['''plain'', ''people'', 7', '''image'', ''images'', 5, vary_seed => true', '''trades'', ''images'', 3', '''merged'', ''images'', 3, regenerate => true', '''validated'', ''people'', 1']) call;
CREATE TABLE before AS SELECT * FROM advfair_luf_rows('plain', 'people', 10);
CREATE INDEX people_hours ON people (hours);
CLUSTER people USING people_hours;
SELECT is(differ('before', 'advfair_luf_rows(''plain'', ''people'', 10)'), 0::bigint, 'rows in another order');
SELECT is_empty('SELECT * FROM advfair_luf_rows(''plain'', ''SELECT * FROM people WHERE person_id > 60'', 10) EXCEPT SELECT * FROM before', 'some of the rows');
SELECT is(string_agg(id::text, ' ' ORDER BY id), '1 2 3', 'rows without ids are numbered') FROM advfair_luf_rows('plain', 'SELECT age, education, hours, occupation, sex, race FROM people LIMIT 3', 1);
-- rows of today
INSERT INTO people SELECT 1000, age, education, hours, occupation, sex, race, income FROM people WHERE person_id = 1;
SELECT is(make('plain 91', 'people', 'plain'), 1, 'trained with one more row');
SELECT ok(max(abs(a.luf - b.luf)) < 1e-6, 'which can be left out') FROM advfair_luf_rows('plain', 'people', leave_out_ids => '{1000}') a JOIN distance('plain 91', 'plain', 'plain') b USING (id);
DELETE FROM people WHERE person_id = 1000;

-- ids and labels
CREATE TABLE named AS SELECT 'row ' || person_id AS person_id, age, education, hours, occupation, sex, race, income FROM people;
SELECT is(string_agg(DISTINCT pg_typeof(id)::text, ' ') || count(*), 'text90', 'ids of the type of key') FROM advfair_luf_rows('plain', 'named', key => NULL::text, leave_out => 1);
SELECT is_empty('SELECT ''row '' || id, label, prediction, luf, changed FROM before EXCEPT SELECT id, label, prediction, luf, changed FROM advfair_luf_rows(''plain'', ''named'', key => NULL::text, leave_out => 10)', 'and all of them');
SELECT is(version, 1, 'ids of text: trained') FROM advfair_train('named', 'named', 'income', id => 'person_id', epochs => 2);
SELECT is(count(*), 90::bigint, 'ids of text can be left out') FROM advfair_luf_rows('named', 'people', leave_out_ids => '{row 3,row 5}');
SELECT ok(count(*) = 90 AND bool_and(l.label IS NOT DISTINCT FROM CASE WHEN id % 3 = 0 THEN 'rich' WHEN id % 3 = 1 THEN b.label END) AND bool_and(l.luf = b.luf), 'labels that are NULL or no class')
FROM advfair_luf_rows('plain', 'SELECT person_id, age, education, hours, occupation, sex, race, CASE person_id % 3 WHEN 0 THEN ''rich'' WHEN 1 THEN income END AS income FROM people', 10) l JOIN before b USING (id);
SELECT ok(count(*) = 90 AND bool_and(l.label IS NULL), 'no labels at all') FROM advfair_luf_rows('plain', 'SELECT person_id, age, education, hours, occupation, sex, race FROM people', 1) l;
SELECT is(count(*), 1::bigint, 'in the SELECT list') FROM (SELECT (advfair_luf_rows('plain', 'SELECT * FROM people WHERE person_id = 1', 1)).*) l;

-- what is kept of a run is its role's
CREATE ROLE advfair_ann;
CREATE ROLE advfair_ben;
INSERT INTO advfair_luf_part (digest, part, owner, change) VALUES ('d', 1, 'advfair_ann', ''), ('d', 2, 'advfair_ben', ''), ('d', 3, 'nobody', '');
SET LOCAL ROLE advfair_ben;
SELECT results_eq('SELECT part FROM advfair_luf_part', '{2}'::bigint[], 'roles see parts of their own');
DELETE FROM advfair_luf_part;
SELECT throws_ok($$ INSERT INTO advfair_luf_part (digest, part, owner, change) VALUES ('d', 4, 'advfair_ann', '') $$, '42501', NULL, 'and write no others');
SELECT throws_ok($$ UPDATE advfair_luf_part SET change = '' $$, '42501', NULL, 'and change none');
RESET ROLE;
SELECT results_eq('SELECT part FROM advfair_luf_part ORDER BY 1', '{1,3}'::bigint[], 'and delete no others');
SELECT is((SELECT count(*) FROM advfair_progress), 0::bigint, 'no progress is left');
SELECT * FROM finish();
ROLLBACK;
