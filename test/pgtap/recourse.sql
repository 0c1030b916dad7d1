-- The cheapest changes that a model gives a class to: exact where all can be tried, within rules, and what is said where there is none.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();
CREATE TABLE people AS SELECT * FROM advfair_make_census(150, 3);
ALTER TABLE people ADD PRIMARY KEY (person_id);
SET client_min_messages = warning;
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'SELECT * FROM advfair_make_census(3000, 4)', 'income', id => 'person_id', exclude => '{sex,race}', epochs => 10, arch => 'dense 16, relu');
CREATE FUNCTION recourse(more text, data text DEFAULT 'people', target text DEFAULT '>50K') RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT * FROM advfair_recourse(''m'', %L, %L%s)', data, target, more) $$;

-- all changes of a few columns, tried one by one
CREATE TABLE deviations AS SELECT stddev_pop(hours)::float8 AS hours, stddev_pop(age)::float8 AS age FROM people;
CREATE TABLE options AS SELECT p.person_id AS id, p AS was, h AS hours, e AS education, a AS age, ROW(p.person_id, a, e, h, p.occupation, p.sex, p.race, p.income)::people AS now
	FROM people p, LATERAL (SELECT p.hours + 5 * i AS h FROM generate_series(-20, 20) i WHERE p.hours + 5 * i BETWEEN (SELECT min(hours) FROM people) AND (SELECT max(hours) FROM people)) h, (SELECT DISTINCT education AS e FROM people) e,
	LATERAL (SELECT p.age + i * 4 AS a FROM generate_series(0, 3) i WHERE p.age + i * 4 <= (SELECT max(age) FROM people)) a;
CREATE TABLE reaching AS SELECT id, was, o.hours, education, o.age, abs(o.hours - (was).hours) / d.hours + abs(o.age - (was).age) / d.age + (education <> (was).education)::int AS cost, abs(o.hours - (was).hours) * 0.1 + (education <> (was).education)::int * 0.9 AS weighed
	FROM options o, deviations d, (SELECT advfair_get('m') AS m OFFSET 0) m WHERE advfair_predict(m, now) = '>50K';
CREATE TABLE tried (how text, id bigint, rank int, cost float8, changes jsonb);
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT * FROM (VALUES ('free', ', mutable => ''{hours,education,age}'', step => ''{"hours": 5, "age": 4}'', constraints => ''{age >= old.age, age <= old.age + 12}'', k => 4'), ('two', ', mutable => ''{hours,education}'', step => ''{"hours": 5}'''),
		('weighed', ', mutable => ''{education,hours}'', step => ''{"hours": 5}'', cost => ''{"hours": 0.1, "education": 0.9}'', k => 3'), ('budget', ', mutable => ''{hours,education}'', step => ''{"hours": 5}'', budget => 1'),
		('rule', ', mutable => ''{hours,education}'', step => ''{"hours": 5}'', constraints => ''{"hours >= old.hours", "education = old.education OR hours <= 60"}'''), ('search', ', mutable => ''{hours,education}'', step => ''{"hours": 5}'', queries => 1')) v (how, more)
	LOOP
		EXECUTE format('INSERT INTO tried SELECT %L, * FROM (%s) t', c.how, recourse(c.more));
	END LOOP;
END $$;
CREATE FUNCTION cheapest(how text) RETURNS TABLE (id bigint, costs float8[]) LANGUAGE sql AS $$
	SELECT id, array_agg(c ORDER BY c) FROM (SELECT id, (was).income, CASE how WHEN 'weighed' THEN weighed ELSE cost END AS c, row_number() OVER (PARTITION BY id ORDER BY CASE how WHEN 'weighed' THEN weighed ELSE cost END) AS n,
		min(cost) OVER (PARTITION BY id) AS first FROM reaching r
		WHERE CASE how WHEN 'free' THEN true WHEN 'rule' THEN age = (was).age AND hours >= (was).hours AND (education = (was).education OR hours <= 60) WHEN 'budget' THEN age = (was).age AND cost <= 1 ELSE age = (was).age END) r
	WHERE n <= CASE how WHEN 'free' THEN 4 WHEN 'weighed' THEN 3 ELSE 1 END AND (n = 1 OR first > 0) GROUP BY id $$;
SELECT is(count(DISTINCT id), 150::bigint, how || ': all rows') FROM tried GROUP BY how ORDER BY how;
SELECT is_empty(format($$ SELECT p.person_id, t.costs, l.costs FROM people p LEFT JOIN (SELECT id, array_agg(cost ORDER BY rank) AS costs FROM tried WHERE how = %1$L AND rank > 0 GROUP BY id) t ON t.id = person_id LEFT JOIN cheapest(%1$L) l ON l.id = person_id
	WHERE t.costs IS DISTINCT FROM l.costs AND NOT coalesce((SELECT bool_and(abs(a - b) < 1e-9) AND count(a) = count(b) FROM unnest(t.costs, l.costs) u (a, b)), false) $$, how), how || ': none is cheaper, none is missed')
