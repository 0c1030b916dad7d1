-- 10,000 each of truncated, bit-flipped, lengthened and random bytes as models: only clean errors.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(6);
SELECT setseed(0.5);
CREATE TEMP TABLE model AS
SELECT advfair_build('{"arch":"dense 3, tanh","input_shape":[2],"classes":["no","yes"]}', array_fill(0.25::real, '{17}')) AS m;

-- SQLSTATE of the first call that fails, or how it went
CREATE FUNCTION outcome(m bytea) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM advfair_describe(m);
	PERFORM advfair_proba(m, '{0.1,0.2}'::real[]);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION noise(n int) RETURNS bytea LANGUAGE sql AS
	$$ SELECT COALESCE(string_agg(set_byte('\x00', 0, floor(random() * 256)::int), ''), '') FROM generate_series(1, n) $$;

SELECT is(outcome(m), 'accepted', 'the model itself') FROM model;
SELECT results_eq($$ SELECT DISTINCT outcome(substr(m, 1, floor(random() * length(m))::int)) FROM model, generate_series(1, 10000) $$,
				  $$ VALUES ('22P03') $$, 'truncated');
SELECT results_eq($$ SELECT DISTINCT outcome(set_bit(m, b, 1 - get_bit(m, b)))
					 FROM model, LATERAL (SELECT floor(random() * length(m) * 8)::bigint AS b FROM generate_series(1, 10000)) r $$,
				  $$ VALUES ('22P03') $$, 'one bit flipped');
SELECT results_eq($$ SELECT DISTINCT outcome(m || noise(1 + i % 20)) FROM model, generate_series(1, 10000) i $$,
				  $$ VALUES ('22P03') $$, 'lengthened');
SELECT results_eq($$ SELECT DISTINCT outcome(noise(i % 100)) FROM generate_series(1, 10000) i $$, $$ VALUES ('22P03') $$, 'random');
SELECT results_eq($$ SELECT DISTINCT outcome(b) FROM (SELECT m, substr(m, 1, 1 + i % length(m)) || noise(length(m) - 1 - i % length(m)) AS b
						FROM model, generate_series(1, 10000) i OFFSET 0) r WHERE b <> m $$,
				  $$ VALUES ('22P03') $$, 'right at first, random in the end');
SELECT * FROM finish();
ROLLBACK;
