-- The synthetic census: the same every time, as its page documents it, and unfair.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(16);
CREATE TEMP TABLE census AS SELECT * FROM advfair_make_census(20000);

SELECT is((SELECT count(*) FROM census), 20000::bigint, 'n rows');
SELECT is((SELECT array_agg(DISTINCT person_id = n) FROM (SELECT person_id, row_number() OVER () AS n FROM census) c), ARRAY[true],
		  'persons are numbered from 1, in order');
SELECT set_eq('SELECT * FROM advfair_make_census(500)', 'SELECT * FROM census WHERE person_id <= 500', 'fewer rows are the first of more');
SELECT set_eq('SELECT * FROM advfair_make_census(500, 0)', 'SELECT * FROM advfair_make_census(500)', 'the seed is 0 unless given');
SELECT set_eq('SELECT * FROM advfair_make_census(500, -7)', 'SELECT * FROM advfair_make_census(500, -7)', 'the same seed gives the same rows');
SELECT set_ne('SELECT * FROM advfair_make_census(500, 1)', 'SELECT * FROM advfair_make_census(500)', 'another seed gives others');
SELECT is_empty('SELECT * FROM advfair_make_census(0)', 'no rows when none are asked for');
SELECT is_empty('SELECT * FROM advfair_make_census(NULL)', 'none for NULL');
SELECT columns_are('census', '{person_id,age,education,hours,occupation,sex,race,income}');
SELECT is_empty($$ SELECT * FROM census WHERE census IS DISTINCT FROM NULL AND NOT (census IS NOT NULL) $$, 'nothing is NULL');
SELECT set_eq($$ SELECT DISTINCT education FROM census $$, '{none,high school,bachelor,master,doctorate}'::text[], 'educations');
SELECT set_eq($$ SELECT DISTINCT occupation FROM census $$, '{clerical,craft,manager,service,specialist}'::text[], 'occupations');
SELECT set_eq($$ SELECT DISTINCT sex || ' ' || race FROM census $$,
			  ARRAY(SELECT s || ' ' || r FROM unnest('{Female,Male}'::text[]) s, unnest('{White,Black,Asian,Other}'::text[]) r),
			  'every sex with every race');
SELECT ok(min(age) = 17 AND max(age) BETWEEN 70 AND 76 AND min(hours) >= 20 AND max(hours) <= 58, 'ages and hours keep to their ranges')
FROM census;
-- shares of the documentation, to about four standard errors
SELECT ok(abs(avg((sex = 'Female')::int) - 0.40) < 0.015 AND abs(avg((race = 'White')::int) - 0.80) < 0.012 AND
		  abs(avg((education = 'high school')::int) - 0.48) < 0.015 AND
		  abs(avg((occupation = 'craft')::int) FILTER (WHERE sex = 'Male') - 0.34) < 0.02 AND
		  abs(avg((occupation = 'craft')::int) FILTER (WHERE sex = 'Female') - 0.06) < 0.012 AND
		  abs(avg(hours) FILTER (WHERE sex = 'Male') - 41.5) < 0.3 AND abs(avg(hours) FILTER (WHERE sex = 'Female') - 35.5) < 0.3,
		  'shares are those of the documentation') FROM census;
-- education, age and hours being the same, women and black people earn more than 50K less often
SELECT ok(avg((income = '>50K')::int) FILTER (WHERE sex = 'Male') > 1.5 * avg((income = '>50K')::int) FILTER (WHERE sex = 'Female') AND
		  avg((income = '>50K')::int) FILTER (WHERE race = 'White') > 1.2 * avg((income = '>50K')::int) FILTER (WHERE race = 'Black'),
		  'income is unfair to women and to black people')
FROM census WHERE education = 'bachelor' AND age > 30 AND hours BETWEEN 37 AND 43;
SELECT * FROM finish();
ROLLBACK;
