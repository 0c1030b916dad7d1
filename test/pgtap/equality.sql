-- Classes, categories, groups and ids are equal when SQL says that they are, and have one text.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION advfair;
SELECT plan(122);
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a numeric, b text);
CREATE DOMAIN spelled AS citext;

-- two values that are equal and one that is not, of types that write equal values in several ways
CREATE TABLE sample (type text, a text, also_a text, b text, stands text);
INSERT INTO sample VALUES
	('numeric', '1', '1.00', '2', '1'),
	('float8', '0', '-0', '2.5', '0'),
	('float4', '0', '-0', '0.1', '0'),
	('citext', 'yes', 'YES', 'No', 'YES'),
	('spelled', 'yes', 'YES', 'No', 'YES'),
	('text COLLATE nocase', 'yes', 'YES', 'No', 'YES'),
	('char(5)', 'a', 'a  ', 'b', 'a'),
	('interval', '1 day', '24:00:00', '2 days', '1 day'),
	('numeric[]', '{1}', '{1.0}', '{2}', '{1.0}'),
	('citext[]', '{a}', '{A}', '{b}', '{A}'),
	('numrange', '[1,2)', '[1.0,2)', '[1,3)', '[1,2)'),
	('pair', '(1,x)', '(1.0,x)', '(1,y)', '(1,x)'),
	('jsonb', '{"k": 1}', '{"k": 1.0}', '{"k": 2}', '{"k": 1.0}'),
	('timestamptz', '2024-01-01 12:00+00', '2024-01-01 13:00+01', '2024-01-02 12:00+00', '2024-01-01T12:00:00+00:00'),
	('bytea', 'ab', '\x6162', 'b', '\x6162');
-- rows of a type: n values, a and also_a in turn where b is not; v is that, w the same without also_a
CREATE FUNCTION make(s sample) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS rows;
	EXECUTE format('CREATE TABLE rows AS SELECT i AS id, (i %% 7)::float8 AS x, i %% 7 >= 3 AS other, (CASE WHEN i %% 7 >= 3 THEN %2$L WHEN i %% 2 = 0 THEN %3$L ELSE %4$L END)::%1$s AS v,
		(CASE WHEN i %% 7 >= 3 THEN %2$L ELSE %5$L END)::%1$s AS w FROM generate_series(1, 140) i',
		s.type, s.b, s.a, s.also_a, s.a);
END $$;
CREATE TABLE result (type text, classes jsonb, distinct_labels bigint, groups text[], same_keys boolean);
DO $$
DECLARE
	s sample;
BEGIN
	FOR s IN SELECT * FROM sample LOOP
		PERFORM make(s);
		INSERT INTO result SELECT s.type;
		PERFORM advfair_train('m', 'SELECT id, x, v FROM rows', label => 'v', id => 'id', arch => '', epochs => 40, batch_size => 20, learning_rate => 0.1);
		UPDATE result SET classes = advfair_describe(advfair_get('m')) -> 'classes',
			distinct_labels = (SELECT count(DISTINCT v) FROM rows),
			groups = (SELECT array_agg(grp ORDER BY grp) FROM advfair_group_confidence('m', 'rows', 'v', class => advfair_describe(advfair_get('m')) -> 'classes' ->> 0)),
			-- rows keep their place among the validation rows, whichever of equal values is their id
			same_keys = md5(advfair_fit('{"data":"SELECT v, x, other FROM rows","label":"other","id":"v","epochs":2,"arch":""}')) =
				md5(advfair_fit('{"data":"SELECT w AS v, x, other FROM rows","label":"other","id":"v","epochs":2,"arch":""}'))
		WHERE type = s.type;
		-- the classes of the model are known when all rows spell them otherwise
		UPDATE result SET classes = classes || (SELECT to_jsonb(count(*)) FROM advfair_class_accuracy('m', format('SELECT id, x, %L::%s AS v FROM rows', s.also_a, s.type)) WHERE n = 140)
		WHERE type = s.type;
	END LOOP;
END $$;
SELECT is(jsonb_array_length(classes) - 1, distinct_labels::int, type || ': as many classes as distinct values') FROM result;
SELECT is(classes -> 2, '1', type || ': a class is known by its values') FROM result;
SELECT ok(classes @> jsonb_build_array(stands), type || ': ' || stands || ' stands for equal values') FROM result JOIN sample USING (type);

SELECT is(array_length(groups, 1), distinct_labels::int, type || ': as many groups') FROM result;
SELECT ok(same_keys, type || ': equal ids are one') FROM result;

-- what stands for equal values depends on the rows, not on their order
SELECT make(s) FROM sample s WHERE type = 'citext';
SELECT is(md5(advfair_fit(('{"data":"SELECT * FROM rows ORDER BY id ' || way || '","id":"id","label":"v","epochs":1}')::jsonb)),
		  md5(advfair_fit('{"data":"SELECT * FROM rows","id":"id","label":"v","epochs":1}')), 'in any order: ' || way)
FROM unnest('{ASC,DESC}'::text[]) way;

