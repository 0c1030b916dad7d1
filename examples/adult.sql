-- Loads Adult (Census Income) with psql alone, as an ordinary user.
--
--   make data
--   psql -f examples/adult.sql                      reads data/adult/adult.data and adult.test
--   psql -v data=/some/where -f examples/adult.sql  reads /some/where/adult/...
--
-- Makes adult_train (30,162 rows), adult_test (15,060 rows) and demographics, the race and sex of the test
-- persons in a table of their own, for joins. Rows with a missing value ('?') are left out, as is usual.

\set ON_ERROR_STOP on
\if :{?data}
\else
    \set data data
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
DROP TABLE IF EXISTS adult_train, adult_test, demographics;

-- The files are not quite CSV: blanks after the commas, a first line that is no data, empty lines, class names
-- that end with a dot. So lines are read whole (delimiter and quote never occur) and taken apart here.
CREATE TEMP TABLE adult_line (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    train   boolean NOT NULL DEFAULT true,
    line    text
) ON COMMIT DROP;

-- \copy takes no variables, \cd does.
\set back `pwd`
\cd :data
\copy adult_line (line) FROM 'adult/adult.data' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
ALTER TABLE adult_line ALTER COLUMN train SET DEFAULT false;
\copy adult_line (line) FROM 'adult/adult.test' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
\cd :back

CREATE TABLE adult_train (
    person_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    age            int  NOT NULL,
    workclass      text NOT NULL,
    fnlwgt         int  NOT NULL,
    education      text NOT NULL,
    education_num  int  NOT NULL,
    marital_status text NOT NULL,
    occupation     text NOT NULL,
    relationship   text NOT NULL,
    race           text NOT NULL,
    sex            text NOT NULL,
    capital_gain   int  NOT NULL,
    capital_loss   int  NOT NULL,
    hours_per_week int  NOT NULL,
    native_country text NOT NULL,
    income         text NOT NULL CHECK (income IN ('<=50K', '>50K'))
);
CREATE TABLE adult_test (LIKE adult_train INCLUDING ALL);

CREATE TEMP VIEW adult_person AS
SELECT line_no, train, f[1]::int AS age, f[2] AS workclass, f[3]::int AS fnlwgt, f[4] AS education,
       f[5]::int AS education_num, f[6] AS marital_status, f[7] AS occupation, f[8] AS relationship, f[9] AS race,
       f[10] AS sex, f[11]::int AS capital_gain, f[12]::int AS capital_loss, f[13]::int AS hours_per_week,
       f[14] AS native_country, rtrim(f[15], '.') AS income
FROM adult_line, regexp_split_to_array(btrim(line, E' \t\r'), '\s*,\s*') AS f
WHERE cardinality(f) = 15 AND NOT '?' = ANY (f);

INSERT INTO adult_train (age, workclass, fnlwgt, education, education_num, marital_status, occupation, relationship,
                         race, sex, capital_gain, capital_loss, hours_per_week, native_country, income)
SELECT age, workclass, fnlwgt, education, education_num, marital_status, occupation, relationship,
       race, sex, capital_gain, capital_loss, hours_per_week, native_country, income
FROM adult_person WHERE train ORDER BY line_no;

INSERT INTO adult_test (age, workclass, fnlwgt, education, education_num, marital_status, occupation, relationship,
                        race, sex, capital_gain, capital_loss, hours_per_week, native_country, income)
SELECT age, workclass, fnlwgt, education, education_num, marital_status, occupation, relationship,
       race, sex, capital_gain, capital_loss, hours_per_week, native_country, income
FROM adult_person WHERE NOT train ORDER BY line_no;

DROP VIEW adult_person;

CREATE TABLE demographics (
    person_id bigint PRIMARY KEY REFERENCES adult_test,
    race      text NOT NULL,
    sex       text NOT NULL
);
INSERT INTO demographics SELECT person_id, race, sex FROM adult_test;

DO $$
DECLARE
    n_train bigint := (SELECT count(*) FROM adult_train);
    n_test  bigint := (SELECT count(*) FROM adult_test);
BEGIN
    IF (n_train, n_test) <> (30162, 15060) THEN
        RAISE EXCEPTION 'Adult has % training and % test rows, expected 30162 and 15060', n_train, n_test;
    END IF;
END $$;
COMMIT;

ANALYZE adult_train, adult_test, demographics;
