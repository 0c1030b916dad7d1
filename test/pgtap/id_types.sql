-- Every function that takes data, with ids of every type, found as the primary key and named by id.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SET LOCAL client_min_messages = warning;
SELECT plan(29);

CREATE TABLE people AS SELECT p.*, md5(person_id::text)::uuid AS u, 'no. ' || person_id AS t, date '2026-01-01' + person_id::int AS d, person_id / 4.0 AS n,
	timestamptz '2026-01-01 UTC' + person_id * interval '1 minute' AS at, person_id::int AS i, person_id / 8.0::float8 AS f, decode(lpad(to_hex(person_id), 4, '0'), 'hex') AS b
FROM advfair_make_census(120, 0) p;

-- The calls: MODEL and DATA are literals, MORE more arguments. JOINED ones return ids, whose type is KEY.
CREATE TABLE calls (call text, joined boolean);
INSERT INTO calls SELECT 'advfair_' || call, false FROM unnest(ARRAY['cau(MODEL, DATA)', 'class_accuracy(MODEL, DATA)', 'group_confidence(MODEL, DATA, ''sex'', ''>50K'')', 'eou(MODEL, DATA, ''sex'', ''>50K'')',
	'class_robustness(MODEL, DATA, eps => ''{0.1}''MORE)', 'class_least_eps(MODEL, DATA, eps_max => 0.1MORE)', 'cru(MODEL, DATA, eps => 0.1MORE)', 'cru(MODEL, DATA, eps_max => 0.1MORE)',
	'luf(MODEL, DATA, leave_out => 1MORE)', 'luf_summary(MODEL, DATA, leave_out => 1MORE)', 'audit(ARRAY[MODEL], DATA, eps => ''{0.1}'', protected => ''{sex}'', eps_max => 0.1, replicates => 10MORE)',
	'compare(MODEL, MODEL, DATA, eps => ''{0.1}'', replicates => 10MORE)', 'report(ARRAY[MODEL], DATA, eps => ''{0.1}'', protected => ''{sex}'', eps_max => 0.1, leave_out => 1, replicates => 10MORE)',
	'chart(''class_accuracy'', ARRAY[MODEL], DATAMORE)', 'chart(''robust_accuracy'', ARRAY[MODEL], DATA, eps => ''{0.1}''MORE)', 'chart(''least_eps'', ARRAY[MODEL], DATA, eps_max => 0.1MORE)',
	'chart(''luf'', ARRAY[MODEL], DATA, leave_out => 1MORE)', 'retrain(MODEL, ''accuracy < 0'', DATAMORE)']) call;
INSERT INTO calls SELECT 'advfair_' || call, true FROM unnest(ARRAY['predict(MODEL, DATA, key => KEYMORE)', 'pgd(MODEL, DATA, 0.1, key => KEY, steps => 2MORE)', 'fgsm(MODEL, DATA, 0.1, key => KEYMORE)',
	'least_eps(MODEL, DATA, 0.1, key => KEY, steps => 2MORE)', 'luf_rows(MODEL, DATA, key => KEY, leave_out => 1MORE)']) call;

