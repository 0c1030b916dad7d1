-- advfair_gap_interval: point estimates against advfair_gap, what the interval depends on and what not, coverage, errors, cancelling.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(45);

CREATE FUNCTION near(a float8, b float8, tolerance float8 DEFAULT 1e-12) RETURNS boolean LANGUAGE sql AS
	$$ SELECT abs(a - b) <= tolerance * greatest(1, abs(a), abs(b)) $$;
CREATE TABLE score AS
SELECT i, (hashint4(i) % 1000) / 700.0::float8 + i % 3 AS value, (ARRAY['one', 'two', 'three'])[1 + i % 3] AS grp, hashint4(i * 3) AS shuffled
FROM generate_series(1, 3000) i;
CREATE VIEW arrays AS SELECT array_agg(value ORDER BY i) AS v, array_agg(grp ORDER BY i) AS g FROM score;

-- the point estimate, and an interval around it
SELECT ok(near(gap, (SELECT advfair_gap(value, grp) FROM score)), 'gap is that of the aggregate') FROM arrays, advfair_gap_interval(v, g);
SELECT ok(ci_low < gap AND gap < ci_high, 'the interval is around it') FROM arrays, advfair_gap_interval(v, g);
SELECT is(n, 3000::bigint, 'n counts rows') FROM arrays, advfair_gap_interval(v, g);
SELECT is((SELECT count(*) FROM arrays, advfair_gap_interval(v, g)), 1::bigint, 'one row');
-- as wide as theory says: means of 1000 rows each are normal
SELECT ok(near((ci_high - ci_low) / (2 * 1.96 * sqrt(variance)), 1, 0.1), 'as wide as the standard error says')
FROM arrays, advfair_gap_interval(v, g),
	 (SELECT sum(var_pop(value) / count(*)) OVER () AS variance FROM score WHERE grp IN ('one', 'three') GROUP BY grp LIMIT 1) t;

-- what it depends on
CREATE FUNCTION same_interval(a float8[], g text[], b float8[], h text[]) RETURNS boolean LANGUAGE sql AS
	$$ SELECT x = y FROM advfair_gap_interval(a, g) x, advfair_gap_interval(b, h) y $$;
SELECT ok(same_interval(v, g, v, g), 'the same twice') FROM arrays;
SELECT ok(same_interval(v, g, s.sv, s.sg), 'the order of rows does not matter')
FROM arrays, (SELECT array_agg(value ORDER BY shuffled) AS sv, array_agg(grp ORDER BY shuffled) AS sg FROM score) s;
SELECT ok(same_interval(v, g, s.sv, s.sg), 'rows with a NULL do not matter')
FROM arrays, (SELECT array_agg(value ORDER BY i) AS sv, array_agg(grp ORDER BY i) AS sg
			  FROM (TABLE score UNION ALL SELECT i, 99, NULL, 0 FROM score UNION ALL SELECT i, NULL, 'four', 0 FROM score) t) s;
SELECT ok(same_interval(v, g, s.sv, s.sg), 'names of groups do not matter, only their order')
FROM arrays, (SELECT array_agg(value ORDER BY i) AS sv, array_agg(repeat('long', 100) || grp ORDER BY i) AS sg FROM score) s;
SELECT ok(a.gap = b.gap AND a.ci_low <> b.ci_low AND near(a.ci_low, b.ci_low, 0.02), 'another seed gives about the same interval')
FROM arrays, advfair_gap_interval(v, g) a, advfair_gap_interval(v, g, seed => 1) b;
SELECT ok(a.ci_low <> b.ci_low, 'negative seeds are seeds') FROM arrays, advfair_gap_interval(v, g, seed => 1) a, advfair_gap_interval(v, g, seed => -1) b;
SELECT ok(a.ci_low < b.ci_low AND b.ci_high < a.ci_high AND a.gap = b.gap, 'a lower level gives a narrower interval')
FROM arrays, advfair_gap_interval(v, g) a, advfair_gap_interval(v, g, 0.5) b;
SELECT ok(ci_low = ci_high AND ci_low <> gap, 'one replicate is one gap') FROM arrays, advfair_gap_interval(v, g, replicates => 1);
SELECT ok(a.ci_low <> b.ci_low AND near(a.ci_low, b.ci_low, 0.02), 'more replicates') FROM arrays, advfair_gap_interval(v, g) a, advfair_gap_interval(v, g, 0.95, 5000) b;

