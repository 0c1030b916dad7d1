-- More rows than one chunk of shared memory holds (16 MB): 6,000 images of 3 KB.
CREATE TABLE grey AS
SELECT i AS id, CASE WHEN i % 256 < 128 THEN 'dark' ELSE 'light' END AS label,
	   decode(repeat(lpad(to_hex(i % 256), 2, '0'), 3072), 'hex') AS image
FROM generate_series(1, 6000) i;
ALTER TABLE grey ADD PRIMARY KEY (id);
SELECT model, version, epochs, accuracy > 0.9 AS learned
FROM advfair_train('grey', 'grey', 'label', input_shape => '{3,32,32}', arch => 'maxpool 16',
				   learning_rate => 0.05, epochs => 5);
SELECT count(*), count(DISTINCT id), bool_and(label = CASE WHEN id % 256 < 128 THEN 'dark' ELSE 'light' END) AS in_place,
	   avg((prediction = label)::int) > 0.95 AS predicted
FROM advfair_predict('grey', 'grey');
DROP TABLE grey;
DELETE FROM advfair_model WHERE name = 'grey';
