-- How often the 95 % intervals of advfair_gap_interval cover the truth: for each kind of data, 1,000 samples of a population whose
-- gap is known, 1,000 replicates each. The share must lie between 92 % and 98 %; the script ends with an error if not.
--
--     tools/with-server.sh -- psql -X -v ON_ERROR_STOP=1 -f bench/coverage.sql          (a quarter of a minute)
--
-- The groups differ clearly. Where the largest or smallest mean is shared by several groups, a gap is biased upwards, in the
-- sample and again in the replicates, and no such promise can be made: the last line shows it, and is not judged.

CREATE EXTENSION IF NOT EXISTS advfair;
SET client_min_messages = warning;
SELECT setseed(0.2026) \g /dev/null

-- a population: each group's share of the rows and mean; a value is 0 or 1, or a power of a uniform number (skewed, mean 1 / (1 + power))
CREATE TEMP TABLE population (kind text, size int, judged boolean, grp text, share float8, mean float8, skewed boolean);
INSERT INTO population VALUES
	('accuracy, 2 classes, 300 rows', 300, true, 'a', 0.75, 0.90, false),
	('accuracy, 2 classes, 300 rows', 300, true, 'b', 0.25, 0.70, false),
	('accuracy, 3 classes, 1000 rows', 1000, true, 'a', 0.2, 0.95, false),
	('accuracy, 3 classes, 1000 rows', 1000, true, 'b', 0.2, 0.80, false),
	('accuracy, 3 classes, 1000 rows', 1000, true, 'c', 0.6, 0.60, false),
	('skewed confidence, 2 groups, 500 rows', 500, true, 'a', 0.15, 0.50, true),
	('skewed confidence, 2 groups, 500 rows', 500, true, 'b', 0.85, 0.20, true),
	('no difference, 2 groups, 300 rows', 300, false, 'a', 0.5, 0.80, false),
	('no difference, 2 groups, 300 rows', 300, false, 'b', 0.5, 0.80, false);

CREATE TEMP TABLE truth AS SELECT kind, size, judged, max(mean) - min(mean) AS gap FROM population GROUP BY kind, size, judged;

-- one row of a sample: its group by share, its value by mean
CREATE TEMP TABLE coverage AS
WITH ladder AS (
	SELECT *, sum(share) OVER (PARTITION BY kind ORDER BY grp) AS upto FROM population
), sample AS (
	SELECT t.kind, s, array_agg(CASE WHEN p.skewed THEN power(random(), 1 / p.mean - 1) ELSE (random() < p.mean)::int END) AS v,
		   array_agg(p.grp) AS g
	FROM truth t, generate_series(1, 1000) s, generate_series(1, t.size) row,
		 LATERAL (SELECT * FROM ladder l WHERE l.kind = t.kind AND (row - 0.5) / t.size < l.upto ORDER BY l.upto LIMIT 1) p
	GROUP BY t.kind, s
)
SELECT t.kind, t.judged, t.gap, avg((t.gap BETWEEN i.ci_low AND i.ci_high)::int) AS covered, avg(i.gap) AS mean_gap,
	   avg(i.ci_high - i.ci_low) AS mean_width
FROM sample, LATERAL advfair_gap_interval(v, g, seed => s) i JOIN truth t ON true
WHERE t.kind = sample.kind
GROUP BY t.kind, t.judged, t.gap;

SELECT kind, round(gap::numeric, 3) AS truth, round(mean_gap::numeric, 3) AS mean_gap, round(mean_width::numeric, 3) AS mean_width,
	   round(covered, 3) AS covered, CASE WHEN judged THEN covered BETWEEN 0.92 AND 0.98 END AS passed
FROM coverage ORDER BY judged DESC, kind;

DO $$
BEGIN
	IF EXISTS (SELECT FROM coverage WHERE judged AND covered NOT BETWEEN 0.92 AND 0.98) THEN
		RAISE EXCEPTION 'intervals cover the truth too rarely or too often';
	END IF;
END $$;