-- little
CREATE FUNCTION shown(v float8[], g text[]) RETURNS text LANGUAGE sql AS $$ SELECT i::text FROM advfair_gap_interval(v, g) i $$;
SELECT is(shown('{}', '{}'), '(,,,0)', 'no rows');
SELECT is(shown(NULL, NULL), '(,,,0)', 'array_agg of no rows');
SELECT is(shown('{NULL,1}', '{a,NULL}'), '(,,,0)', 'nothing but NULLs');
SELECT is(shown('{1}', '{a}'), '(,,,1)', 'one row');
SELECT is(shown('{1,2,3}', '{a,a,a}'), '(,,,3)', 'one group differs from nothing');
SELECT is(shown('{1,2,3}', '{a,a,NULL}'), '(,,,2)', 'a group without a name is none');
SELECT is(shown('{1,NULL}', '{a,b}'), '(,,,1)', 'nor is one without a value');
SELECT is(shown('{1,3}', '{a,b}'), '(2,2,2,2)', 'two rows');
SELECT is(shown('{1,3,4}', '{a,"",NULL}'), '(2,2,2,2)', 'a group without a name is a group');
SELECT is(shown('{{1,3},{4,2}}', '{{a,b},{b,a}}'), shown('{1,3,4,2}', '{a,b,b,a}'), 'arrays of arrays are their elements');
SELECT ok(near(gap, 19999, 1e-9) AND n = 20000, 'a group of each row')
FROM (SELECT array_agg(i) AS v, array_agg('x' || i) AS g FROM generate_series(1, 20000) i) a, advfair_gap_interval(v::float8[], g, replicates => 10);
SELECT ok(gap > 0.1 AND ci_low BETWEEN gap - 0.1 AND gap - 0.01 AND ci_high BETWEEN gap + 0.01 AND gap + 0.1, 'shares of the census, by group')
FROM (SELECT array_agg((income = '<=50K')::int::float8) AS v, array_agg(sex) AS g FROM advfair_make_census(3000)) a, advfair_gap_interval(v, g);

-- coverage: the gap of a large population, from 200 samples of it
SELECT setseed(0.5);
SELECT ok(avg((0.3 BETWEEN ci_low AND ci_high)::int) BETWEEN 0.90 AND 0.99, 'intervals cover the truth as often as they say')
FROM (SELECT array_agg((random() < CASE WHEN i % 3 = 0 THEN 0.9 ELSE 0.6 END)::int::float8) AS v, array_agg((i % 3 = 0)::text) AS g
	  FROM generate_series(1, 200) sample, generate_series(1, 300) i GROUP BY sample) s, advfair_gap_interval(v, g, replicates => 400);

-- errors
SELECT throws_ok($$ SELECT * FROM advfair_gap_interval('{1,2}', '{a}') $$, '2202E', 'value has 2 elements, but grp has 1', 'different lengths');
SELECT throws_ok($$ SELECT * FROM advfair_gap_interval(NULL, '{a}') $$, '2202E', 'value has 0 elements, but grp has 1', 'one array without the other');
SELECT throws_ok(format('SELECT * FROM advfair_gap_interval(''{1}'', ''{a}'', level => %L)', level), '22023',
				 'level is ' || level || ', but must lie between 0 and 1', 'level ' || level)
FROM unnest('{0,1,-0.5,95}'::text[]) level;
SELECT throws_ok($$ SELECT * FROM advfair_gap_interval('{1}', '{a}', 'NaN') $$, '22023', NULL, 'level NaN');
SELECT throws_ok(format('SELECT * FROM advfair_gap_interval(''{1}'', ''{a}'', replicates => %s)', replicates), '22023',
				 'replicates is ' || replicates || ', but must be between 1 and 1000000', replicates || ' replicates')
FROM unnest('{0,-1,1000001}'::int[]) replicates;
SELECT throws_ok(format('SELECT * FROM advfair_gap_interval(''{1}'', ''{a}'', %s => NULL)', name), '22004',
				 'argument "' || name || '" must not be NULL', 'no ' || name) FROM unnest('{level,replicates,seed}'::text[]) name;
SELECT throws_ok($$ SELECT * FROM advfair_gap_interval('{1,NaN}', '{a,b}') $$, '22000', 'the value at position 2 is NaN', 'NaN');
SELECT throws_ok($$ SELECT * FROM advfair_gap_interval('{-Infinity,1}', '{a,b}') $$, '22000', 'the value at position 1 is infinite', 'infinity');
SELECT lives_ok($$ SELECT * FROM advfair_gap_interval('{NaN,1}', '{NULL,b}') $$, 'a value without a group takes no part');
SELECT throws_ok($$ SELECT * FROM advfair_gap_interval('{1e308,1e308}', '{a,a}') $$, '22000', 'the value 1e+308 is too large to be summed over 2 rows', 'overflow');

-- cancelling: this would take minutes
CREATE FUNCTION cancelled() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM i.* FROM (SELECT array_agg(i::float8) AS v, array_agg((i % 2)::text) AS g FROM generate_series(1, 100000) i) a,
		advfair_gap_interval(v, g, replicates => 1000000) i;
	RETURN false;
EXCEPTION WHEN query_canceled THEN
	RETURN clock_timestamp() - statement_timestamp() < interval '10 seconds';
END $$;
SET LOCAL statement_timeout = '500ms';
SELECT ok(cancelled(), 'it can be cancelled');
SET LOCAL statement_timeout = 0;
SELECT * FROM finish();
ROLLBACK;
