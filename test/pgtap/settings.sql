-- What is trained, hashed, stored and attacked is the same whatever a session has set.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(50);
CREATE SCHEMA elsewhere;
CREATE TABLE people AS SELECT i AS id, i * 0.1::float8 AS f, (i * 0.1)::numeric(6, 2) AS n, make_interval(days => i, secs => i * 1.5) AS iv, decode(lpad(to_hex(i * 7919), 6, '0'), 'hex') AS b,
	timestamptz '2024-01-01 12:00Z' + i * interval '7 hours' AS ts, tstzrange('2024-01-01 12:00Z', timestamptz '2024-01-01 12:00Z' + i * interval '7 hours') AS r, (i * 1.01)::numeric::money AS m,
	ARRAY[i / 3.0, NULL]::float8[] AS a, point(i / 3.0, 1) AS p, i / 3.0::float8 AS x, sqrt(i)::real AS y, (ARRAY['a','b','c'])[i % 3 + 1] AS c
FROM generate_series(1, 120) i;
-- labels of many types: which third of the rows
CREATE TABLE labelled AS SELECT p.*, k,
	(k / 7.0)::float8 AS lf, (k / 7.0)::numeric(12, 10) AS ln, (k / 7.0)::real AS lr, make_interval(days => k, hours => 30) AS liv, decode(to_hex(k + 160), 'hex') AS lb,
	timestamptz '2024-01-01 12:00Z' + k * interval '7 hours' AS lts, date '2024-01-01' + k AS ld, (k * 1.01)::numeric::money AS lm, point(k / 7.0, 1) AS lp,
	ARRAY[k / 7.0, NULL]::float8[] AS la, (ARRAY['pg_class', 'pg_proc', 'people'])[k + 1]::regclass AS lc, xmlelement(name e, decode(to_hex(k + 160), 'hex')) AS lx
FROM people p, LATERAL (SELECT (id * 3 - 1) / 120 AS k) k;
CREATE FUNCTION fitted(data text, label text, id text, more jsonb DEFAULT '{}') RETURNS bytea LANGUAGE sql AS $$
	SELECT public.advfair_fit(jsonb_build_object('data', data, 'label', label, 'id', id, 'features', '["x","y","c"]'::jsonb, 'arch', 'dense 4, tanh', 'epochs', 2, 'batch_size', 20, 'validation', '0.2') || more) $$;
CREATE FUNCTION bare(data text, label text, id text) RETURNS text LANGUAGE sql AS $$
	SELECT md5(public.advfair_fit(jsonb_build_object('data', data, 'label', label, 'id', id, 'features', '["x","y","c"]'::jsonb, 'arch', '', 'epochs', 1))) $$;

CREATE FUNCTION made() RETURNS TABLE (what text, result text) LANGUAGE plpgsql AS $$
DECLARE
	number float8 := 0.123456789012345;
	described jsonb;
	m bytea;
	c text;
