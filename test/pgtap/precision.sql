-- Numbers lose precision once, when inputs become single precision, and never silently.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(48);

CREATE FUNCTION fitted(features text, encoding text DEFAULT 'standard') RETURNS jsonb LANGUAGE sql AS $$
	SELECT advfair_describe(advfair_fit(jsonb_build_object('data', format('SELECT i AS id, i %% 60 < 30 AS y, %s FROM generate_series(1, 600) i', features),
		'label', 'y', 'id', 'id', 'arch', '', 'epochs', 1, 'encoding', encoding))) -> 'encoder' -> 'columns' -> 0 $$;
CREATE FUNCTION accuracy(features text, encoding text DEFAULT 'standard') RETURNS numeric LANGUAGE sql AS $$
	SELECT round(accuracy::numeric, 1) FROM advfair_train('m', format('SELECT i AS id, i %% 60 < 30 AS y, %s FROM generate_series(1, 600) i', features),
		label => 'y', id => 'id', arch => '', epochs => 60, batch_size => 50, learning_rate => 0.05, encoding => encoding) $$;
CREATE FUNCTION near(a float8, b float8) RETURNS boolean LANGUAGE sql AS $$ SELECT abs(a - b) <= 1e-12 * abs(b) $$;

-- arrays are scaled like the numbers they hold, whatever these are
SELECT is(fitted(format('ARRAY[1764000000 + (i %% 60)::%s] AS v', type)) - 'kind' - 'length' - 'name',
		  fitted(format('1764000000 + (i %% 60)::%s AS v', type)) - 'kind' - 'length' - 'name', type || '[]')
FROM unnest('{int,bigint,numeric,float8}'::text[]) type;
SELECT ok(near((c -> 'shift' ->> 0)::float8, 1764000029.5) AND near((c -> 'factor' ->> 0)::float8, 1 / sqrt(299.916666666666666666)), 'mean and deviation')
FROM fitted('ARRAY[1764000000 + (i % 60)::float8] AS v') c;
SELECT is(fitted('ARRAY[(i % 60)::real / 7] AS v') - 'kind' - 'length', fitted('(i % 60)::real / 7 AS v') - 'kind' - 'length', 'real[]');
SELECT is(accuracy(v), 1.0, v) FROM unnest(ARRAY['ARRAY[1764000000 + (i % 60)::float8] AS v', 'ARRAY[1764000000 + i % 60] AS v',
	'ARRAY[1764000000::numeric + i % 60] AS v', '1e15 + i % 60 AS v']) v;
-- so are those of single rows
SELECT is(advfair_proba(m, r), advfair_proba(m, ARRAY[(5 - 29.5) / sqrt(299.916666666666666666)]::real[]), 'row functions')
FROM advfair_fit('{"data": "SELECT i AS id, i % 60 < 30 AS y, ARRAY[1764000000 + (i % 60)::float8] AS v FROM generate_series(1, 600) i", "label": "y", "id": "id", "arch": "",
	"epochs": 1}') m, (SELECT ARRAY[1764000005::float8] AS v) r;

-- ordinal takes numbers as they are: integers exactly, others unless rounding hides how they differ
SELECT is(accuracy(v, 'ordinal'), 1.0, 'ordinal: ' || v) FROM unnest(ARRAY['16777157 + i % 60 AS v', '2000000000 + i % 60 * 128 AS v', '1e9 + i % 60 * 1e5 + 0.3 AS v',
	'0.1 + i % 60 AS v', '(i % 60)::real / 3 AS v', '(1e8 + i % 60 * 8)::real AS v']) v;
SELECT throws_ok(format('SELECT fitted(%L, ''ordinal'')', v), state, message, 'ordinal: ' || v)
FROM (VALUES ('20260103 + i % 2 AS v', '22000', 'row with id 2: column "v" is 20260103, an integer that single precision cannot hold'),
	('ARRAY[1, 20260103 + i % 2] AS v', '22000', 'row with id 2: element 2 of column "v" is 20260103, an integer that single precision cannot hold'),
	('20260103 + (i % 2)::float8 AS v', '22003', 'column "v" varies too little for single precision'),
	('20260103 + (i % 2)::numeric AS v', '22003', 'column "v" varies too little for single precision'),
	('ARRAY[1, 1764000000 + (i % 60)::float8] AS v', '22003', 'element 2 of column "v" varies too little for single precision')) t (v, state, message);
