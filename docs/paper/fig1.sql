-- Figure 1 and CAU: how often the classifiers are right about each class, and the gap between the best and the worst class.

CREATE TABLE IF NOT EXISTS fig1 AS
SELECT data_set, training, seed, a.class, a.accuracy, a.n
FROM tested, advfair_class_accuracy(model, test) AS a;

CREATE TABLE IF NOT EXISTS cau AS
SELECT data_set, training, seed, sum(accuracy * n) / sum(n) AS accuracy, max(accuracy) - min(accuracy) AS cau
FROM fig1 GROUP BY data_set, training, seed;

SELECT data_set, training, round(avg(accuracy)::numeric, 4) AS accuracy, round(avg(cau)::numeric, 4) AS cau, count(*) AS seeds
FROM cau GROUP BY data_set, training ORDER BY 1, 2 DESC;
