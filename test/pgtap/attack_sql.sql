-- Attacks by queries on models that SQL can call: what is reached, what may change, what is said of each row, what is refused.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT * FROM no_plan();

-- a model that is known in closed form, as a function of typed columns
CREATE TYPE size AS ENUM ('small', 'middle', 'large');
CREATE TABLE things AS SELECT i AS thing_id, (hashint4(i) & 31)::smallint AS a, (hashint4(i + 1000) & 31)::int AS b, (hashint4(i + 2000) & 31)::bigint AS c,
	((hashint4(i + 3000) & 127) / 8.0)::numeric(6, 2) AS d, ((hashint4(i + 4000) & 127) / 8.0)::real AS e, (hashint4(i + 5000) & 127) / 8.0::float8 AS f, hashint4(i + 6000) > 0 AS g,
	('{small,middle,large}'::size[])[1 + (hashint4(i + 7000) & 1048575) % 3] AS h, (ARRAY['red', 'green', 'blue', 'blue green'])[1 + (hashint4(i + 8000) & 3)] AS k, 'abc'::char(5) AS l
	FROM generate_series(1, 300) i;
ALTER TABLE things ADD PRIMARY KEY (thing_id);
CREATE FUNCTION score(a smallint, b int, c bigint, d numeric, e real, f float8, g bool, h size, k text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	$$ SELECT 2 * a - b + 0.5 * c - d::float8 + e - 0.5 * f + CASE WHEN g THEN 3 ELSE 0 END + CASE h WHEN 'small' THEN -4 WHEN 'middle' THEN 0 ELSE 2 END + CASE k WHEN 'red' THEN -3 WHEN 'green' THEN 4 ELSE 0 END - 28 $$;
CREATE FUNCTION proba(z float8) RETURNS float8[] LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY[1 / (1 + exp(z / 4)), 1 / (1 + exp(-z / 4))] $$;
ALTER TABLE things ADD y text;
UPDATE things SET y = CASE WHEN score(a, b, c, d, e, f, g, h, k) + (hashint4(thing_id + 9000) % 8) > 0 THEN 'yes' ELSE 'no' END;
CREATE FUNCTION class_of(t things) RETURNS text LANGUAGE sql STABLE AS $$ SELECT CASE WHEN score(t.a, t.b, t.c, t.d, t.e, t.f, t.g, t.h, t.k) > 0 THEN 'yes' ELSE 'no' END $$;
CREATE FUNCTION attack(more text DEFAULT '', eps text DEFAULT '2', data text DEFAULT 'things', predict text DEFAULT 'proba(score(a, b, c, d, e, f, g, h, k))', classes text DEFAULT '{no,yes}', label text DEFAULT 'y') RETURNS text LANGUAGE sql AS
	$$ SELECT format('SELECT * FROM advfair_attack_sql(%L, %L, %L, %L, %s%s)', data, label, predict, classes, eps, more) $$;
SET client_min_messages = warning;

-- what is said is so: the changed row, put together by SQL, is predicted as reported
CREATE TABLE tried (how text, id bigint, label text, prediction text, adversarial text, success bool, linf float8, l2 float8, cost float8, queries bigint, changes jsonb);
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT * FROM (VALUES ('all', attack()), ('class', attack(predict => 'class_of(data)')), ('numbers', attack(', mutable => ''{a,b,c,d,e,f}''')), ('whole', attack(', mutable => ''{a,b,c}''')), ('sd', attack(', eps_unit => ''sd''', eps => '0.3')),
		('some', attack(eps => $e$'{"a": 2, "d": 1.5, "k": 1}'$e$)), ('up', attack(', mutable => ''{a,b,c}'', constraints => ''{a >= old.a,b >= old.b,c >= old.c}''')), ('sum', attack(', mutable => ''{a,b,c}'', constraints => ''{a + b + c = old.a + old.b + old.c}''')),
		('budget', attack(', mutable => ''{a,b,c}'', cost => ''{"a": 3, "b": 1, "c": 0.25}'', budget => 4')), ('step', attack(', mutable => ''{a,b,c,d}'', step => ''{"a": 2, "b": 3, "d": 0.5}''')),
		('derived', attack(', mutable => ''{a,b}'', derived => ''{"c": "d::int", "d": "a * 0.25"}''')), ('target', attack(', targeted => ''yes''')), ('narrow', attack(', mutable => ''{a,b,c}'', clip => ''{"a": [10, 12], "b": [null, 5], "c": [null, null]}''')),
		('categories', attack(', mutable => ''{g,h,k}''')), ('few', attack(', queries => 5')),
		('whole drawn', attack(', mutable => ''{a,b,c}'', queries => 120')), ('sum drawn', attack(', mutable => ''{a,b,c}'', queries => 120, constraints => ''{a + b + c = old.a + old.b + old.c}'''))) v (how, call)
	LOOP
		EXECUTE format('INSERT INTO tried SELECT %L, * FROM (%s) t', c.how, c.call);
	END LOOP;
END $$;
CREATE VIEW changed AS SELECT r.*, t AS was, jsonb_populate_record(t, changes) AS now FROM tried r JOIN things t ON thing_id = id;
SELECT is(count(*), 300::bigint, how || ': all rows') FROM tried GROUP BY how ORDER BY how;
SELECT is_empty('SELECT how, id FROM changed WHERE label <> (was).y OR prediction <> class_of(was) OR adversarial <> class_of(now)', 'rows predict as reported');
SELECT is_empty('SELECT how, id FROM changed WHERE success IS DISTINCT FROM CASE WHEN how <> ''target'' THEN adversarial <> label WHEN label = ''no'' THEN adversarial = ''yes'' END', 'success is to be misclassified, or to reach the target');
SELECT is_empty('SELECT how, id FROM changed WHERE prediction <> label AND how <> ''target'' AND (changes <> ''{}'' OR queries <> 1 OR linf <> 0 OR cost <> 0)', 'rows that are misclassified anyway stay as they are');
SELECT ok(count(*) FILTER (WHERE success AND prediction = label) BETWEEN 10 AND 250, how || ': some succeed, some withstand') FROM tried GROUP BY how ORDER BY how;
SELECT is_empty($$ SELECT how, id FROM changed, jsonb_each(changes) WHERE jsonb_typeof(value) <> CASE WHEN key IN ('h', 'k') THEN 'string' WHEN key = 'g' THEN 'boolean' ELSE 'number' END OR key IN ('a', 'b', 'c') AND value::text ~ '\.' $$, 'changes are typed');
SELECT is_empty($$ SELECT how, id FROM changed, jsonb_each(to_jsonb(now)) n JOIN LATERAL jsonb_each(to_jsonb(was)) w USING (key) WHERE (n.value <> w.value) <> (changes ? key) $$, 'and all that changes');
SELECT ok(bool_and(changes::text !~ ('"[^' || keys || ']":')), how || ': nothing else changes') FROM tried JOIN (VALUES ('numbers', 'abcdef'), ('whole', 'abc'), ('whole drawn', 'abc'), ('some', 'adk'), ('derived', 'abcd'), ('categories', 'ghk'), ('all', 'abcdefghk')) v (how, keys) USING (how) GROUP BY how;
SELECT is_empty($$ SELECT how, id FROM changed WHERE queries > CASE WHEN how = 'few' THEN 5 WHEN how ~ 'drawn' THEN 120 ELSE 1000 END OR queries < 1 $$, 'no more queries than were allowed');

-- within the ball
CREATE TABLE deviations AS SELECT key, stddev_pop(value::text::float8) AS sd FROM things t, jsonb_each(to_jsonb(t)) WHERE key ~ '^[a-f]$' GROUP BY 1;
CREATE VIEW moves AS SELECT how, id, linf, l2, cost, key, CASE WHEN sd IS NULL THEN (n.value <> w.value)::int ELSE abs((n.value #>> '{}')::float8 - (w.value #>> '{}')::float8) / CASE WHEN how = 'sd' THEN sd ELSE 1 END END AS by
	FROM changed, jsonb_each(to_jsonb(now)) n JOIN LATERAL jsonb_each(to_jsonb(was)) w USING (key) LEFT JOIN deviations USING (key) WHERE key ~ '^[a-k]$';
SELECT ok(max(by) <= CASE how WHEN 'sd' THEN 0.3 ELSE 2 END * (1 + 1e-6), how || ': no column goes further than eps') FROM moves WHERE how NOT IN ('derived', 'some') GROUP BY how;
SELECT ok(abs(max(by) FILTER (WHERE key = 'd') - 1.5) < 1e-6 AND max(by) FILTER (WHERE key = 'a') = 2, 'each as far as it may') FROM moves WHERE how = 'some';
SELECT is_empty($$ SELECT how, id FROM moves WHERE how NOT IN ('derived', 'some') GROUP BY how, id HAVING abs(max(by) - max(linf)) > 1e-6 OR abs(sqrt(sum(by ^ 2)) - max(l2)) > 1e-6 $$, 'lengths are those of the changes');
SELECT is_empty($$ SELECT id FROM moves WHERE how = 'some' GROUP BY id HAVING abs(max(CASE key WHEN 'a' THEN by / 2 WHEN 'd' THEN by / 1.5 ELSE by END) - max(linf)) > 1e-6 $$, 'with eps by column in shares of it');
SELECT is_empty($$ SELECT id FROM moves WHERE how = 'budget' GROUP BY id HAVING abs(sum(CASE key WHEN 'a' THEN 3 * by WHEN 'b' THEN by WHEN 'c' THEN by / 4 ELSE 0 END) - max(cost)) > 1e-6 OR max(cost) > 4 $$, 'cost is what was said, and within the budget');
SELECT is_empty($$ SELECT id FROM moves JOIN deviations USING (key) WHERE how = 'whole' GROUP BY id HAVING abs(sum(by / sd) - max(cost)) > 1e-6 $$, 'or else in standard deviations');
SELECT is_empty($$ SELECT id FROM changed WHERE how = 'up' AND NOT ((now).a >= (was).a AND (now).b >= (was).b AND (now).c >= (was).c) $$, 'one way');
SELECT is_empty($$ SELECT id FROM changed WHERE how ~ 'sum' AND (now).a + (now).b + (now).c <> (was).a + (was).b + (was).c $$, 'several columns at once');
SELECT is_empty($$ SELECT id FROM changed WHERE how = 'step' AND (((now).a - (was).a) % 2 <> 0 OR (now).b <> (was).b OR ((now).d - (was).d) % 0.5 <> 0) $$, 'in steps');
SELECT is_empty($$ SELECT id FROM changed WHERE how = 'derived' AND changes <> '{}' AND ((now).d <> round((now).a * 0.25, 2) OR (now).c <> (now).d::int) $$, 'what is derived follows, whatever the order');
SELECT is_empty($$ SELECT id FROM changed WHERE how = 'narrow' AND changes ? 'a' AND (now).a NOT BETWEEN least(10, (was).a) AND greatest(12, (was).a) OR how = 'narrow' AND changes ? 'b' AND (now).b > greatest(5, (was).b) $$, 'clipped, but for the row''s own value');
SELECT is_empty($$ SELECT id FROM changed WHERE how IN ('all', 'whole', 'whole drawn') AND ((now).a NOT BETWEEN 0 AND 31 OR (now).b NOT BETWEEN 0 AND 31 OR (now).c NOT BETWEEN 0 AND 31) $$, 'to what the data have');

-- what can be broken is broken: all changes tried one by one
CREATE FUNCTION reachable(t things, clause text, how text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	found bool;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM generate_series(-2, 2) da, generate_series(-2, 2) db, generate_series(-2, 2) dc, LATERAL (SELECT $1.a + da AS a, $1.b + db AS b, $1.c + dc AS c) n
		WHERE (%s) AND %s AND CASE WHEN score(n.a::smallint, n.b, n.c, $1.d, $1.e, $1.f, $1.g, $1.h, $1.k) > 0 THEN ''yes'' ELSE ''no'' END <> $1.y)', clause,
		CASE how WHEN 'narrow' THEN '(da = 0 OR n.a BETWEEN least(10, $1.a) AND greatest(12, $1.a)) AND (db = 0 OR n.b BETWEEN 0 - 100 AND greatest(5, $1.b))' ELSE 'n.a BETWEEN 0 AND 31 AND n.b BETWEEN 0 AND 31 AND n.c BETWEEN 0 AND 31' END) INTO found USING t;
	RETURN found;
END $$;
CREATE TABLE answered AS SELECT how, success, cost, reachable(was, clause, how) AS can FROM changed JOIN (VALUES ('whole', 'true'), ('whole drawn', 'true'), ('up', 'da >= 0 AND db >= 0 AND dc >= 0'), ('sum', 'da + db + dc = 0'), ('sum drawn', 'da + db + dc = 0'),
	('budget', '3 * abs(da) + abs(db) + 0.25 * abs(dc) <= 4'), ('narrow', 'true')) v (how, clause) USING (how) WHERE prediction = label;
SELECT ok(count(*) FILTER (WHERE success <> can) = 0, format('%s: success where there is one, in %s of %s', how, count(*) FILTER (WHERE can), count(*))) FROM answered WHERE how !~ 'drawn' GROUP BY how ORDER BY how;
SELECT ok(count(*) FILTER (WHERE success AND NOT can) = 0 AND count(*) FILTER (WHERE can AND NOT success) <= 4, format('%s: nothing else, and nearly all: %s of %s missed', how, count(*) FILTER (WHERE can AND NOT success), count(*) FILTER (WHERE can))) FROM answered WHERE how ~ 'drawn' GROUP BY how ORDER BY how;
SELECT is_empty($$ SELECT id FROM changed WHERE how = 'budget' AND success AND prediction = label AND reachable(was, format('3 * abs(da) + abs(db) + 0.25 * abs(dc) < %s', cost - 0.001), how) $$, 'where all are tried, nothing cheaper succeeds');
SELECT ok(max(queries) <= 125 AND max(queries) FILTER (WHERE NOT success) >= 75 AND max(queries) FILTER (WHERE how = 'categories') <= 24, 'and no more are tried than there are') FROM tried WHERE how IN ('whole', 'categories');

-- rows that break a rule as they are
CREATE FUNCTION notices(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN NULL;
END $$;
SELECT results_eq(format('SELECT success IS NULL, count(*), count(*) FILTER (WHERE changes <> ''{}'' OR queries <> 1) > 0 FROM (%s) r GROUP BY 1 ORDER BY 1', attack(', mutable => ''{a,b}'', constraints => ''{a > 5}''')),
	$$ SELECT NOT a > 5, count(*), a > 5 FROM things GROUP BY a > 5 ORDER BY 1 $$, 'are not attacked');
SELECT results_eq(format('SELECT success IS NULL, count(*) FROM (%s) r GROUP BY 1 ORDER BY 1', attack(', constraints => ''{a > 5}''', data => 'SELECT thing_id, nullif(a, 20) AS a, b, y FROM things', predict => 'proba(coalesce(a, 9) - b)')),
	$$ SELECT NOT (a > 5 AND a <> 20), count(*) FROM things GROUP BY 1 ORDER BY 1 $$, 'what is NULL is not true');
SELECT ok(bool_and(NOT changes ? 'a'), 'what is NULL stays') FROM advfair_attack_sql('SELECT thing_id, nullif(a, 20) AS a, b, y FROM things WHERE a = 20', 'y', 'proba(coalesce(a, 9) - b)', '{no,yes}', 3);

-- the same again
SELECT is_empty(format('SELECT * FROM (%s) r EXCEPT SELECT id, label, prediction, adversarial, success, linf, l2, cost, queries, changes FROM tried WHERE how = ''all''', attack(data => 'SELECT * FROM things ORDER BY thing_id DESC')), 'the order of rows means nothing');
SELECT is_empty(format('SELECT id, success, linf, l2, queries, changes FROM (%s) r EXCEPT SELECT id, success, linf, l2, queries, changes FROM tried WHERE how = ''all''',
	attack(data => 'SELECT * FROM things WHERE thing_id > 150 OR 0 IN (a, b, c, d, e, f) OR 31 IN (a, b, c) OR greatest(d, e, f) > 15.8 OR least(d, e, f) = 0')), 'nor what rows there are beside, as long as ranges and categories stay');
SELECT isnt_empty(format('SELECT * FROM (%s) r EXCEPT SELECT id, label, prediction, adversarial, success, linf, l2, cost, queries, changes FROM tried WHERE how = ''all''', attack(', seed => 1')), 'another seed, other changes');
SELECT is(count(*), 300::bigint, 'ids of the type of key') FROM advfair_attack_sql('SELECT ''thing '' || thing_id AS thing, a, b, y FROM things', 'y', 'proba(a - b)', '{no,yes}', 2, key => NULL::text, id => 'thing') r JOIN things t ON r.id = 'thing ' || t.thing_id;
SELECT is(array_agg(id ORDER BY id), '{1,2}', 'without a key, row numbers') FROM advfair_attack_sql('VALUES (1, ''yes''), (0, ''no'')', 'column2', 'CASE WHEN column1 > 0 THEN ''yes'' ELSE ''no'' END', '{no,yes}', 1);
SELECT ok(bool_and(success) AND array_agg(changes ORDER BY id) = '{"{\"column1\": 0}","{\"column1\": 1}"}', 'and what was to be changed') FROM advfair_attack_sql('VALUES (1, ''yes''), (0, ''no'')', 'column2', 'CASE WHEN column1 > 0 THEN ''yes'' ELSE ''no'' END', '{no,yes}', 1);
SELECT is(count(*), 0::bigint, 'no rows, no result') FROM advfair_attack_sql('SELECT * FROM things WHERE false', 'y', 'proba(a - b)', '{no,yes}', 2);
SELECT is(count(*), 2::bigint, 'classes that are numbers, in any spelling') FROM advfair_attack_sql('VALUES (1, 1.0), (0, 0.0)', 'column2', 'column1', '{0,1}', 1) WHERE success;

-- dates move by days
CREATE TABLE days AS SELECT i AS day_id, date '2019-12-20' + i AS d, CASE WHEN i > 12 THEN 'new' ELSE 'old' END AS y FROM generate_series(1, 24) i;
SELECT is_empty($$ SELECT id FROM advfair_attack_sql('days', 'y', 'CASE WHEN d >= ''2020-01-02'' THEN ''new'' ELSE ''old'' END', '{old,new}', 3, id => 'day_id') r JOIN days t ON day_id = id
	WHERE success IS DISTINCT FROM (d BETWEEN '2019-12-30' AND '2020-01-04') OR success AND (changes ->> 'd')::date IS DISTINCT FROM CASE y WHEN 'old' THEN date '2020-01-02' ELSE '2020-01-01' END $$, 'dates move by days, no further than they must');
SELECT throws_ok($$ SELECT * FROM advfair_attack_sql('SELECT day_id, CASE day_id WHEN 3 THEN ''infinity'' ELSE d END AS d, y FROM days', 'y', 'CASE WHEN d > ''2020-01-01'' THEN ''new'' ELSE ''old'' END', '{old,new}', 3, id => 'day_id') $$, '22000', 'row with day_id 3: column "d" is not finite');

-- advfair's own model, asked row by row, is broken as often as by its own attack
SELECT is(version, 1, 'trained') FROM advfair_train('m', 'SELECT thing_id, a, b, c, d, e, f, h, k, y FROM things', 'y', id => 'thing_id', encoding => 'ordinal', epochs => 30);
SELECT ok(abs(s - q) < 0.05 AND s > 0.1, format('success rates at %s: %s by queries on the network, %s by SQL', eps, round(q, 3), round(s, 3)))
FROM unnest('{1,2}'::float8[]) eps, LATERAL (SELECT avg(success::int) AS q FROM advfair_attack('m', 'SELECT thing_id, a::float8, b::float8, c::float8, d::float8, e, f, h, k, y FROM things', eps, attack => 'square', settings => '{"steps": 1000}', mutable => '{a,b,c,d,e,f}')) q,
	LATERAL (SELECT avg(success::int) AS s FROM advfair_attack_sql('SELECT thing_id, a::float8, b::float8, c::float8, d::float8, e, f, h, k, y FROM things', 'y', 'advfair_proba((SELECT advfair_get(''m'')), data)', '{no,yes}', eps, mutable => '{a,b,c,d,e,f}',
		clip => '{"a": [null, null], "b": [null, null], "c": [null, null], "d": [null, null], "e": [null, null], "f": [null, null]}')) s;

-- what predict gives
SELECT throws_ok(attack(predict => p), c, m, m) FROM (VALUES
	('NULL::float8[]', '22004', 'row with thing_id 1: predict gives NULL'),
	('CASE WHEN thing_id < 7 THEN proba(a) END', '22004', 'row with thing_id 7: predict gives NULL'),
	('ARRAY[1.0]', '22000', 'row with thing_id 1: predict gives 1 probabilities for 2 classes'),
	('ARRAY[0.5, 0.5, 0]', '22000', 'row with thing_id 1: predict gives 3 probabilities for 2 classes'),
	('ARRAY[0.5::real, ''NaN'']', '22000', 'row with thing_id 1: predict gives a probability of NaN'),
	('ARRAY[0.5, -0.1]', '22000', 'row with thing_id 1: predict gives a probability of -0.1'),
	('ARRAY[0.5, NULL]', '22004', 'row with thing_id 1: predict gives a probability that is NULL'),
	('ARRAY[[0.5, 0.5]]', '22000', 'row with thing_id 1: predict gives 2 probabilities for 2 classes'),
	('''maybe''', '22000', 'row with thing_id 1: predict gives class "maybe", which is not one of classes'),
	('now()', '42804', 'predict "now()" has type timestamp with time zone'),
	('ARRAY[''yes'']', '42804', 'predict "ARRAY[''yes'']" has type text[]'),
	('random()::text', '22023', 'predict "random()::text" has a volatile function'),
	('max(y)', '22023', 'predict "max(y)" has an aggregate'),
	('max(y) OVER ()', '22023', 'predict "max(y) OVER ()" has a window function'),
	('regexp_split_to_table(y, ''e'')', '22023', 'predict "regexp_split_to_table(y, ''e'')" has a function that returns a set'),
	('y, y', '42601', 'predict "y, y" is not one expression'),
	('y FROM things', '42601', 'predict "y FROM things" is not one expression'),
	('y) FROM things; DROP TABLE things; SELECT (y', '42601', NULL),
	('', '42601', NULL),
	('z', '42703', NULL),
	('$1', '42P02', NULL)) v (p, c, m);
CREATE FUNCTION fails(n bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN CASE WHEN n = 17 THEN (1 / (n - 17))::text ELSE 'yes' END; END $$;
CREATE FUNCTION context_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	EXECUTE call;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RETURN sqlstate || ' ' || sqlerrm || ' ' || context;
END $$;
SELECT matches(context_of(attack(predict => 'fails(thing_id + 0 * a)')), '^22012 division by zero .*row with thing_id 17\n', 'what fails says for which row');
SELECT matches(context_of(attack(', constraints => ''{100 / (thing_id - 9) > -1000}''')), '^22012 division by zero constraint "100 / \(thing_id - 9\) > -1000"\nrow with thing_id 9\n', 'a constraint, too');
CREATE TABLE written (n int);
CREATE FUNCTION writes() RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO written VALUES (1); RETURN 'yes'; END $$;
CREATE FUNCTION hides() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN writes(); END $$;
SELECT throws_ok(attack(predict => 'hides()'), '25006', NULL, 'nothing writes');
CREATE ROLE attack_sql_other;
CREATE FUNCTION secret(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'yes' $$;
REVOKE EXECUTE ON FUNCTION secret(int) FROM PUBLIC;
GRANT SELECT ON things TO attack_sql_other;
SET LOCAL ROLE attack_sql_other;
SELECT throws_ok($$ SELECT * FROM advfair_attack_sql('things', 'y', 'secret(b)', '{no,yes}', 1) $$, '42501', NULL, 'with the caller''s rights');
RESET ROLE;

-- what was asked for
SELECT throws_ok(attack(more, eps), c, m, coalesce(m, more)) FROM (VALUES
	(', mutable => ''{z}''', '2', '42703', 'mutable names column "z", which does not exist in data "public.things"'),
	(', mutable => ''{y}''', '2', '22023', 'column "y" cannot change: it is the label'),
	(', mutable => ''{thing_id}''', '2', '22023', 'column "thing_id" cannot change: it is the id'),
	(', mutable => ''{a}'', derived => ''{"a": "b"}''', '2', '22023', 'column "a" cannot change: it is derived from others'),
	(', derived => ''{"y": "k"}''', '2', '22023', 'column "y" cannot be derived: it is the label'),
	(', derived => ''{"z": "k"}''', '2', '42703', 'derived names column "z", which does not exist in data "public.things"'),
	(', derived => ''{"a": "a + 1"}''', '2', '22023', 'column "a" is derived from itself'),
	(', derived => ''{"a": "b", "b": "c", "c": "a"}''', '2', '22023', 'column "a" is derived from itself'),
	(', derived => ''{"a": "k"}''', '2', '42804', 'column "a" is of type smallint, but what it is derived from is of type text'),
	(', derived => ''{"a": 7}''', '2', '22023', 'derived column "a" must be a string, an SQL expression'),
	(', constraints => ''{a + 1}''', '2', '42804', 'constraint "a + 1" is not boolean'),
	(', constraints => ''{z > 1}''', '2', '42703', 'constraint "z > 1" names column "z", which does not exist in data "public.things"'),
	(', constraints => ''{new.a > 1}''', '2', '22023', 'constraint "new.a > 1" has a name with another prefix than old or data'),
	(', constraints => ''{data IS NULL}''', '2', '42703', NULL),
	(', constraints => ''{random() < 2}''', '2', '22023', 'constraint "random() < 2" has a function that is not immutable'),
	(', constraints => ''{now() > ''''2000-01-01''''}''', '2', '22023', 'constraint "now() > ''2000-01-01''" has a function that is not immutable'),
	(', constraints => ''{public.class_of(data) = k}''', '2', '22023', 'constraint "public.class_of(data) = k" has a function, operator or type outside of pg_catalog'),
	(', constraints => ''{"proba(1) IS NOT NULL"}''', '2', '42883', NULL),
	(', constraints => ''{"a > (SELECT 1)"}''', '2', '22023', 'constraint "a > (SELECT 1)" has a subquery'),
	(', constraints => ''{count(*) > 1}''', '2', '22023', 'constraint "count(*) > 1" has an aggregate'),
	(', constraints => ARRAY[''row_number() OVER () > 1'']', '2', '22023', 'constraint "row_number() OVER () > 1" has a window function'),
	(', constraints => ARRAY[''generate_series(1, 2) > 1'']', '2', '0A000', NULL),
	(', constraints => ''{a > $1}''', '2', '22023', 'constraint "a > $1" has a parameter'),
	(', constraints => ARRAY[''true, true'']', '2', '42601', 'constraint "true, true" is not one expression'),
	(', constraints => ''{1 / 0 > 1}''', '2', '22012', NULL),
	(', cost => ''{"z": 1}''', '2', '42703', 'cost names column "z", which does not exist in data "public.things"'),
	(', cost => ''{"a": -1}''', '2', '22023', 'cost of column "a" must be a number that is not negative'),
	(', cost => ''{"l": 1}''', '2', '22023', 'cost names column "l", which does not change'),
	(', cost => ''[1]''', '2', '22023', 'task key "cost" must be an object'),
	(', budget => -1', '2', '22023', NULL),
	(', step => ''{"a": 0.5}''', '2', '22023', 'step of column "a" must be a whole number, as its values are'),
	(', step => ''{"a": 0}''', '2', '22023', 'step of column "a" must be a number greater than 0'),
	(', step => ''{"d": 0.001}''', '2', '22023', 'step of column "d" must have no more than 2 decimals, as its values have'),
	(', step => ''{"k": 1}''', '2', '22023', 'step of column "k" must be left out: it has no numbers'),
	(', clip => ''{"a": 1}''', '2', '22023', 'clip of column "a" must be an array of two numbers, the least and the greatest, or null for none'),
	(', clip => ''{"a": [2, 1]}''', '2', '22023', NULL),
	(', clip => ''{"a": [1, 2, 3]}''', '2', '22023', NULL),
	(', clip => ''{"k": [1, 2]}''', '2', '22023', 'clip of column "k" must be left out: it has no numbers'),
	('', '-1', '22023', NULL),
	('', 'ARRAY[1, 2]', '22023', 'task key "eps" must be a number or an object of columns'),
	('', '''{"z": 1}''', '42703', 'eps names column "z", which does not exist in data "public.things"'),
	('', '''{"y": 1}''', '22023', 'column "y" cannot change: it is the label'),
	('', 'NULL::float8', '22023', 'task key "eps" is missing'),
	(', eps_unit => ''foot''', '2', '22023', NULL),
	(', queries => 0', '2', '22023', NULL),
	(', targeted => ''maybe''', '2', '22023', 'task key "targeted" is "maybe", which is not one of classes'),
	(', id => ''z''', '2', '42703', 'id names column "z", which does not exist in data "public.things"'),
	(', key => NULL::date', '2', '42804', NULL)) v (more, eps, c, m);
SELECT throws_ok(attack(classes => '{yes,yes}'), '22023', 'class "yes" is listed twice');
SELECT throws_ok(attack(classes => '{yes}'), '22023', 'task key "classes" must not be empty');
SELECT throws_ok(attack(label => 'z'), '42703', 'label names column "z", which does not exist in data "public.things"');
SELECT throws_ok(attack(label => 'k'), '22000', format('row with thing_id 1: label "%s" in column "k" is not one of classes', k)) FROM things WHERE thing_id = 1;
SELECT throws_ok(attack(data => 'SELECT thing_id, a, b, nullif(y, ''no'') AS y FROM things', predict => 'proba(a - b)'), '22004', format('row with thing_id %s: column "y" is NULL', min(thing_id))) FROM things WHERE y = 'no';
SELECT throws_ok(attack(data => 'SELECT thing_id, a / 0.0::float8 AS a, y FROM (SELECT thing_id, a::float8, y FROM things) t', predict => 'proba(a)'), '22012', NULL, 'what fails in data');
SELECT throws_ok(attack(data => 'SELECT thing_id, CASE thing_id WHEN 5 THEN ''NaN'' ELSE f END AS f, y FROM things', predict => 'proba(0.5)', more => ', mutable => ''{f}'''), '22000', 'row with thing_id 5: column "f" is not finite');
SELECT throws_ok(attack(data => 'SELECT thing_id, CASE thing_id WHEN 5 THEN 9007199254740993 ELSE c END AS c, y FROM things', predict => 'proba(0.5)', more => ', mutable => ''{c}'''), '22000', 'row with thing_id 5: column "c" is beyond 2^53, where double precision cannot tell numbers apart');
CREATE DOMAIN age AS int CHECK (VALUE < 32);
SELECT throws_ok(attack(data => 'SELECT thing_id, b::age, y FROM things', predict => 'proba(b)', more => ', mutable => ''{b}'''), '42804', 'column "b" of type age cannot change');
SELECT throws_ok(attack(data => 'SELECT thing_id, ARRAY[b] AS b, y FROM things', predict => 'proba(b[1])'), '22023', 'data "SELECT thing_id, ARRAY[b] AS b, y FROM things" has no column that can change');
SELECT is(count(*), 0::bigint, 'nothing was written') FROM written;
SELECT * FROM finish();
ROLLBACK;
