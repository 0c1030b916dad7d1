-- Data queries leave nothing behind: what they may not write is an error, what they may is undone.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(14);

CREATE TABLE people AS SELECT * FROM advfair_make_census(60);
ALTER TABLE people ADD PRIMARY KEY (person_id);
CREATE TABLE lasting (i int);
CREATE TEMP TABLE fleeting (i int);
CREATE SEQUENCE numbers;
SELECT advfair_train('m', 'people', 'income', arch => '', epochs => 1);

-- How many rows are predicted for data that run a command, or its error.
CREATE FUNCTION pg_temp.run(command text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 0;
END $$;
CREATE FUNCTION pg_temp.predict(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	RETURN count(*) FROM advfair_predict('m', format('SELECT p.* FROM people p, (SELECT pg_temp.run(%L)) r', command));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS told = RETURNED_SQLSTATE;
	RETURN told;
END $$;

SELECT is(pg_temp.predict('SELECT 1'), '60', 'a query that only reads');
SELECT is(pg_temp.predict(command), '25006', command || ' is an error') FROM unnest(ARRAY['INSERT INTO lasting VALUES (1)', 'CREATE TABLE new ()', 'CREATE TEMP TABLE new ()',
	'SELECT nextval(''numbers'')', 'SELECT advfair_train(''n'', ''people'', ''income'')']) command;
SELECT is(pg_temp.predict(command), '60', command || ' is none') FROM unnest(ARRAY['INSERT INTO fleeting VALUES (1)',
	'SELECT set_config(''search_path'', ''nowhere'', false)', 'SET work_mem = 77777', 'SELECT pg_notify(''channel'', ''payload'')']) command;
SELECT is((SELECT count(*) FROM fleeting), 0::bigint, 'but temporary tables stay as they were');
SELECT ok(current_setting('search_path') <> 'nowhere' AND current_setting('work_mem') <> '77777kB', 'and settings are what they were');
SELECT ok(pg_temp.predict('SELECT lo_create(0)') IN ('60', '25006'), 'large objects may be made before PostgreSQL 16');
SELECT is((SELECT count(*) FROM pg_largeobject_metadata), 0::bigint, 'but do not stay');
SELECT * FROM finish();
ROLLBACK;
