-- Loads CIFAR-10 with psql alone, as an ordinary user.
--
--   make data
--   psql -f examples/cifar10.sql                      reads data/cifar10/train.bin and test.bin
--   psql -v data=/some/where -f examples/cifar10.sql  reads /some/where/cifar10/...
--
-- Makes cifar10_train (50,000 rows) and cifar10_test (10,000): image_id from 0 in the order of the files, label
-- the name of the class, image 3,072 bytes in channel, row, column order (input_shape => '{3,32,32}').

\set ON_ERROR_STOP on
\if :{?data}
\else
    \set data data
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
DROP TABLE IF EXISTS cifar10_train, cifar10_test;

CREATE TABLE cifar10_train (
    image_id int   PRIMARY KEY,
    label    text  NOT NULL,
    image    bytea NOT NULL CHECK (octet_length(image) = 3072)
);

-- By default a value of this size is moved to a TOAST table, where every image costs an index search. PLAIN keeps
-- the images in their rows, two to a page. Measured with the 50,000 training images on PostgreSQL 15: the median of
-- seven runs of SELECT sum(get_byte(image, 3071)) in one process, with all of the table in shared_buffers (1.5 GB),
-- and with shared_buffers = 128 MB and the rest in the system's cache:
--
--                                         size     all in shared_buffers   128 MB
--   EXTENDED (the default)               196 MB    109 ms                  138 ms
--   EXTERNAL                             201 MB    105 ms                  132 ms
--   EXTERNAL, toast_tuple_target = 8160  195 MB     15 ms                   39 ms
--   PLAIN                                195 MB     15 ms (7.3x faster)     39 ms (3.6x faster)
ALTER TABLE cifar10_train ALTER COLUMN image SET STORAGE PLAIN;
CREATE TABLE cifar10_test (LIKE cifar10_train INCLUDING ALL);

-- Records of 3,073 bytes: the class (0 to 9), then the pixels. A large object brings the file to the server
-- without rights on the server's own files.
\lo_import :data/cifar10/train.bin
\set train_file :LASTOID
\lo_import :data/cifar10/test.bin
\set test_file :LASTOID

CREATE TEMP TABLE cifar10_file ON COMMIT DROP AS
SELECT *, '{airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck}'::text[] AS classes
FROM (VALUES (true, :train_file::oid, 50000), (false, :test_file, 10000)) AS f (train, file, records);

INSERT INTO cifar10_train
SELECT r, classes[get_byte(record, 0) + 1], substr(record, 2)
FROM cifar10_file, generate_series(0, records - 1) AS r, lo_get(file, r * 3073::bigint, 3073) AS record
WHERE train;

INSERT INTO cifar10_test
SELECT r, classes[get_byte(record, 0) + 1], substr(record, 2)
FROM cifar10_file, generate_series(0, records - 1) AS r, lo_get(file, r * 3073::bigint, 3073) AS record
WHERE NOT train;

-- A file that is too short has failed above (empty records); these find one that is too long or mixed up.
DO $$
BEGIN
    IF EXISTS (SELECT FROM cifar10_file WHERE octet_length(lo_get(file, records * 3073::bigint, 1)) > 0) OR
       EXISTS (SELECT FROM cifar10_train GROUP BY label HAVING count(*) <> 5000) OR
       EXISTS (SELECT FROM cifar10_test GROUP BY label HAVING count(*) <> 1000) THEN
        RAISE EXCEPTION 'CIFAR-10 must have 5000 training and 1000 test images of each class';
    END IF;
END $$;

\o /dev/null
SELECT lo_unlink(file) FROM cifar10_file;
\o
COMMIT;

ANALYZE cifar10_train, cifar10_test;
