-- The tables of README.md, into the folder `:out`, each line with the name of its table: means over seeds with the least and the most of any; what adversarial
-- training changes, from pairs of classifiers of the same seed, with the 95 % interval of Student's t; and whether the paper says so, too.

CREATE OR REPLACE TEMP VIEW luf AS          -- Table III, and the robust classifiers once more beside the standard ones of as many steps
SELECT *, CASE varied WHEN 'seed' THEN ' of other seeds' ELSE '' END AS kind, training AS trained FROM table3
UNION ALL
SELECT *, ', standard of as many steps', split_part(training, ', ', 1) FROM table3 WHERE varied = 'row' AND training IN ('robust', 'standard, longer');

CREATE OR REPLACE TEMP VIEW grouped AS      -- Tables IV and V have the confidence in one class, whichever is the true one
SELECT item, 'confidence in >50K, true class ' || given || ', ' || grp AS quantity, training, seed, CASE given WHEN '>50K' THEN confidence ELSE 1 - confidence END AS confidence
FROM (SELECT 'Table IV' AS item, * FROM table4 UNION ALL SELECT 'Table V', * FROM table5) c;

CREATE OR REPLACE TEMP VIEW measured AS     -- one number for each classifier
SELECT 'Fig. 1' AS item, 1 AS place, data_set || ': accuracy' AS quantity, training, seed, accuracy AS value FROM cau
UNION ALL SELECT 'Fig. 1', 2, data_set || ': CAU', training, seed, cau FROM cau
UNION ALL SELECT 'Fig. 2', 3, data_set || ': mean least eps', training, seed, least_eps FROM cru_eps
UNION ALL SELECT 'Fig. 2', 4, data_set || ': CRU_eps', training, seed, cru_eps FROM cru_eps
UNION ALL SELECT 'Table I', 5, 'CIFAR-10, ' || threat || ': accuracy at eps ' || eps, training, seed, accuracy FROM cru_cifar
UNION ALL SELECT 'Table I', 6, 'CIFAR-10, ' || threat || ': CRU_s at eps ' || eps, training, seed, cru_s FROM cru_cifar
UNION ALL SELECT 'Table II', 7, 'Adult, ' || threat || ': accuracy at eps ' || eps, training, seed, accuracy FROM cru_adult
UNION ALL SELECT 'Table II', 8, 'Adult, ' || threat || ': CRU_s at eps ' || eps, training, seed, cru_s FROM cru_adult
UNION ALL SELECT 'Table III', 9, data_set || ': LUF' || kind, trained, seed, luf FROM luf
UNION ALL SELECT 'Table III', 10, data_set || ': LUF_t' || kind, trained, seed, luf_t FROM luf
UNION ALL SELECT 'Table III', 11, data_set || ': LUF_l' || kind, trained, seed, luf_l FROM luf
UNION ALL SELECT 'Table IV', 12, 'EOU by sex, true class ' || given, training, seed, eou FROM eou_sex
UNION ALL SELECT 'Table V', 12, 'EOU by race, true class ' || given, training, seed, eou FROM eou_race
UNION ALL SELECT item, 13, quantity, training, seed, confidence FROM grouped;

-- All that the paper prints, per cent as fractions. Its success rates stand with attacks on the classifier itself: README.md says why. Its LUF_t counts 100 classifiers.
CREATE OR REPLACE TEMP VIEW published (quantity, paper_standard, paper_robust) AS
VALUES ('CIFAR-10: accuracy', 0.7196, 0.7243), ('CIFAR-10: CAU', 0.286, 0.344), ('Adult: accuracy', 0.7953, 0.7937), ('Adult: CAU', 0.0195, 0.0205),
       ('CIFAR-10: CRU_eps', 0.0014, 0.005),
       ('CIFAR-10, static: accuracy at eps 0.01', 0.0424, 0.8312), ('Adult, static: accuracy at eps 10', 0.143, 0.9637),
       ('CIFAR-10, white box: CRU_s at eps 0.01', 0.1343, 0.2585), ('CIFAR-10, white box: CRU_s at eps 0.012', 0.0845, 0.1627),
       ('CIFAR-10, white box: CRU_s at eps 0.014', 0.0471, 0.1056),
       ('Adult, white box: CRU_s at eps 10', 0.0611, 0.1866), ('Adult, white box: CRU_s at eps 15', 0.1081, 0.2338), ('Adult, white box: CRU_s at eps 20', 0.107, 0.2272),
       ('CIFAR-10 few: LUF', 0.7694, 0.7945), ('CIFAR-10 few: LUF_t', 29.26, 29.35), ('CIFAR-10 few: LUF_l', 2926.1, 2934.89),
       ('EOU by sex, true class <=50K', 0.074, 0.080), ('EOU by sex, true class >50K', 0.091, 0.094),
       ('confidence in >50K, true class <=50K, Male', 0.272, 0.248), ('confidence in >50K, true class <=50K, Female', 0.198, 0.168),
       ('confidence in >50K, true class >50K, Male', 0.717, 0.762), ('confidence in >50K, true class >50K, Female', 0.626, 0.668),
       ('EOU by race, true class <=50K', 0.052, 0.094), ('EOU by race, true class >50K', 0.067, 0.123),
       ('confidence in >50K, true class <=50K, White', 0.255, 0.233), ('confidence in >50K, true class >50K, White', 0.706, 0.754),
       ('confidence in >50K, true class <=50K, Asian-Pac-Islander', 0.24, 0.242), ('confidence in >50K, true class >50K, Asian-Pac-Islander', 0.688, 0.763),
       ('confidence in >50K, true class <=50K, Amer-Indian-Eskimo', 0.21, 0.148), ('confidence in >50K, true class >50K, Amer-Indian-Eskimo', 0.65, 0.64),
       ('confidence in >50K, true class <=50K, Black', 0.203, 0.159), ('confidence in >50K, true class >50K, Black', 0.639, 0.658),
       ('confidence in >50K, true class <=50K, Other', 0.215, 0.149), ('confidence in >50K, true class >50K, Other', 0.657, 0.642);

