-- Figure 2 and CRU_eps: the mean of the least eps with which an attack on a row succeeds, for each class, and the gap between classes. White box:
-- each classifier is attacked itself. Rows that are misclassified anyway count as 0.

CREATE TABLE IF NOT EXISTS fig2 AS
SELECT data_set, training, seed, l.class, l.least_eps, l.censored, l.n
FROM tested, advfair_class_least_eps(model, test, eps_max => CASE data_set WHEN 'Adult' THEN 40 ELSE 0.1 END::float8) AS l;

CREATE TABLE IF NOT EXISTS cru_eps AS
SELECT data_set, training, seed, sum(least_eps * n) / sum(n) AS least_eps, max(least_eps) - min(least_eps) AS cru_eps, sum(censored) AS censored
FROM fig2 GROUP BY data_set, training, seed;

SELECT data_set, training, round(avg(least_eps)::numeric, 4) AS least_eps, round(avg(cru_eps)::numeric, 4) AS cru_eps, sum(censored) AS censored, count(*) AS seeds
FROM cru_eps GROUP BY data_set, training ORDER BY 1, 2 DESC;
