-- advfair_gap, advfair_cau and advfair_eou as aggregates against plain SQL: groups, windows, parallel plans, strange states.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(67);

CREATE FUNCTION near(a float8, b float8) RETURNS boolean LANGUAGE sql AS $$ SELECT abs(a - b) <= 1e-12 * greatest(1, abs(a), abs(b)) $$;
CREATE TABLE score AS
SELECT i, (hashint4(i) % 1000) / 7.0::float8 AS value, 'g' || abs(hashint4(-i)) % 13 AS grp, abs(hashint4(i * 3)) % 5 AS part,
	   (ARRAY['x', 'y', 'z'])[1 + abs(hashint4(i * 5)) % 3] AS label, (ARRAY['x', 'y', 'z'])[1 + abs(hashint4(i * 7)) % 3] AS prediction
FROM generate_series(1, 20000) i;
ANALYZE score;
CREATE VIEW gap_by_hand AS
SELECT part, max(m) - min(m) AS gap FROM (SELECT part, grp, avg(value) AS m FROM score GROUP BY part, grp) g GROUP BY part;

-- against plain SQL
SELECT ok(near(advfair_gap(value, grp), gap), 'gap of part ' || part) FROM score JOIN gap_by_hand USING (part) GROUP BY part, gap ORDER BY part;
SELECT ok(near(advfair_eou(value, grp), gap), 'eou of part ' || part) FROM score JOIN gap_by_hand USING (part) GROUP BY part, gap ORDER BY part;
SELECT ok(near((SELECT advfair_cau(label, prediction) FROM score),
			   (SELECT (max(a) - min(a))::float8 FROM (SELECT avg((label = prediction)::int) AS a FROM score GROUP BY label) c)), 'cau');
SELECT ok(near((SELECT advfair_gap(value, i::text) FROM score), (SELECT max(value) - min(value) FROM score)), 'a group of each row');
SELECT ok(near((SELECT advfair_gap(value, repeat(grp, 3000)) FROM score WHERE i <= 200),
			   (SELECT max(m) - min(m) FROM (SELECT avg(value) AS m FROM score WHERE i <= 200 GROUP BY grp) g)), 'long names of groups');
SELECT ok(near(advfair_gap(value, grp) FILTER (WHERE part = 3), (SELECT gap FROM gap_by_hand WHERE part = 3)), 'FILTER') FROM score;
SELECT ok(near(advfair_gap(DISTINCT value, grp), (SELECT max(m) - min(m) FROM (SELECT avg(DISTINCT value) AS m FROM score GROUP BY grp) g)), 'DISTINCT') FROM score;
SELECT results_eq($$ SELECT part, round(advfair_gap(value, grp)::numeric, 9) FROM score GROUP BY ROLLUP (part) ORDER BY part $$,
				  $$ SELECT part, round(gap::numeric, 9) FROM gap_by_hand
					 UNION ALL SELECT NULL, round((max(m) - min(m))::numeric, 9) FROM (SELECT avg(value) AS m FROM score GROUP BY grp) g ORDER BY 1 $$, 'ROLLUP');
SELECT results_eq($$ SELECT i, round(advfair_gap(value, grp) OVER (ORDER BY i ROWS 5 PRECEDING)::numeric, 9) FROM score WHERE i <= 50 ORDER BY i $$,
				  $$ SELECT i, (SELECT CASE WHEN count(*) > 1 THEN round((max(m) - min(m))::numeric, 9) END
							FROM (SELECT avg(value) AS m FROM score s WHERE s.i BETWEEN o.i - 5 AND o.i GROUP BY grp) g)
					 FROM score o WHERE i <= 50 ORDER BY i $$, 'a window that moves');

-- NULLs and nothing
SELECT is(advfair_gap(v, g), 3::float8, 'NULLs take no part') FROM (VALUES (1.0::float8, 'a'), (4, 'b'), (NULL, 'b'), (99, NULL), (NULL, NULL)) t (v, g);
SELECT is(advfair_gap(v, g), NULL, 'nothing but NULLs') FROM (VALUES (NULL::float8, 'a'), (1, NULL)) t (v, g);
SELECT is(advfair_cau(l, p), NULL, 'nothing but NULLs') FROM (VALUES (NULL, 'a'), ('a', NULL)) t (l, p);
SELECT is(advfair_gap(value, grp), NULL, 'no rows') FROM score WHERE false;
SELECT is(advfair_gap(value, 'all'), NULL, 'one group differs from nothing') FROM score;
SELECT is(advfair_eou(value, 'all'), NULL, 'nor has it an EOU') FROM score;
SELECT is(advfair_cau(label, prediction), NULL, 'one class') FROM score WHERE label = 'x';
SELECT is(advfair_gap(v, g), NULL, 'a group whose values are NULL is none') FROM (VALUES (1.0::float8, 'a'), (NULL, 'b')) t (v, g);
SELECT is(advfair_gap(v, g), 0::float8, 'two groups alike') FROM (VALUES (1.0::float8, 'a'), (1, 'b')) t (v, g);
SELECT results_eq($$ SELECT part, advfair_cau(label, prediction) IS NULL FROM score WHERE label = 'x' OR part > 1 GROUP BY part ORDER BY part $$,
				  $$ VALUES (0, true), (1, true), (2, false), (3, false), (4, false) $$, 'of parts, those with one class');
