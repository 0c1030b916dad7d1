-- Rights: data are read as the caller, models belong to their owner.
CREATE ROLE advfair_alice;
CREATE ROLE advfair_bob;
CREATE ROLE advfair_team;
GRANT advfair_team TO advfair_alice, advfair_bob;
CREATE TABLE secret AS SELECT * FROM advfair_make_census(300, 0);
ALTER TABLE secret ADD PRIMARY KEY (person_id);

SET ROLE advfair_alice;
SELECT advfair_train('a', 'secret', 'income', epochs => 1);
RESET ROLE;
-- columns one may not read are not touched unless they are features
GRANT SELECT (person_id, age, hours, income) ON secret TO advfair_alice;
SET ROLE advfair_alice;
SELECT advfair_train('a', 'secret', 'income', epochs => 1);
SELECT version FROM advfair_train('a', 'secret', 'income', features => '{age,hours}', epochs => 1);
SELECT count(*) FROM advfair_predict('a', 'secret');
SELECT advfair_eou('a', 'secret', 'race', '>50K');
RESET ROLE;
-- row-level security hides rows from a training as from a query
GRANT SELECT ON secret TO advfair_alice;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_hundred ON secret USING (person_id <= 100);
SET ROLE advfair_alice;
SELECT version FROM advfair_train('a', 'secret', 'income', epochs => 1);
SELECT version, owner, metrics -> 'rows' AS rows FROM advfair_model ORDER BY 1;

-- others see nothing of it
SET ROLE advfair_bob;
SELECT count(*) FROM advfair_model;
SELECT count(*) FROM advfair_curve;
SELECT advfair_get('a');
SELECT advfair_retrain('a');
SELECT * FROM advfair_predict('a', 'VALUES (1)');
INSERT INTO advfair_model (name, version, owner, task, data_digest, metrics, model) VALUES ('x', 1, 'advfair_alice', '{}', '', '{}', '');
-- versions count for each owner
CREATE TEMP TABLE mine AS SELECT * FROM advfair_make_census(100, 1);
SELECT version FROM advfair_train('a', 'mine', 'income', id => 'person_id', epochs => 1);
-- until a group that both belong to owns it
SET ROLE advfair_alice;
UPDATE advfair_model SET owner = 'postgres';
UPDATE advfair_model SET owner = 'advfair_team', name = 'shared' WHERE version = 2;
SET ROLE advfair_bob;
SELECT name, version, owner FROM advfair_model ORDER BY 1, 2;
SELECT count(*) FROM advfair_curve JOIN advfair_model USING (model_id) WHERE name = 'shared';
SELECT advfair_describe(advfair_get('shared')) ->> 'label' AS label;
SELECT advfair_predict(advfair_get('shared'), m) IS NOT NULL AS predicted FROM mine m LIMIT 1;
-- one's own model comes before another's of the same name
RESET ROLE;
UPDATE advfair_model SET name = 'a' WHERE name = 'shared';
SET ROLE advfair_bob;
SELECT advfair_get('a') = (SELECT model FROM advfair_model WHERE owner = 'advfair_bob') AS own;
RESET ROLE;
-- an owner who is gone takes nobody down
UPDATE advfair_model SET owner = 'nobody there' WHERE owner = 'advfair_team';
SET ROLE advfair_bob;
SELECT count(*) FROM advfair_model;
RESET ROLE;

-- another schema, and a search_path that lies
SELECT current_database() AS home \gset
CREATE DATABASE advfair_elsewhere;
\c advfair_elsewhere
CREATE SCHEMA ml;
GRANT CREATE ON DATABASE advfair_elsewhere TO advfair_alice;
GRANT ALL ON SCHEMA ml TO advfair_alice;
SET ROLE advfair_alice;
CREATE EXTENSION advfair SCHEMA ml;
CREATE SCHEMA lies;
CREATE TABLE lies.advfair_model (name text, version int, owner text, created_at timestamptz, task jsonb, model bytea);
CREATE FUNCTION lies.max(int) RETURNS int LANGUAGE sql AS 'SELECT 42';
CREATE FUNCTION lies.jsonb_build_object(VARIADIC text[]) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{}'::jsonb $$;
CREATE FUNCTION lies.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR lies.= (LEFTARG = text, RIGHTARG = text, FUNCTION = lies.eq);
CREATE TABLE lies.people AS SELECT * FROM ml.advfair_make_census(100, 1);
SET search_path = lies, pg_catalog;
SELECT version FROM ml.advfair_train('m', 'people', 'income', id => 'person_id', epochs => 1);
SELECT version FROM ml.advfair_retrain('m');
SELECT count(*) FROM ml.advfair_predict('m', 'people');
SELECT ml.advfair_cau('m', 'people') BETWEEN 0 AND 1 AS cau, ml.advfair_eou('m', 'people', 'sex', '>50K') BETWEEN 0 AND 1 AS eou;
SELECT ml.advfair_get('other');
SELECT count(*) FROM lies.advfair_model;
SELECT count(*) FROM ml.advfair_progress;
RESET ALL;
RESET ROLE;
\c :home
DROP DATABASE advfair_elsewhere;
DELETE FROM advfair_model;
DROP TABLE secret;
DROP OWNED BY advfair_alice, advfair_bob, advfair_team;
DROP ROLE advfair_alice, advfair_bob, advfair_team;
