-- A first look at advfair: train a classifier on people's incomes, then ask how fair it is.
--
--   make demo                                 in a throw-away server
--   psql -v data=data -f examples/demo.sql    in a database of your own, after `make data` and CREATE EXTENSION
--
-- Without the Adult data set, -v synthetic=1 runs the same on made-up people.

\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset border 1
\pset linestyle unicode
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS advfair;

\echo
\echo '1. The data'
\echo '-----------'
\if :{?synthetic}
    \echo 'The Adult data set is not here: these people are made up by advfair_make_census, not real.'
    DROP TABLE IF EXISTS adult_train, adult_test, demographics;
    CREATE TABLE adult_train AS SELECT * FROM advfair_make_census(20000, 0) WHERE person_id % 4 <> 0;
    CREATE TABLE adult_test AS SELECT * FROM advfair_make_census(20000, 0) WHERE person_id % 4 = 0;
    ALTER TABLE adult_train ADD PRIMARY KEY (person_id);
    ALTER TABLE adult_test ADD PRIMARY KEY (person_id);
    CREATE TABLE demographics AS SELECT person_id, race, sex FROM adult_test;
\else
    \if :{?data}
    \else
        \getenv data ADVFAIR_DATA
    \endif
    \echo 'Adult: people of the US census of 1994, and whether they earned more than 50,000 dollars a year.'
    \ir adult.sql
\endif
RESET client_min_messages;
\echo

\set ECHO queries
SELECT 'adult_train' AS "table", income, count(*) AS people FROM adult_train GROUP BY income
UNION ALL
SELECT 'adult_test', income, count(*) FROM adult_test GROUP BY income
ORDER BY 1 DESC, 2;
\set ECHO none

\echo '2. Train'
\echo '--------'
\echo 'Every column but the label and the primary key is a feature. The classes are unequal, so the smaller one is'
\echo 'oversampled. The model is stored in the table advfair_model, as version 1 of its name.'
\echo
\set ECHO queries
SELECT model, version, epochs, round(loss::numeric, 3) AS loss, round(accuracy::numeric, 3) AS accuracy,
       round(seconds::numeric, 1) AS seconds
FROM advfair_train(model => 'adult', data => 'adult_train', label => 'income', encoding => 'ordinal',
                   oversample => 'balance', seed => 0);
\set ECHO none

\echo '3. How good is it, and for which class?'
\echo '---------------------------------------'
\echo 'On people it has not seen. Class-wise accuracy unfairness (CAU) is the gap between best and worst class.'
\echo
\set ECHO queries
SELECT COALESCE(class, 'all') AS class, round((sum(accuracy * n) / sum(n))::numeric, 3) AS accuracy, sum(n) AS n
FROM advfair_class_accuracy('adult', 'adult_test')
GROUP BY ROLLUP (class) ORDER BY class NULLS LAST;
SELECT round(advfair_cau('adult', 'adult_test')::numeric, 3) AS cau;
\set ECHO none

\echo '4. Is it fair to everybody?'
\echo '---------------------------'
\echo 'Of people who in truth earn little, whom does the model still take for rich? Equalized-odds unfairness (EOU)'
\echo 'is the largest difference between two groups in the mean confidence for a class, given the true one.'
\echo
\set ECHO queries
SELECT attribute, given, round(advfair_eou(model => 'adult', data => 'adult_test', attribute => attribute,
                                           class => '>50K', given => given)::numeric, 3) AS eou
FROM (VALUES ('sex'), ('race')) AS a (attribute), (VALUES ('<=50K'), ('>50K')) AS g (given);
\set ECHO none

\echo '5. Models are values, so they join'
\echo '----------------------------------'
\echo 'Race and sex may live in a table of their own. A model is a bytea; it predicts row by row in any query.'
\echo
\set ECHO queries
SELECT d.sex, d.race, count(*) AS people,
       round(avg(advfair_confidence(model, t, '>50K'))::numeric, 3) AS confidence,
       round(avg((t.income = '>50K')::int), 3) AS truth
FROM adult_test t JOIN demographics d USING (person_id), advfair_get('adult') AS model
GROUP BY d.sex, d.race
ORDER BY confidence DESC;
\set ECHO none