SELECT is(advfair_gap(v, g), 2::float8, 'a group without a name is a group') FROM (VALUES (1.0::float8, ''), (3, 'a')) t (v, g);

-- predictions that are no label: another spelling, or classes that these rows do not have
SELECT throws_ok($$ SELECT advfair_cau(l, upper(l)) FROM (VALUES ('a'), ('b')) t (l) $$, '22000', 'prediction "A" is no row''s label', 'another spelling');
SELECT throws_ok($$ SELECT advfair_cau(l, l + 1) FROM generate_series(1, 9, 2) l $$, '22000', 'prediction "10" is no row''s label', 'the first in the order of bytes is named');
SELECT throws_ok($$ SELECT part, advfair_cau(label, CASE WHEN part = 3 THEN 'no' ELSE prediction END) FROM score GROUP BY part $$, '22000', 'prediction "no" is no row''s label', 'of one part');
SELECT is(advfair_cau(l, p), 0.5::float8, 'a class that no row here has is a prediction like others')
	FROM (VALUES ('a', 'a'), ('a', 'c'), ('b', 'b')) t (l, p);
SELECT is(advfair_cau(l, p), 0::float8, 'also if none is right, while one is a label') FROM (VALUES ('a', 'b'), ('b', 'c')) t (l, p);
SELECT is(advfair_gap((l = p)::int, l), 0::float8, 'and if none is, the same score without the check') FROM (VALUES ('a', 'c'), ('b', 'd')) t (l, p);
SELECT is(advfair_cau(l, p), NULL, 'one class has no gap, whatever is predicted') FROM (VALUES ('a', 'A'), ('a', 'b')) t (l, p);

-- types are compared as text
SELECT is(advfair_cau(l, p), 1::float8, 'integers, text') FROM (VALUES (1, '1'), (1, '1'), (2, '1')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'char(5), text') FROM (VALUES ('a'::char(5), 'a'::text), ('b', 'b'), ('b', 'a')) t (l, p);
SELECT is(advfair_cau(l, p), 1::float8, 'booleans, text') FROM (VALUES (true, 'true'), (false, 'f')) t (l, p);
SELECT is(advfair_cau(l, p), 1::float8, 'dates, text') FROM (VALUES (date '2026-01-02', '2026-01-02'), ('2026-01-03', 'no')) t (l, p);
SELECT is(advfair_cau(l, p), 1::float8, 'numeric, text: as numbers') FROM (VALUES (1.0, '1'), (1, '1.00'), (2.0, '1')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'float8, numeric') FROM (VALUES (1::float8, 1.00), (1, 2), (2, 2.0)) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'float8, text') FROM (VALUES (1e30::float8, '1e+30'), (1e30, 'NaN'), ('-0', '0'), (0, '-0.0'), ('NaN', 'NaN')) t (l, p);
SELECT is(advfair_cau(l, p), 0.5::float8, 'numeric labels are the classes that GROUP BY makes of them') FROM (VALUES (1.0, 1.00), (1, 2), (2, 2)) t (l, p);
SELECT throws_ok($$ SELECT advfair_cau(l, p) FROM (VALUES ('1.0', 1), ('2.0', 2)) t (l, p) $$, '22000', 'prediction "1" is no row''s label', 'a label that is a text is as it is written');
SELECT is(advfair_cau(l, p), 1::float8, 'varchar, name') FROM (VALUES ('a'::varchar, 'a'::name), ('b', 'a')) t (l, p);
SELECT is(advfair_cau(l, 'a'::text), 1::float8, 'a constant prediction') FROM (VALUES ('a'), ('b')) t (l);

-- many groups: each row takes the same time
SELECT is(advfair_gap(i, 'g' || i), 149999::float8, 'many groups') FROM generate_series(1, 150000) i;
SELECT is(advfair_gap((i % 1000 = 7)::int, repeat('long ', i % 300) || i % 1000), 1::float8, 'of texts of many lengths') FROM generate_series(1, 3000) i;

-- numbers no mean should be made of
SELECT throws_ok($$ SELECT advfair_gap(v, 'a') FROM (VALUES ('NaN'::float8)) t (v) $$, '22000', 'cannot aggregate a value that is NaN');
SELECT throws_ok($$ SELECT advfair_eou(v, 'a') FROM (VALUES ('-Infinity'::float8)) t (v) $$, '22000', 'cannot aggregate a value that is infinite');
SELECT throws_ok($$ SELECT advfair_gap(v, 'a') FROM (VALUES (1e308::float8), (1e308)) t (v) $$, '22003', 'value out of range: overflow');

