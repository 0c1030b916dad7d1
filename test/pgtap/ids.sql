-- Ids: returned one to one or not at all, and found where a query's rows are those of one table.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SELECT plan(34);

CREATE TABLE halves AS SELECT (i / 2.0)::numeric(6,1) AS k, i % 4 AS a, i % 4 / 2 AS y FROM generate_series(1, 8) i;
ALTER TABLE halves ADD PRIMARY KEY (k);
SELECT is(version, 1, 'fractional ids') FROM advfair_train('halves', 'halves', label => 'y', arch => '', epochs => 1);
CREATE FUNCTION ids_of(id text, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, %L ORDER BY id) FROM advfair_predict(%L, %L, key => NULL::%s)', ',', 'halves',
				   format('SELECT %s AS k, a, y FROM halves WHERE k <= 2', id), key) INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS result = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || ' ' || result;
END $$;

-- what a cast would lose is an error that names the id and the type that keeps it
SELECT throws_ok($$ SELECT * FROM advfair_predict('halves', 'halves') $$, '42804', 'id 0.5 in column "k" cannot be returned as bigint', 'half a number is no bigint');
SELECT is(ids_of('k', 'bigint'), '42804 id 0.5 in column "k" cannot be returned as bigint Pass key => NULL::numeric.', 'the hint can be followed');
SELECT is(ids_of('k', 'numeric'), '0.5,1.0,1.5,2.0', 'and works');
SELECT is(ids_of('k * 2', 'bigint'), '1,2,3,4', 'whole numbers of type numeric are bigint');
SELECT is(ids_of('(k * 2)::float8', 'int'), '1,2,3,4', 'whole numbers of type float8 are int');
SELECT is(ids_of('k::float8', 'int'), '42804 id 0.5 in column "k" cannot be returned as integer Pass key => NULL::double precision.', 'others are not');
SELECT is(ids_of('''NaN''::float8', 'bigint'), '22003 bigint out of range Pass key => NULL::double precision.', 'NaN');
SELECT is(ids_of('''NaN''::numeric', 'bigint'), '0A000 cannot convert NaN to bigint Pass key => NULL::numeric.', 'NaN of type numeric');
SELECT is(ids_of('(k * 2e18)::float8 * 10', 'bigint'), '22003 bigint out of range Pass key => NULL::double precision.', 'too large a number');
SELECT is(ids_of('9007199254740992 + (k * 2)::bigint', 'float8'),
		  '42804 id 9007199254740993 in column "k" cannot be returned as double precision Pass key => NULL::bigint.', 'more digits than a float8 has');
SELECT is(ids_of('timestamptz ''2024-01-01'' + k * interval ''1 day''', 'date'),
		  '42804 id 2024-01-01T12:00:00+00:00 in column "k" cannot be returned as date Pass key => NULL::timestamp with time zone.', 'a time is no date');
SELECT is(ids_of('timestamptz ''2024-01-01'' + k * interval ''2 days''', 'date'), '2024-01-02,2024-01-03,2024-01-04,2024-01-05', 'unless it is midnight');
SELECT is(ids_of('date ''2024-01-01'' + (k * 2)::int', 'timestamptz'),
		  '2024-01-02 00:00:00+00,2024-01-03 00:00:00+00,2024-01-04 00:00:00+00,2024-01-05 00:00:00+00', 'a date is a time');
SELECT is(left(ids_of('repeat(''x'', 70) || k', 'name'), 74), '42804 id ' || repeat('x', 65), 'names are cut, and so are no ids');
SELECT is(ids_of('''id '' || k', '"char"'), '42804 id id 0.5 in column "k" cannot be returned as "char" Pass key => NULL::text.', 'nor to one letter');
SELECT is(ids_of('k', 'text'), '0.5,1.0,1.5,2.0', 'anything is a text');
SELECT is(ids_of('md5(k::text)::uuid', 'text'), (SELECT string_agg(md5(k::text)::uuid::text, ',' ORDER BY md5(k::text)::uuid::text) FROM halves WHERE k <= 2), 'such as a uuid');
SELECT is(ids_of('k::text', 'numeric'), '42804 id column "k" has type text, which cannot be returned as numeric Pass key => NULL::text.', 'a text is what it is');

-- of key only the type counts
SELECT results_eq($$ SELECT id FROM advfair_pgd('halves', 'halves', eps => 0.1, key => 5::numeric) $$, 'SELECT k FROM halves', 'any value will do as key');
SELECT results_eq($$ SELECT id FROM advfair_luf_rows('halves', 'halves', key => ''::text, leave_out => 1) $$, 'SELECT k::text FROM halves', 'of any type');
SELECT results_eq($$ SELECT id FROM advfair_pgd('halves', 'SELECT k * 2 AS k, a, y FROM halves', 0.1, 0.05, 3) $$, 'SELECT (k * 2)::bigint FROM halves',
				  'numbers behind eps are alpha and steps');

-- the key of the one table all rows come from
CREATE TABLE people AS SELECT * FROM advfair_make_census(150, 0);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE VIEW renamed AS SELECT income, p.person_id AS who, age, hours FROM people p WHERE age > 20;
CREATE FUNCTION trained(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM advfair_train('trained', query, label => 'income', arch => '', epochs => 1);
	RETURN (SELECT concat_ws(' ', task ->> 'id', jsonb_path_query_array(advfair_describe(model), '$.encoder.columns[*].name'))
			FROM advfair_model WHERE name = 'trained' ORDER BY version DESC LIMIT 1);
END $$;
SELECT is(trained('SELECT person_id, age, income FROM people WHERE person_id % 3 <> 0 ORDER BY age LIMIT 90'), 'person_id ["age"]', 'in a query');
SELECT is(trained('renamed'), 'who ["age", "hours"]', 'in a view, by its name there');
SELECT is(trained('WITH w AS (SELECT * FROM renamed) SELECT DISTINCT * FROM (SELECT age, who, income FROM w OFFSET 0) s'), 'who ["age"]', 'in WITH and subqueries');
SELECT is(trained('SELECT person_id, age, income FROM people WHERE age IN (SELECT age FROM people)'), 'person_id ["age"]', 'beside conditions over other tables');
SELECT is(trained('SELECT p.person_id, p.age, p.income FROM people p JOIN people USING (person_id)'), '["person_id", "age"]', 'not in a join, which may repeat rows');
SELECT is(trained('SELECT person_id, age, income FROM people UNION ALL SELECT person_id, age, income FROM people'), '["person_id", "age"]', 'nor in a union');
SELECT is(trained('SELECT person_id, unnest(ARRAY[age, hours]) AS number, income FROM people'), '["person_id", "number"]', 'nor with functions that return several rows');
SELECT is(trained('SELECT person_id + 0 AS person_id, age, income FROM people'), '["person_id", "age"]', 'nor what is made of it');
CREATE TABLE more_people () INHERITS (people);
SELECT is(trained('people'), '["person_id", "age", "education", "hours", "occupation", "sex", "race"]', 'nor where tables inherit, whose keys may be the same');
SELECT is(trained('SELECT person_id, age, income FROM ONLY people'), 'person_id ["age"]', 'unless they are left out');
DROP TABLE more_people;
SELECT throws_ok($$ SELECT advfair_adv_train('robust', 'people', label => 'income', source => 'trained', id => 'no', eps => 0.1) $$, '42703',
				 'column "no" does not exist in data "public.people"', 'an id that was asked for must be there, beside a source too');
SELECT results_eq($$ SELECT id FROM advfair_predict('halves', 'SELECT k AS other, a FROM halves', key => NULL::numeric) $$, 'SELECT k FROM halves',
				  'where the id named in training is not there the key is taken');
SELECT * FROM finish();
ROLLBACK;
