-- Values at the edges of what types, names and tables hold.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION advfair;
SELECT plan(14);
SET LOCAL client_min_messages = warning;

CREATE TABLE points AS SELECT i AS id, i % 7 AS x, CASE WHEN i % 7 > 3 THEN 'high' ELSE 'low' END AS y, chr(97 + i % 2) AS side FROM generate_series(1, 70) i;
SELECT FROM advfair_train('m', 'points', 'y', features => '{x}', id => 'id', arch => '', epochs => 2);

-- input functions say in many ways that a class is no value of a type: labels of that type are then of no class
CREATE DOMAIN small AS int CHECK (value < 10);
CREATE TYPE held AS (v small);
SELECT is((SELECT count(*) FROM advfair_predict('m', format('SELECT id, x, %L::%s AS y FROM points', value, type)) WHERE label = shown), 70::bigint, 'labels of type ' || type)
FROM (VALUES ('hstore', 'a=>1', '"a"=>"1"'), ('regnamespace', 'pg_catalog', 'pg_catalog'), ('tsquery', 'a', '''a''')) v (type, value, shown);
SELECT FROM advfair_train('pairs', 'SELECT id, x, CASE y WHEN ''low'' THEN ''(1)'' ELSE ''(99)'' END AS y FROM points', 'y', id => 'id', arch => '', epochs => 2);
SELECT is(array_agg(n ORDER BY class), '{70,0}', 'a class that a constraint keeps out')
FROM advfair_class_accuracy('pairs', 'SELECT id, x, ''(1)''::held AS y FROM points');

-- blanks around a number do not make it a name
SELECT is(count(DISTINCT md5(advfair_fit(jsonb_build_object('data', 'SELECT id, x, y FROM points', 'label', 'y', 'id', 'id', 'arch', '', 'epochs', 1, 'validation', part)))), 1::bigint, 'a fraction')
FROM unnest(ARRAY['0.5', ' 0.5 ', E'\n5e-1\n']) part;

-- a name that no index holds is refused before anything is trained; one that it holds is not
SELECT throws_ok(format('SELECT advfair_train(%L, ''no such data'', ''y'')', repeat('n', 1025)), '42622', 'name of a model has 1025 bytes, but at most 1024 are possible', 'a long name');
SELECT throws_ok(format('SELECT advfair_submit(''{"kind":"train","model":"%s","data":"points","label":"y"}'')', repeat('n', 1025)), '42622', NULL, 'in a job too');
CREATE FUNCTION noise(bytes int) RETURNS text LANGUAGE sql AS $$ SELECT left(string_agg(md5(i::text), ''), bytes) FROM generate_series(1, bytes / 32 + 1) i $$;
SELECT is((SELECT version FROM advfair_train(noise(1024), 'points', 'y', features => '{x}', id => 'id', arch => '', epochs => 1)), 1, 'the longest name');

-- names of metrics may be longer than any index holds
SELECT ok(promoted, 'groups of long names are judged')
FROM advfair_retrain('m', 'eou_side <= 1', data => 'SELECT id, x, y, noise(20000) || side AS side FROM points', protected => '{side}');
SELECT is(count(*), 4::bigint, 'and logged') FROM advfair_metric_log WHERE length(metric) > 20000;

-- a cast of the user's that gives NULL
CREATE TYPE boxed AS (v int);
CREATE FUNCTION unbox(boxed) RETURNS bigint LANGUAGE sql AS 'SELECT nullif($1.v, 70)';
CREATE FUNCTION box(bigint) RETURNS boxed LANGUAGE sql AS 'SELECT ROW($1)::boxed';
CREATE CAST (boxed AS bigint) WITH FUNCTION unbox(boxed) AS ASSIGNMENT;
CREATE CAST (bigint AS boxed) WITH FUNCTION box(bigint);
SELECT throws_ok($$ SELECT count(*) FROM advfair_predict('m', 'SELECT ROW(id)::boxed AS id, x FROM points') $$, '42804', 'an id in column "id" becomes NULL as bigint', 'an id that becomes NULL');
SELECT is(sum(id), 2415::numeric, 'others are cast') FROM advfair_predict('m', 'SELECT ROW(id)::boxed AS id, x FROM points WHERE id < 70');

-- a few rows may ask for much memory
SELECT throws_ok($$ SELECT FROM advfair_audit('{m,m}', 'points', protected => '{id}', replicates => 100000) $$, '53400',
	'100000 replicates of the means of 70 groups would need 107 MB of memory, more than advfair.max_memory (100 MB)', 'groups and replicates')
FROM set_config('advfair.max_memory', '100MB', true);
SELECT is(count(*), 140::bigint, 'fewer replicates fit') FROM advfair_audit('{m,m}', 'points', protected => '{id}', replicates => 10), set_config('advfair.max_memory', '1MB', true)
WHERE metric = 'group_confidence';
SELECT * FROM finish();
ROLLBACK;
