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
\echo 'On people it has not seen. Class-wise accuracy unfairness (CAU) is the gap between best and worst class. 0.04 means:'
\echo 'of 100 people of the worse class, 4 more are misjudged than of 100 of the better one.'
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
\echo 'is the largest difference between two groups in the mean confidence for a class, given the true one. 0 is fair; 0.2'
\echo 'means: with the same truth, one group is thought 20 points of 100 more likely to be rich. No number parts fair from'
\echo 'unfair, that depends on what is decided. But a gap between few people may be chance: make demo puts intervals on a page.'
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

\echo '6. How easily is it fooled?'
\echo '---------------------------'
\echo 'An attack (PGD) moves a person''s numbers a little, in the direction that hurts most. How little is enough? The'
\echo 'model sees raw values: eps 1 is one year of age, one hour of work, or one dollar. Categories are numbers, too, in the'
\echo 'order of the alphabet: eps 1 also turns Female into Male, and a smaller eps into something between. (mutable says what'
\echo 'may change; with feasible => true only values that exist count.)'
\echo
\set ECHO queries
SELECT label, round(avg(eps)::numeric, 2) AS mean_least_eps,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY eps)::numeric, 2) AS median
FROM advfair_least_eps('adult', 'adult_test', eps_max => 20) GROUP BY label ORDER BY label;
\set ECHO none
\echo 'Class-wise robustness unfairness (CRU) is the gap between the classes in how often an attack succeeds.'
\echo
\set ECHO queries
SELECT eps, round(advfair_cru('adult', 'adult_test', eps => eps)::numeric, 3) AS cru
FROM unnest('{0.25,0.5,1}'::float8[]) AS eps;
\set ECHO none

\echo '7. Train a robust one, and look twice'
\echo '-------------------------------------'
\echo 'The paper''s way: attack the standard model once, add the adversarial people to the training rows, train anew.'
\echo
\set ECHO queries
SELECT model, version, round(accuracy::numeric, 3) AS accuracy, round(seconds::numeric, 1) AS seconds
FROM advfair_adv_train(model => 'robust', data => 'adult_train', label => 'income', source => 'adult', eps => 10,
                       oversample => 'balance', seed => 0);
\set ECHO none
\echo 'On test people that were attacked on the standard model it looks invincible. Attacked itself, it is not: it has'
\echo 'learned what the examples of one model look like. Fairness of robustness is worth measuring the second way.'
\echo
\set ECHO queries
SELECT 'standard' AS model, 'white-box' AS attack, round(avg((prediction = label)::int), 3) AS clean,
       round(avg((adversarial = label)::int), 3) AS under_attack
FROM advfair_pgd('adult', 'adult_test', eps => 10)
UNION ALL
SELECT 'robust', 'crafted on standard', round(avg((prediction = label)::int), 3), round(avg((adversarial = label)::int), 3)
FROM advfair_pgd('robust', 'adult_test', eps => 10, craft_on => 'adult')
UNION ALL
SELECT 'robust', 'white-box', round(avg((prediction = label)::int), 3), round(avg((adversarial = label)::int), 3)
FROM advfair_pgd('robust', 'adult_test', eps => 10);
\set ECHO none

\echo '8. What hangs on a single person?'
\echo '---------------------------------'
\echo 'Leave-one-out unfairness (LUF): train again without one person, and see whose probabilities move, and by how much.'
\echo 'seed_luf is the same for models that differ in the seed alone. (Five people here; it takes hundreds to be sure.)'
\echo
\set ECHO queries
SELECT round(luf::numeric, 3) AS luf, round(luf_t::numeric, 3) AS luf_t, round(luf_l::numeric, 1) AS luf_l,
       round(seed_luf::numeric, 3) AS seed_luf, left_out, n AS people
FROM advfair_luf_summary('adult', 'adult_test', leave_out => 5);
\set ECHO none