-- categories: of the model's spelling, of another one, of none, in all ways to predict
CREATE TABLE shirts AS SELECT i AS id, (CASE i % 4 WHEN 0 THEN 'Red' WHEN 1 THEN 'RED' WHEN 2 THEN 'blue' ELSE 'Blue' END)::citext AS color,
	(CASE i % 4 WHEN 0 THEN 'S' WHEN 1 THEN 's' ELSE 'L' END) COLLATE nocase AS size, i % 4 > 1 AS good FROM generate_series(1, 80) i;
SELECT advfair_fit('{"data":"shirts","id":"id","label":"good","arch":"","epochs":40,"batch_size":10,"learning_rate":0.1}') AS shirts \gset
SELECT is(advfair_describe(:'shirts') #> '{encoder,columns}' #> '{0,values}', '["Blue", "RED"]', 'equal categories are one: citext');
SELECT is(advfair_describe(:'shirts') #> '{encoder,columns}' #> '{1,values}', '["L", "S"]', 'equal categories are one: collation');
SELECT ok(bool_and(advfair_predict(:'shirts', s)::boolean = good), 'row functions know them') FROM shirts s;
SELECT is(advfair_predict(:'shirts', ROW(1, 'rEd'::citext, 's' COLLATE nocase, false)::shirts), 'false', 'in spellings they have not seen');
SELECT is(advfair_predict(:'shirts', r), 'true', 'in a row of a query') FROM (SELECT 'BLUE'::citext AS color, 'l' COLLATE nocase AS size) r;
SELECT throws_ok(format('SELECT advfair_predict(%L, r) FROM (SELECT ''BLUE''::text AS color, ''l'' COLLATE nocase AS size) r', :'shirts'), '22000', NULL, 'text is compared as text');
SELECT throws_ok(format('SELECT advfair_predict(%L, r) FROM (SELECT ''green''::citext AS color, ''l'' COLLATE nocase AS size) r', :'shirts'), '22000',
	'category "green" in column "color" was not in the training data', 'an unseen category has its own spelling');
SELECT FROM advfair_train('shirts', 'shirts', 'good', id => 'id', arch => '', epochs => 40, batch_size => 10, learning_rate => 0.1);
SELECT is(count(*) FILTER (WHERE prediction = label), 80::bigint, 'data set functions know them')
FROM advfair_predict('shirts', 'SELECT id, upper(color::text)::citext AS color, lower(size) COLLATE nocase AS size, good FROM shirts');
SELECT is(array_agg(grp ORDER BY grp), '{Blue,RED}', 'as groups to set') FROM advfair_group_confidence('shirts', 'shirts', 'color', class => 'true', mode => 'intervene');
-- a model of an earlier release, with classes that are equal: a value is the first of them
SELECT FROM advfair_train('old', 'SELECT i AS id, (ARRAY[''1'',''1.0'',''2''])[i % 3 + 1] AS v, i::float8 AS x FROM generate_series(1, 30) i', 'v', id => 'id', epochs => 1);
SELECT is(array_agg(n ORDER BY class), '{0,10,0}', 'its very class') FROM advfair_class_accuracy('old', 'SELECT i AS id, 1.0 AS v, i::float8 AS x FROM generate_series(1, 10) i');
SELECT is(array_agg(n ORDER BY class), '{10,0,0}', 'or the first that is equal') FROM advfair_class_accuracy('old', 'SELECT i AS id, 1.00 AS v, i::float8 AS x FROM generate_series(1, 10) i');

CREATE FUNCTION class_named(name text) RETURNS float8 LANGUAGE sql AS $$
	SELECT round(advfair_confidence(advfair_build(jsonb_build_object('arch', '', 'input_shape', '[1]'::jsonb, 'label', 'y', 'classes', '["0.50","1","1.0"]'::jsonb), ARRAY[0,0,0,ln(5),ln(2),ln(3)]::real[]), ARRAY[0]::real[], name)::numeric, 4) $$;
-- aggregates over rows at hand: labels by their type, groups by their collation
SELECT is(advfair_cau(l, p), 0.5::float8, 'numeric: all spellings are one') FROM (VALUES (1.0, '1'), (1, '1.00'), (2, '2.000'), (2.0, '1')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'integers and numbers') FROM (VALUES (1, 1.0), (1, 1), (2, 2.00), (2, 1.0)) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'floats') FROM (VALUES ('-0'::float8, '0'), (0, '0.0'), (1e5, '100000'), (1e5, '0')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'citext, text') FROM (VALUES ('a'::citext, 'A'), ('A', 'a'), ('b', 'B'), ('B', 'a')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'a collation') FROM (VALUES ('a' COLLATE nocase, 'A'), ('A', 'a'), ('b', 'B'), ('B', 'a')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'intervals, text') FROM (VALUES (interval '1 day', '24:00'), ('24:00', '1 day'), ('2 days', '48:00:00'), ('48:00', '1 day')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'arrays') FROM (VALUES ('{1}'::numeric[], '{1.0}'::numeric[]), ('{1.0}', '{1}'), ('{2}', '{2.0}'), ('{2.0}', '{1}')) t (l, p);
SELECT throws_ok($$ SELECT advfair_cau(l, p) FROM (VALUES (interval '1 day', 'one day'), ('2 days', '1 day')) t (l, p) $$, '22007', NULL, 'what is no interval is no prediction of one');
SELECT is(advfair_gap(v, g), 0.5::float8, 'groups of a collation') FROM (VALUES (1, 'a' COLLATE nocase), (0, 'b'), (1, 'B')) t (v, g);
SELECT is(advfair_eou(v, g) OVER (), 0.5::float8, 'also in a window') FROM (VALUES (1, 'a' COLLATE nocase), (0, 'b'), (1, 'B')) t (v, g) LIMIT 1;
CREATE TABLE spread AS SELECT CASE WHEN i % 4 < 2 THEN 'a' ELSE 'B' END AS l, i % 2 = 0 AS upper, i % 3 AS k FROM generate_series(1, 6000) i;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(round(advfair_cau(CASE WHEN upper THEN upper(l) ELSE l END::citext, CASE WHEN k > 0 OR l = 'B' THEN lower(l) ELSE 'b' END)::numeric, 6), 0.333333, 'over parallel workers') FROM spread;
SELECT set_config(name, 'on', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT is(count(*) FILTER (WHERE advfair_predict(:'shirts', r)::boolean = good), 80::bigint, 'row functions in a parallel worker')
FROM (SELECT upper(color::text)::citext AS color, lower(size) COLLATE nocase AS size, good FROM shirts) r;
SELECT is(advfair_cau(l, p), 0.5::float8, 'and aggregates') FROM (SELECT make_interval(days => id % 2) AS l, CASE id % 4 WHEN 0 THEN '00:00' WHEN 1 THEN '24:00' WHEN 2 THEN '24:00' ELSE '1 day' END AS p FROM shirts) t;

-- groups in arrays, by their collation
SELECT is(gap, 0.5::float8, 'an interval over groups of a collation') FROM advfair_gap_interval('{1,0,1}', ARRAY['a','b','B'] COLLATE nocase, replicates => 10);

-- whoever names a class may write a number as he likes
SELECT is(class_named(name), 0.5::float8, 'class 0.50 named ' || name) FROM unnest('{0.5,0.50,.5,5e-1,+0.500}'::text[]) name;
SELECT throws_ok(format('SELECT class_named(%L)', name), '22023', 'the model has no class "' || name || '"', 'no class: ' || name) FROM unnest('{0.51,"0.5 ",0.5.,e,"",5e-999,NaN,1.00}'::text[]) name;
SELECT is(class_named(name), value, 'two classes that are the same number: ' || name) FROM (VALUES ('1', 0.2::float8), ('1.0', 0.3)) v (name, value);

-- models of the same classes, spelt otherwise
CREATE TABLE halves AS SELECT i AS id, i::float8 AS x, (i % 2)::numeric(3, 1) AS y FROM generate_series(1, 40) i;
SELECT FROM advfair_train('with zeros', 'halves', 'y', id => 'id', epochs => 1, arch => '');
SELECT FROM advfair_train('without', 'SELECT id, x, y::int AS y FROM halves', 'y', id => 'id', epochs => 1, arch => '', seed => 1);
SELECT is(count(DISTINCT model), 2::bigint, 'are audited together') FROM advfair_audit('{with zeros,without}', 'halves', replicates => 10);

-- rows to leave out are named as SQL prints and reads their ids
CREATE TABLE at (at timestamptz PRIMARY KEY, x float8, y boolean);
INSERT INTO at SELECT timestamptz '2024-01-01 11:00Z' + i * interval '1 hour', i, i > 20 FROM generate_series(0, 39) i;
SELECT FROM advfair_train('at', 'at', 'y', arch => '', epochs => 1);
CREATE FUNCTION left_out(ids text) RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(extract(epoch FROM id) || ' ' || luf, ',' ORDER BY id)) FROM advfair_luf_rows('at', 'at', NULL::timestamptz, leave_out_ids => ids::text[]) $$;
CREATE TEMP TABLE left_out AS SELECT left_out('{2024-01-01T12:00Z}') AS was;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT is(left_out(ARRAY['2024-01-01 12:00Z'::timestamptz]::text), was, 'as SQL prints a timestamp') FROM left_out;
SET LOCAL DateStyle = 'German';
SELECT is(left_out(ARRAY['2024-01-01 12:00Z'::timestamptz]::text), was, 'as the session prints it') FROM left_out;
SELECT throws_ok($$ SELECT left_out('{01.01.2024 21:00:00 JST,2024-01-01 12:00Z}') $$, '22023', 'leave_out_ids lists at 2024-01-01 12:00Z twice', 'equal ids are one');
SELECT throws_ok($$ SELECT left_out('{01.01.1999}') $$, '22023', 'no row with at 01.01.1999 is among the rows the model is trained on', 'an id no row has');

SELECT * FROM finish();
ROLLBACK;
