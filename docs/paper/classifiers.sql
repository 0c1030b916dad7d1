-- Section 4: the standard and the robust classifiers, with several seeds. Trainings are jobs: what was interrupted goes on.

CREATE TABLE IF NOT EXISTS classifier (
    data_set text,     -- Adult, CIFAR-10, or CIFAR-10 few: the images of Table III
    training text,     -- standard or robust; in Table III also standard, longer
    seed     int,
    model    text,
    job      bigint,
    PRIMARY KEY (data_set, training, seed)
);

-- What is trained: the tabular network on ordinal codes with the smaller class repeated, the convolutional network on images.
CREATE OR REPLACE VIEW wanted AS
SELECT data_set, seed, task || jsonb_build_object('seed', seed, 'epochs', :epochs) AS task, eps
FROM (VALUES
    ('Adult', :'adult_seeds'::int[], '{"data": "adult_train", "label": "income", "encoding": "ordinal", "oversample": "balance"}'::jsonb, 10),
    ('CIFAR-10', :'cifar_seeds', '{"data": "cifar10_train", "label": "label", "input_shape": [3, 32, 32]}', 0.01),
    ('CIFAR-10 few', :'cifar_seeds', '{"data": "cifar10_few", "label": "label", "input_shape": [3, 32, 32]}', 0.01)
) AS d (data_set, seeds, task, eps), unnest(seeds) AS seed;

INSERT INTO classifier
SELECT data_set, 'standard', seed, name, advfair_submit(task || jsonb_build_object('kind', 'train', 'model', name))
FROM wanted, format('%s standard %s', data_set, seed) AS name
WHERE NOT EXISTS (SELECT FROM classifier c WHERE c.model = name);

SELECT state, count(*) AS trainings FROM classifier, advfair_wait(job) AS state WHERE training = 'standard' GROUP BY state;

-- Robust, as the paper makes them: attack the standard classifier once, and train a new one on rows and adversarial rows.
INSERT INTO classifier
SELECT data_set, 'robust', seed, name, advfair_submit(task || jsonb_build_object('kind', 'adv_train', 'method', 'merged', 'model', name, 'eps', eps,
                                                                               'source', format('%s standard %s', data_set, seed)))
FROM wanted, format('%s robust %s', data_set, seed) AS name
WHERE NOT EXISTS (SELECT FROM classifier c WHERE c.model = name);

SELECT state, count(*) AS trainings FROM classifier, advfair_wait(job) AS state WHERE training = 'robust' GROUP BY state;

-- What came of it. The test rows are those of the data set.
CREATE OR REPLACE VIEW tested AS
SELECT c.*, CASE data_set WHEN 'Adult' THEN 'adult_test' ELSE 'cifar10_test' END AS test
FROM classifier c JOIN advfair_job j USING (job) WHERE j.state = 'succeeded' AND data_set <> 'CIFAR-10 few' AND training IN ('standard', 'robust');

SELECT data_set, training, seed, state, message FROM classifier JOIN advfair_jobs USING (job) WHERE state <> 'succeeded';
