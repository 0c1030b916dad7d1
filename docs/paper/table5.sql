-- Table V and Figure 6: the same between races. D_0 are the test people who earn at most 50,000 dollars, D_1 those who earn
-- more; the classifier's mean confidence in the true class is compared between groups.

CREATE TABLE IF NOT EXISTS table5 AS
SELECT training, seed, given, c.grp, c.confidence, c.n
FROM tested, unnest('{<=50K,>50K}'::text[]) AS given, advfair_group_confidence(model, 'adult_test', 'race', class => given, given => given) AS c
WHERE data_set = 'Adult';

CREATE TABLE IF NOT EXISTS eou_race AS
SELECT training, seed, given, max(confidence) - min(confidence) AS eou FROM table5 GROUP BY training, seed, given;

SELECT given, training, round(avg(eou)::numeric, 4) AS eou, count(*) AS seeds FROM eou_race GROUP BY given, training ORDER BY 1, 2 DESC;

-- Could the test people have been luckier for one of two classifiers? The two of each seed on the same people, with the interval of a paired
-- bootstrap.
CREATE TABLE IF NOT EXISTS eou_race_pair AS
SELECT given, seed, c.a AS standard, c.b AS robust, c.difference, c.ci_low, c.ci_high
FROM tested s JOIN tested r USING (data_set, seed, test), unnest('{<=50K,>50K}'::text[]) AS given,
     advfair_compare(s.model, r.model, test, protected => '{race}', given => given) AS c
WHERE data_set = 'Adult' AND s.training = 'standard' AND r.training = 'robust' AND c.metric = 'eou';
