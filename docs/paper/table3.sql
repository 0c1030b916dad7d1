-- Table III: leave-one-out unfairness. Each classifier is trained again and again, each time without one row, all else (seed, initial weights, order
-- of the other rows) being the same: how far do the probabilities of test rows move? As a measure of what that means, the same number
-- of classifiers is trained on all rows with other seeds ("seed"). Robust training has twice the rows, and so twice the steps: for comparison,
-- standard classifiers of twice the epochs ("standard, longer"). Both of these are done with one seed where a model takes long.

INSERT INTO classifier
SELECT data_set, 'standard, longer', seed, name, advfair_submit(task || jsonb_build_object('kind', 'train', 'model', name, 'epochs', 2 * (task -> 'epochs')::int))
FROM wanted, format('%s longer %s', data_set, seed) AS name
WHERE (data_set = 'Adult' OR data_set = 'CIFAR-10 few' AND seed = 0) AND NOT EXISTS (SELECT FROM classifier c WHERE c.model = name);

SELECT state, count(*) AS trainings FROM classifier, advfair_wait(job) AS state WHERE training = 'standard, longer' GROUP BY state;

CREATE TABLE IF NOT EXISTS luf_run (
    data_set text,
    training text,
    seed     int,
    varied   text,     -- row or seed
    made     text,     -- the table with a row for each test row
    job      bigint,
    PRIMARY KEY (data_set, training, seed, varied)
);

INSERT INTO luf_run
SELECT data_set, training, seed, varied, name, advfair_submit(jsonb_build_object('kind', 'luf', 'model', model, 'into', name, 'vary_seed', varied = 'seed',
    'data', CASE data_set WHEN 'Adult' THEN 'adult_test' ELSE 'cifar10_test' END,
    'leave_out', CASE data_set WHEN 'Adult' THEN :people_left_out ELSE :images_left_out END))
FROM classifier, unnest('{row,seed}'::text[]) AS varied,
     lower(format('luf_%s_%s_%s_%s', split_part(data_set, '-', 1), split_part(training, ', ', -1), seed, varied)) AS name
WHERE data_set <> 'CIFAR-10' AND (varied = 'row' OR training <> 'standard, longer') AND (varied = 'row' OR data_set = 'Adult' OR seed = 0)
  AND NOT EXISTS (SELECT FROM luf_run r WHERE r.made = name);

SELECT state, count(*) AS runs FROM luf_run, advfair_wait(job) AS state GROUP BY state;

-- LUF is the mean over test rows of the largest change of a probability; LUF_t the mean number of classifiers that predict another class for a row,
-- LUF_l the mean number of rows that get another class from a classifier.
DROP TABLE IF EXISTS table3;
CREATE TABLE table3 (data_set text, training text, seed int, varied text, luf float8, luf_t float8, luf_l float8, left_out bigint, n bigint, seconds float8);
SELECT format('INSERT INTO table3 SELECT %L, %L, %s, %L, avg(luf), avg(changed), sum(changed)::float8 / max(left_out), max(left_out), count(*), %s FROM %I',
              data_set, training, seed, varied, extract(epoch FROM finished_at - started_at), made)
FROM luf_run JOIN advfair_job USING (job) WHERE state = 'succeeded' \gexec

SELECT data_set, training, varied, round(avg(luf)::numeric, 5) AS luf, round(avg(luf_t)::numeric, 4) AS luf_t, round(avg(luf_l)::numeric, 2) AS luf_l, count(*) AS seeds,
       round((avg(seconds) / avg(left_out))::numeric, 2) AS seconds_for_each_model
FROM table3 GROUP BY data_set, training, varied ORDER BY 1, 2 DESC, 3;
