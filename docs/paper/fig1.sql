-- Figure 1 and CAU: how often the classifiers are right about each class, and the gap between the best and the worst class.

CREATE TABLE IF NOT EXISTS fig1 AS
SELECT data_set, training, seed, a.class, a.accuracy, a.n
FROM tested, advfair_class_accuracy(model, test) AS a;

CREATE TABLE IF NOT EXISTS cau AS
SELECT data_set, training, seed, sum(accuracy * n) / sum(n) AS accuracy, max(accuracy) - min(accuracy) AS cau
FROM fig1 GROUP BY data_set, training, seed;

SELECT data_set, training, round(avg(accuracy)::numeric, 4) AS accuracy, round(avg(cau)::numeric, 4) AS cau, count(*) AS seeds
FROM cau GROUP BY data_set, training ORDER BY 1, 2 DESC;

-- Could the test rows have been luckier for one of two classifiers? The two of each seed on the same rows, with the interval of a paired bootstrap.
CREATE TABLE IF NOT EXISTS cau_pair AS
SELECT data_set, seed, c.a AS standard, c.b AS robust, c.difference, c.ci_low, c.ci_high
FROM tested s JOIN tested r USING (data_set, seed, test), advfair_compare(s.model, r.model, test) AS c
WHERE s.training = 'standard' AND r.training = 'robust' AND c.metric = 'cau';