SELECT throws_ok($$ SELECT advfair_gap(v, v::text) FROM (VALUES (1e308::float8), (-1e308)) t (v) $$, '22003', 'value out of range: overflow');

-- parallel plans
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text; lines text = '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		lines = lines || line || E'\n';
	END LOOP;
	RETURN lines;
END $$;
CREATE FUNCTION scores() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', part, round(gap::numeric, 12), round(cau::numeric, 12)), ', ' ORDER BY part)
	FROM (SELECT part, advfair_gap(value, grp) AS gap, advfair_cau(label, prediction) AS cau FROM score GROUP BY GROUPING SETS ((), (part))) s $$;
CREATE FUNCTION grouped() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', part, round(gap::numeric, 12), round(cau::numeric, 12)), ', ' ORDER BY part)
	FROM (SELECT part, advfair_gap(value, grp || i % 1000) AS gap, advfair_cau(label, prediction) AS cau FROM score GROUP BY part) s $$;
SET LOCAL max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE serial AS SELECT scores() AS scores, grouped() AS grouped;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(plan_of('SELECT advfair_gap(value, grp), advfair_cau(label, prediction), advfair_eou(value, grp) FROM score'),
			   'Finalize Aggregate.*Gather.*Partial Aggregate.*Parallel Seq Scan', 'aggregates are computed in parts');
SELECT matches(plan_of('SELECT part, advfair_gap(value, grp || i % 1000), advfair_cau(label, prediction) FROM score GROUP BY part'),
			   'Finalize .*Aggregate.*Gather.*Partial .*Aggregate', 'with GROUP BY, too');
SELECT is(grouped(), grouped, 'parts give the same') FROM serial;
SELECT is(scores(), scores, 'grouping sets give the same') FROM serial;
SET LOCAL work_mem = '64kB';
SET LOCAL enable_sort = off;
SELECT is(grouped(), grouped, 'with little memory, too') FROM serial;

-- states travel as values: whatever bytes come, it is a state or an error
CREATE AGGREGATE state_of (float8, text) (SFUNC = advfair_gap_add, STYPE = bytea);
CREATE AGGREGATE combined (bytea) (SFUNC = advfair_gap_combine, STYPE = bytea, FINALFUNC = advfair_gap_final);
SELECT ok(near(combined(s), (SELECT max(m) - min(m) FROM (SELECT avg(value) AS m FROM score GROUP BY grp) g)), 'states can be kept and combined later')
FROM (SELECT state_of(value, grp) AS s FROM score GROUP BY part) s;
CREATE TABLE kept AS SELECT part, state_of(value, repeat(grp, 100)) AS s FROM score GROUP BY part;
SELECT ok(near(combined(s), (SELECT max(m) - min(m) FROM (SELECT avg(value) AS m FROM score GROUP BY grp) g)), 'in a table, too') FROM kept;
CREATE FUNCTION outcome(s bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result float8;
BEGIN
	result = (SELECT combined(b) FROM unnest(ARRAY[s, s]) b);
	result = (SELECT combined(b) FROM (SELECT s AS b UNION ALL SELECT state_of(1, 'z')) u);
	RETURN CASE WHEN result NOT IN ('NaN', 'Infinity', '-Infinity') THEN 'a number' ELSE result::text END;
EXCEPTION WHEN invalid_binary_representation OR numeric_value_out_of_range THEN
	RETURN 'an error';
END $$;
CREATE TEMP TABLE small AS SELECT state_of(v, g) AS s FROM (VALUES (1.0::float8, 'a'), (2, 'bb'), (4, 'ccc')) t (v, g);
SELECT is(outcome(s), 'a number', 'a state') FROM small;
SELECT is(outcome(substr(s, 1, n)), 'an error', 'its first ' || n || ' bytes') FROM small, unnest('{0,1,4,11}'::int[]) n;
SELECT is(outcome(overlay(s PLACING '\x0000000000000040' FROM 21)), 'an error', 'counts beyond what a state can hold') FROM small;
SELECT setseed(0.25);
SELECT set_eq($$ SELECT DISTINCT outcome(substr(s, 1, floor(random() * length(s))::int)) FROM small, generate_series(1, 500) $$,
			  $$ VALUES ('an error') $$, 'cut anywhere');
SELECT is_empty($$ SELECT * FROM (SELECT outcome(set_byte(s, i, b)) FROM small, generate_series(0, length(s) - 1) i, unnest('{0,1,127,128,255}'::int[]) b) o (o)
				   WHERE o NOT IN ('a number', 'an error') $$, 'any byte of it changed');
SELECT * FROM finish();
ROLLBACK;