SELECT is(fitted('0.1 AS v', 'ordinal') -> 'shift', '[0]', 'ordinal: a constant may be rounded');
SELECT advfair_train('days', 'SELECT i AS id, i % 2 AS y, 20260102 + i % 2 * 2 AS day FROM generate_series(1, 100) i', label => 'y', id => 'id', arch => '', epochs => 1,
	encoding => 'ordinal');
SELECT throws_ok('SELECT advfair_predict(''days'', ''SELECT 7 AS id, 20260103 AS day'')', '22000',
	'row with id 7: column "day" is 20260103, an integer that single precision cannot hold', 'prediction');
SELECT throws_ok('SELECT advfair_predict(advfair_get(''days''), r) FROM (SELECT 20260103 AS day) r', '22000',
	'column "day" is 20260103, an integer that single precision cannot hold', 'row functions');
SELECT is(advfair_predict(advfair_get('days'), r), '1', 'a number that is no integer may be rounded') FROM (SELECT 20260104.3 AS day) r;

-- integers and decimals beyond double precision
SELECT throws_ok(format('SELECT fitted(%L)', v), state, message, v)
FROM (VALUES ('9007199254740992 + i % 60 AS v', '22000', 'row with id 1: column "v" is near 9007199254740992, an integer that double precision cannot hold'),
	('ARRAY[9007199254740992 + i % 60] AS v', '22000', 'row with id 1: element 1 of column "v" is near 9007199254740992, an integer that double precision cannot hold'),
	('9223372036854775807 - i % 60 AS v', '22000', 'row with id 1: column "v" is near 9223372036854775808, an integer that double precision cannot hold')) t (v, state, message);
SELECT lives_ok(format('SELECT fitted(%L)', v), v)
FROM unnest(ARRAY['9007199254740992 + i % 60 * 2 AS v', '(9007199254740992 + i % 60)::float8 AS v', '1e30 * (i % 60) / 7 AS v', '12345678901234567890 AS v', '(i % 60) / 7.0 AS v']) v;

-- numbers whose squares, sums or differences leave double precision
SELECT ok(near((c -> 'factor' ->> 0)::float8, 1 / sqrt(2 / 9.0 * 4) / size::float8) AND abs((c -> 'shift' ->> 0)::float8 / size::float8 - 1 / 3.0) < 1e-12, size || ': mean and deviation')
FROM unnest('{1e-200,1e-160,1e-10,1e160,1e200,1e307}'::text[]) size, fitted(format('CASE WHEN i %% 3 = 0 THEN -1 ELSE 1 END * %L::float8 AS v', size)) c;
SELECT is(accuracy(v, encoding), 1.0, encoding || ': ' || v)
FROM unnest('{standard,minmax}'::text[]) encoding, unnest(ARRAY['CASE WHEN i % 60 < 30 THEN 1e200 ELSE -1e200 END AS v', 'CASE WHEN i % 60 < 30 THEN 1e-200 ELSE -1e-200 END AS v']) v;
SELECT throws_ok(format('SELECT fitted(%L, %L)', v, encoding), '22003', 'column "v" cannot be scaled in double precision', encoding || ': ' || v)
FROM (VALUES ('minmax', 'CASE WHEN i % 2 = 0 THEN 1.7e308 ELSE -1.7e308 END AS v'), ('standard', '(i % 2) * 1e-310 AS v'), ('minmax', '(i % 2) * 1e-310 AS v')) t (encoding, v);
SELECT is(advfair_decode(m, '{-0.5,0.5}'), '{"v": -5e199, "w": 5e-201}', 'and back')
FROM advfair_build('{"arch": "", "input_shape": [2], "classes": ["a", "b"], "encoder": {"encoding": "standard", "columns": [
	{"name": "v", "kind": "number", "shift": [0], "factor": [1e-200]}, {"name": "w", "kind": "number", "shift": [0], "factor": [1e200]}]}}', '{0,0,0,0,0,0}') m;
SELECT * FROM finish();
ROLLBACK;