BEGIN
	FOREACH c IN ARRAY '{id,f,n,iv,b,ts,r,m,a,p}'::text[] LOOP
		RETURN QUERY SELECT 'ids of column ' || c, public.bare('public.labelled', 'k', c);
	END LOOP;
	FOREACH c IN ARRAY '{lf,ln,lr,liv,lb,lts,ld,lm,lp,la,lc,lx}'::text[] LOOP
		m := public.fitted('public.labelled', c, 'id');
		RETURN QUERY SELECT 'labels of column ' || c, md5(m) || (public.advfair_describe(m) ->> 'classes');
	END LOOP;
	FOREACH c IN ARRAY '{standard,minmax,ordinal}'::text[] LOOP
		m := public.fitted('public.labelled', 'k', 'id', jsonb_build_object('encoding', c));
		described := public.advfair_describe(m);
		RETURN QUERY SELECT 'model with encoding ' || c, md5(m);
		RETURN QUERY SELECT 'description with encoding ' || c, md5(described::text);
		RETURN QUERY SELECT 'built again with encoding ' || c, (public.advfair_build(described, (SELECT array_agg(w) FROM (SELECT unnest(weights) AS w FROM public.advfair_weights(m)) w)) = m)::int::text;
		RETURN QUERY SELECT 'decoded with encoding ' || c, md5(string_agg(public.advfair_decode(m, ARRAY[i / 7.0, i / 3.0] || CASE c WHEN 'ordinal' THEN '{1}'::real[] ELSE '{0,1,0}' END)::text, ',')) FROM generate_series(1, 20) i;
	END LOOP;
	PERFORM public.advfair_train('s', 'public.labelled', 'k', id => 'f', features => '{x,y,c}', arch => '', epochs => 2, learning_rate => number, weight_decay => number / 1000);
	RETURN QUERY SELECT 'trained: ' || k.key, md5(k.value) FROM public.advfair_model, LATERAL (VALUES ('model', model::bytea), ('task', convert_to(task::text, 'UTF8')), ('digest', convert_to(data_digest, 'UTF8')), ('metrics', convert_to((metrics - 'seconds' - 'read_seconds')::text, 'UTF8'))) k (key, value)
		WHERE name = 's' AND version = (SELECT max(version) FROM public.advfair_model WHERE name = 's');
	PERFORM public.advfair_adv_train('s', 'public.labelled', 'k', method => 'pgd', eps => number, id => 'iv', features => '{x,y,c}', arch => '', epochs => 2, alpha => number / 5);
	RETURN QUERY SELECT 'trained robust: ' || k.key, md5(k.value) FROM public.advfair_model, LATERAL (VALUES ('model', model::bytea), ('task', convert_to(task::text, 'UTF8'))) k (key, value)
		WHERE name = 's' AND version = (SELECT max(version) FROM public.advfair_model WHERE name = 's');
	RETURN QUERY SELECT 'attacked with norm ' || norm, md5(string_agg(array_send(a.x) || float8send(a.linf), '' ORDER BY a.id))
		FROM unnest('{linf,l2}'::text[]) norm, public.advfair_pgd('s', 'public.labelled', eps => number, key => NULL::interval, norm => norm) a GROUP BY norm;
	RETURN QUERY SELECT 'attacked by column', md5(string_agg(array_send(a.x), '' ORDER BY a.id)) FROM public.advfair_pgd('s', 'public.labelled', eps => ARRAY[number, number / 7, 0], key => NULL::interval) a;
	RETURN QUERY SELECT 'least eps', md5(string_agg(float8send(a.eps), '' ORDER BY a.id)) FROM public.advfair_least_eps('s', 'public.labelled', eps_max => number * 10, key => NULL::interval, tol => number / 1000) a;
	RETURN QUERY SELECT 'eps of an audit', md5(string_agg(float8send(a.value) || float8send(a.eps), '' ORDER BY a.metric, a.eps, a.class)) FROM public.advfair_audit(ARRAY['s'], 'public.labelled', eps => ARRAY[number, number * 2], replicates => 20) a;
END $$;
CREATE TABLE plain AS SELECT * FROM made();
SET LOCAL extra_float_digits = -15;
SET LOCAL bytea_output = escape;
SET LOCAL IntervalStyle = sql_standard;
SET LOCAL DateStyle = 'German';
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL lc_monetary = 'POSIX';
SET LOCAL quote_all_identifiers = on;
SET LOCAL xmlbinary = hex;
SET LOCAL xmloption = document;
SET LOCAL array_nulls = off;
SET LOCAL search_path = elsewhere;
CREATE TEMP TABLE hostile AS SELECT * FROM public.made();
SET LOCAL search_path = public;
RESET extra_float_digits;
SELECT is(h.result, p.result, p.what) FROM plain p LEFT JOIN hostile h USING (what);
SELECT is(result, '1', what) FROM plain WHERE what LIKE 'built again%';
SELECT is(max(linf)::real, 0.12345679::real, 'rows are attacked with just the eps that was given') FROM advfair_pgd('s', 'labelled', eps => 0.123456789::float8, key => NULL::interval, early_stop => false);
SELECT is(task -> 'learning_rate', '0.123456789012345', 'an argument arrives with all digits') FROM advfair_model WHERE name = 's' AND version = 1;

SELECT * FROM finish();
ROLLBACK;
