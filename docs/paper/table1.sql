-- Table I and Figure 3, CIFAR-10: how often an attack succeeds in each class, and the gap between classes, CRU_s. Once as the paper must have measured
-- accuracy under attack, with test images that were crafted on the standard classifier and are kept ("static"), and once against the classifier
-- itself ("white box"), which its success rates most likely are (README.md). For the standard classifier the two are the same. The paper has eps 0.01, 0.012 and 0.014.

CREATE TABLE IF NOT EXISTS table1 AS
SELECT 'white box' AS threat, training, seed, r.eps, r.class, r.success_rate, r.accuracy, r.n
FROM tested, advfair_class_robustness(model, test, :'image_eps') AS r
WHERE data_set = 'CIFAR-10'
UNION ALL
SELECT 'static', t.training, t.seed, r.eps, r.class, r.success_rate, r.accuracy, r.n
FROM tested t JOIN tested s USING (data_set, seed), advfair_class_robustness(t.model, t.test, :'image_eps', craft_on => s.model) AS r
WHERE data_set = 'CIFAR-10' AND s.training = 'standard';

CREATE TABLE IF NOT EXISTS cru_cifar AS
SELECT threat, training, seed, eps, sum(accuracy * n) / sum(n) AS accuracy, max(success_rate) - min(success_rate) AS cru_s
FROM table1 GROUP BY threat, training, seed, eps;

SELECT threat, eps, training, round(avg(accuracy)::numeric, 4) AS accuracy_under_attack, round(avg(cru_s)::numeric, 4) AS cru_s, count(*) AS seeds
FROM cru_cifar GROUP BY threat, eps, training ORDER BY 1, 2, 3 DESC;
