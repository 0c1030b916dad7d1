-- The id named in training is used where data has it; other data fall back on their primary key or on row numbers.
CREATE TABLE people AS SELECT * FROM advfair_make_census(300, 0);
SELECT version FROM advfair_train('people', 'people', 'income', id => 'person_id', epochs => 1);
SELECT id, label FROM advfair_predict('people', 'SELECT * FROM people WHERE person_id IN (7, 9) ORDER BY 1');
SELECT id, label FROM advfair_predict('people', 'SELECT age, education, hours, occupation, sex, race FROM people LIMIT 2');
SELECT id, pg_typeof(id) FROM advfair_predict('people', 'SELECT * FROM people WHERE person_id = 7', key => NULL::text);
SELECT id FROM advfair_predict('people', 'people', key => NULL::uuid);
SELECT id FROM advfair_predict('people', 'SELECT age, education, hours, occupation, sex, race FROM people LIMIT 2',
							   key => NULL::text);
-- a primary key is remembered, too, so that queries over the table keep it
ALTER TABLE people ADD PRIMARY KEY (person_id);
SELECT version FROM advfair_train('keyed', 'people', 'income', epochs => 1);
SELECT id FROM advfair_predict('keyed', 'SELECT * FROM people WHERE person_id = 9');
-- a feature that tells rows apart is pointed out, unless it was listed; so are rows without an id where ids are returned
SELECT version FROM advfair_train('joined', 'SELECT p.*, ''no. '' || person_id AS name FROM people p JOIN people q USING (person_id)', 'income',
								  exclude => '{occupation}', epochs => 1);
-- a label that is a class of its own for most rows is pointed out
SELECT version FROM advfair_train('price', 'SELECT person_id, age, person_id * 1.37 AS price FROM people', 'price', id => 'person_id', arch => '', epochs => 1);
SELECT version FROM advfair_train('price', 'SELECT person_id, age, person_id / 3 AS price FROM people', 'price', id => 'person_id', arch => '', epochs => 1);
SELECT version FROM advfair_train('listed', 'SELECT p.* FROM people p JOIN people q USING (person_id)', 'income', features => '{person_id,age}', epochs => 1);
SELECT count(*) FROM advfair_pgd('keyed', 'SELECT age, education, hours, occupation, sex, race, income FROM people', 0.1);
SELECT count(*) FROM advfair_class_robustness('keyed', 'SELECT age, education, hours, occupation, sex, race, income FROM people', '{0.1}');
DROP TABLE people;
DELETE FROM advfair_model WHERE name IN ('people', 'keyed', 'joined', 'listed');