FROM unnest('{free,two,weighed,budget,rule}'::text[]) how;
SELECT is_empty($$ SELECT t.id FROM tried t LEFT JOIN cheapest('two') l USING (id) WHERE how = 'search' AND (t.cost < l.costs[1] - 1e-9 OR t.cost IS NOT NULL AND l.costs IS NULL) $$, 'a random search is never below');
SELECT ok(avg((t.cost IS NOT NULL)::int) > 0.95 AND avg(t.cost) < 1.15 * avg(l.costs[1]), format('and comes near: %s of %s found, at %s in place of %s', count(t.cost), count(*), round(avg(t.cost)::numeric, 3), round(avg(l.costs[1])::numeric, 3)))
FROM tried t JOIN cheapest('two') l USING (id) WHERE how = 'search' AND l.costs[1] > 0;
SELECT ok(count(*) FILTER (WHERE rank IS NULL) BETWEEN 5 AND 145 AND count(*) FILTER (WHERE cost > 0) > 5, how || ': some have none, some have one') FROM tried WHERE how IN ('two', 'budget', 'rule') GROUP BY how;
SELECT ok(bool_and(changes IS NULL AND cost IS NULL), 'where there is none, nothing is said') FROM tried WHERE rank IS NULL;
SELECT ok(bool_and(n = m) AND bool_and(n > 0), 'ranks count from 1') FROM (SELECT count(*) AS n, max(rank) AS m FROM tried WHERE rank IS NOT NULL GROUP BY how, id) t;
SELECT ok(count(*) = count(DISTINCT (how, id, changes)), 'changes differ') FROM tried WHERE rank IS NOT NULL;
SELECT is_empty($$ SELECT how, id FROM tried JOIN people p ON person_id = id, (SELECT advfair_get('m') AS m OFFSET 0) m WHERE rank > 0 AND advfair_predict(m, jsonb_populate_record(p, changes)) <> '>50K' $$, 'each reaches the class');
SELECT is_empty($$ SELECT how, id FROM tried JOIN people p ON person_id = id, (SELECT advfair_get('m') AS m OFFSET 0) m WHERE (advfair_predict(m, p) = '>50K') <> coalesce(changes = '{}' AND cost = 0 AND rank = 1, false) $$, 'who has it needs no change');

-- what is derived, fractions, and columns that are not said
SELECT is_empty($$ SELECT id FROM advfair_recourse('m', 'people', '>50K', mutable => '{age}', derived => '{"hours": "age - 5"}', step => '{"age": 1}') r JOIN people p ON person_id = id, LATERAL jsonb_populate_record(p, changes) n
	WHERE rank = 1 AND changes <> '{}' AND n.hours <> n.age - 5 $$, 'derived columns follow');
SELECT ok(count(*) > 100 AND bool_and(NOT changes ?| '{sex,race,income,person_id}'), 'without mutable, what the model sees') FROM advfair_recourse('m', 'people', '>50K', queries => 200) WHERE rank = 1;
CREATE TYPE fractions AS (person_id int, age float8, education text, hours float8, occupation text);
SELECT ok(count(*) > 30 AND bool_and(advfair_predict(m, n) = '>50K') AND bool_or(n.hours % 1 <> 0 OR n.age % 1 <> 0), 'numbers without steps have fine ones')
FROM (SELECT advfair_get('m') AS m OFFSET 0) m, advfair_recourse('m', 'SELECT person_id, age::float8, education, hours::float8, occupation FROM people', '>50K', mutable => '{age,hours}', queries => 500) r JOIN people p ON person_id = id, LATERAL (SELECT (f).age::numeric, (f).education, (f).hours::numeric, (f).occupation FROM jsonb_populate_record(NULL::fractions, to_jsonb(p) || changes) f) n
WHERE rank = 1;
SELECT is(count(*), 150::bigint, 'ids of the type of key') FROM advfair_recourse('m', 'SELECT ''p'' || person_id AS person_id, age, education, hours, occupation FROM people', '>50K', key => NULL::text, mutable => '{hours}') r JOIN people p ON r.id = 'p' || person_id;
SELECT results_eq(recourse(', mutable => ''{hours,education,age}'', queries => 100', 'SELECT * FROM people ORDER BY person_id'), format('SELECT * FROM (%s) r ORDER BY id', recourse(', mutable => ''{hours,education,age}'', queries => 100', 'SELECT * FROM people ORDER BY person_id DESC')), 'the order of rows means nothing');
SELECT results_eq(format('SELECT rank IS NULL, count(*) FROM (%s) r GROUP BY 1 ORDER BY 1', recourse(', mutable => ''{hours}'', constraints => ''{age > 200}''')), 'VALUES (true, 150::bigint)', 'who breaks a rule has none');
SELECT is(count(*), 0::bigint, 'no rows, no result') FROM advfair_recourse('m', 'SELECT * FROM people WHERE false', '>50K');

-- what was asked for
SELECT throws_ok(recourse(more), c, m, coalesce(m, more)) FROM (VALUES
	(', mutable => ''{z}''', '42703', 'mutable names column "z", which does not exist in data "public.people"'),
	(', mutable => ''{income}''', '22023', 'column "income" cannot change: it is the label'),
	(', mutable => ''{person_id}''', '22023', 'column "person_id" cannot change: it is the id'),
	(', constraints => ''{age}''', '42804', 'constraint "age" is not boolean'),
	(', k => 0', '22023', NULL),
	(', k => 100000', '22023', NULL),
	(', budget => -1', '22023', NULL),
	(', queries => 0', '22023', NULL),
	(', cost => ''{"sex": 1}''', '22023', 'cost names column "sex", which does not change'),
	(', id => ''z''', '42703', 'id names column "z", which does not exist in data "public.people"')) v (more, c, m);
SELECT throws_ok(recourse('', target => 'rich'), '22023', 'the model has no class "rich"');
SELECT throws_ok(recourse('', data => 'SELECT person_id, age FROM people'), '42703', NULL, 'a column that the model needs');
SELECT throws_ok($$ SELECT * FROM advfair_recourse('n', 'people', '>50K') $$, '42704', NULL, 'no such model');
SELECT throws_ok($$ SELECT * FROM advfair_recourse(NULL, 'people', '>50K') $$, '22023', 'task key "model" is missing');
SELECT throws_ok($$ SELECT * FROM advfair_recourse('m', 'people', NULL) $$, '22023', 'task key "target" is missing');
SELECT * FROM finish();
ROLLBACK;