-- Student's t: the quantile 0.975 for so many pairs.
CREATE OR REPLACE TEMP VIEW student (pairs, t) AS VALUES (2, 12.706), (3, 4.303), (4, 3.182), (5, 2.776), (6, 2.571), (7, 2.447), (8, 2.365), (9, 2.306), (10, 2.262);

CREATE OR REPLACE TEMP VIEW change AS
SELECT item, place, quantity, count(*) AS pairs, avg(standard) AS standard, min(standard) AS standard_least, max(standard) AS standard_most,
       avg(robust) AS robust, min(robust) AS robust_least, max(robust) AS robust_most,
       avg(robust - standard) AS change, stddev_samp(robust - standard) / sqrt(count(*)) AS standard_error, count(*) FILTER (WHERE robust > standard) AS rises
FROM (SELECT item, s.place, quantity, seed, s.value AS standard, r.value AS robust
      FROM measured s JOIN measured r USING (item, quantity, seed) WHERE s.training = 'standard' AND r.training = 'robust') pair
GROUP BY item, place, quantity;

CREATE OR REPLACE FUNCTION pg_temp.shown(x float8) RETURNS text LANGUAGE sql
RETURN CASE WHEN abs(x) < 10 THEN round(x::numeric, 4) ELSE round(x::numeric, 1) END;

CREATE OR REPLACE TEMP VIEW line AS
SELECT item, place, quantity,
       format('| %s | %s (%s to %s) | %s (%s to %s) | %s%s; rises in %s of %s | %s | %s | %s |', quantity,
              pg_temp.shown(standard), pg_temp.shown(standard_least), pg_temp.shown(standard_most),
              pg_temp.shown(robust), pg_temp.shown(robust_least), pg_temp.shown(robust_most),
              pg_temp.shown(change), ' (' || pg_temp.shown(change - half) || ' to ' || pg_temp.shown(change + half) || ')', rises, pairs, paper_standard, paper_robust,
              CASE WHEN paper_standard IS NULL THEN '' WHEN (paper_robust > paper_standard) = (change > 0) THEN 'yes' ELSE 'no' END
              || CASE WHEN paper_standard IS NOT NULL AND abs(change) <= half THEN ', but may be chance' ELSE '' END) AS line
FROM (SELECT *, t * standard_error AS half FROM change LEFT JOIN student USING (pairs)) c LEFT JOIN published USING (quantity);

-- Two classifiers of one seed on the same rows, with the interval of the paired bootstrap.
CREATE OR REPLACE TEMP VIEW pair (item, quantity, seed, standard, robust, difference, ci_low, ci_high) AS
SELECT 'Fig. 1, pair by pair', data_set || ': CAU', seed, standard, robust, difference, ci_low, ci_high FROM cau_pair
UNION ALL SELECT 'Table IV, pair by pair', 'EOU by sex, true class ' || given, seed, standard, robust, difference, ci_low, ci_high FROM eou_sex_pair
UNION ALL SELECT 'Table V, pair by pair', 'EOU by race, true class ' || given, seed, standard, robust, difference, ci_low, ci_high FROM eou_race_pair;

CREATE OR REPLACE TEMP VIEW heading (item, line) AS
SELECT item, unnest(ARRAY['| | standard | robust | robust - standard | paper: standard | robust | same direction |', '|---|---|---|---|---|---|---|']) FROM change GROUP BY item
UNION ALL
SELECT item, unnest(ARRAY['| | seed | standard | robust | robust - standard | |', '|---|---|---|---|---|---|']) FROM pair GROUP BY item
UNION ALL
SELECT 'Table III, cost', unnest(ARRAY['| | training | rows left out | seconds for each model |', '|---|---|---|---|']);

\pset format unaligned
\pset fieldsep '\t'
\pset tuples_only on
SELECT item, line FROM (
    SELECT item, 0 AS place, '' AS quantity, 0 AS seed, line FROM heading
    UNION ALL SELECT item, place, quantity, 0, line FROM line
    UNION ALL SELECT 'Table I', 6, quantity, 0, format('| %s | not run | not run | | %s | %s | |', quantity, paper_standard, paper_robust)
              FROM published WHERE quantity LIKE 'CIFAR-10, white box: CRU_s%' AND quantity NOT IN (SELECT quantity FROM line)
    UNION ALL SELECT item, 1, quantity, seed, format('| %s | %s | %s | %s | %s (%s to %s) | %s |', quantity, seed, pg_temp.shown(standard), pg_temp.shown(robust),
                     pg_temp.shown(difference), pg_temp.shown(ci_low), pg_temp.shown(ci_high),
                     CASE WHEN ci_low > 0 THEN 'rises' WHEN ci_high < 0 THEN 'falls' ELSE 'may be chance' END) FROM pair
    UNION ALL SELECT 'Table III, cost', 1, data_set, 0, format('| %s | %s | %s | %s to %s |', data_set, training, left_out, round(min(seconds / left_out)::numeric, 2), round(max(seconds / left_out)::numeric, 2))
              FROM table3 GROUP BY data_set, training, left_out) l
ORDER BY item, place, quantity, seed, line COLLATE "C" \g :out/tables.tsv
\pset format aligned
\pset tuples_only off