-- Makes them; returns those that fail, with their error.
CREATE FUNCTION failures(model text, data text, id text, more text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	type text := (SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname = id);
	c record;
	call text;
	n bigint;
BEGIN
	FOR c IN TABLE calls LOOP
		BEGIN
			call := replace(replace(replace(replace(c.call, 'MODEL', quote_literal(model)), 'DATA', quote_literal(data)), 'KEY', 'NULL::' || type), 'MORE', more);
			EXECUTE CASE WHEN c.joined THEN format('SELECT count(*) FROM people p JOIN %s r ON r.id = p.%I', call, id) ELSE 'SELECT count(*) FROM ' || call END INTO n;
			IF c.joined AND n <> 120 OR n = 0 THEN RETURN NEXT call || ': ' || n || ' rows'; END IF;
		EXCEPTION WHEN OTHERS THEN
			RETURN NEXT call || ': ' || SQLERRM;
		END;
	END LOOP;
END $$;

-- as a primary key
CREATE FUNCTION keyed(id text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %I AS SELECT %I, age, hours, sex, income FROM people', 'by_' || id, id);
	EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (%I)', 'by_' || id, id);
	PERFORM advfair_train('by_' || id, 'by_' || id, label => 'income', arch => '', epochs => 1);
	RETURN QUERY SELECT failures('by_' || id, 'by_' || id, id, '');
END $$;
SELECT is_empty(format('SELECT keyed(%L)', id), 'primary key ' || id) FROM unnest('{u,t,d,n,at,i,f,b}'::text[]) id;

-- named, for a model that knows of no id
SELECT version FROM advfair_train('plain', 'people', label => 'income', features => '{age,hours,sex}', arch => '', epochs => 1) \gset
SELECT is_empty(format('SELECT failures(%L, %L, %L, %L)', 'plain', 'people', id, format(', id => %L', id)), 'id => ' || id) FROM unnest('{u,t,n}'::text[]) id;

-- what is computed does not depend on where the id comes from, nor on the order of rows
SELECT version FROM advfair_train('keyed', 'SELECT * FROM people', label => 'income', id => 'u', features => '{age,hours,sex}', arch => '', epochs => 1) \gset
UPDATE advfair_model SET model = advfair_get('keyed') WHERE name = 'plain';
CREATE TEMP TABLE expected AS SELECT * FROM advfair_pgd('keyed', 'people', 0.1, NULL::uuid);
SELECT results_eq($$ SELECT * FROM advfair_pgd('plain', 'SELECT * FROM people ORDER BY random()', 0.1, NULL::uuid, id => 'u') ORDER BY id $$,
				  'SELECT * FROM expected ORDER BY id', 'a named id starts attacks as the one known from training does');
SELECT results_eq($$ SELECT id::uuid, x FROM advfair_pgd('plain', 'SELECT * FROM people ORDER BY random()', 0.1, NULL::text, id => 'u') ORDER BY id $$,
				  'SELECT id, x FROM expected ORDER BY id', 'whatever type it is returned in');
SELECT results_eq($$ SELECT * FROM advfair_audit('{keyed}', 'people', eps => '{0.1}') $$, $$ SELECT 'keyed@1', metric, eps, class, attribute, grp, value, ci_low, ci_high, n
				  FROM advfair_audit('{plain}', 'people', eps => '{0.1}', id => 'u') $$, 'audits do the same');
SELECT version FROM advfair_train('other', 'SELECT * FROM people', label => 'income', id => 'i', features => '{age,sex}', arch => '', epochs => 1) \gset
SELECT throws_ok($$ SELECT * FROM advfair_compare('keyed', 'other', 'people') $$, '22023', 'model "other@1" reads other rows from data "public.people" than model "keyed@1"',
				 'models that know their rows by other ids cannot be compared');
SELECT lives_ok($$ SELECT * FROM advfair_compare('keyed', 'other', 'people', id => 't') $$, 'unless an id is named');
SELECT is(advfair_luf('plain', 'people', leave_out => 2, id => 'u'), advfair_luf('plain', 'people', leave_out => 2, id => 'i'), 'scores do not depend on ids');
SELECT ok(advfair_report('{plain}', 'people', id => 'u') ~ 'id =&gt; &#39;u&#39;', 'a report says how it was made');

-- errors
SELECT throws_ok(format('SELECT advfair_%s', call), '42703', 'column "no" does not exist in data "public.people"', call) FROM unnest(ARRAY['predict(''plain'', ''people'', id => ''no'')',
	'pgd(''plain'', ''people'', 0.1, id => ''no'')', 'luf(''plain'', ''people'', leave_out => 1, id => ''no'')', 'audit(''{plain}'', ''people'', id => ''no'')']) call;
SELECT throws_ok($$ SELECT * FROM advfair_predict('plain', 'people', id => 'u') $$, '42804', 'id column "u" has type uuid, which cannot be returned as bigint', 'a named id needs key as another one does');
SELECT throws_ok($$ SELECT advfair_retrain('plain', 'accuracy > 0', id => 'u') $$, '22023', 'task key "id" is a column of data, which is missing', 'retraining on rows held out');
SELECT throws_ok($$ SELECT advfair_submit('{"kind": "attack", "model": "plain", "data": "people", "eps": 0.1, "id": 3, "into": "t"}') $$, '22023', 'task key "id" must be a string', 'tasks take it too');
SELECT lives_ok($$ SELECT advfair_submit('{"kind": "luf", "model": "plain", "data": "people", "leave_out": 1, "id": "u", "into": "t"}') $$, 'of each kind');

-- positional arguments mean what they meant
SELECT results_eq($$ SELECT pg_typeof(id)::text, count(*) FROM advfair_predict('by_i', 'by_i', 1) GROUP BY 1 $$, $$ VALUES ('bigint', 120::bigint) $$, 'workers');
SELECT results_eq($$ SELECT pg_typeof(id)::text, count(*) FROM advfair_predict('by_u', 'by_u', NULL::uuid, 1) GROUP BY 1 $$, $$ VALUES ('uuid', 120::bigint) $$, 'key and workers');
SELECT results_eq($$ SELECT pg_typeof(id)::text, count(*) FROM advfair_fgsm('by_i', 'by_i', 0.1, 'l2') GROUP BY 1 $$, $$ VALUES ('bigint', 120::bigint) $$, 'norm');
SELECT * FROM finish();
ROLLBACK;
