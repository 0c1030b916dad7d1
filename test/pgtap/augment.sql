-- Augmentation: images that are changed a little each time they are trained on.
BEGIN;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION advfair;
SELECT plan(17);
CREATE TABLE pictures AS
SELECT i AS image_id, (i % 3)::text AS label, decode(string_agg(lpad(to_hex(CASE i % 3 WHEN 0 THEN p / 9 % 2 WHEN 1 THEN p % 2 ELSE 0 END * 128
	+ (hashint4(200 * i + p) & 127)), 2, '0'), '' ORDER BY p), 'hex') AS image
FROM generate_series(1, 120) AS i, generate_series(0, 80) AS p GROUP BY i;
ALTER TABLE pictures ADD PRIMARY KEY (image_id);

CREATE TABLE ways (name text, settings jsonb);
INSERT INTO ways VALUES ('without', '{}'), ('flip', '{"augment_flip": true}'), ('shift', '{"augment_shift": 2}'), ('cutout', '{"augment_cutout": 3}'),
	('all', '{"augment_flip": true, "augment_shift": 1, "augment_cutout": 2}');
SELECT ok(accuracy > 0.4, name || ': trained') FROM ways, advfair_train(name, 'pictures', 'label', input_shape => '{1,9,9}',
	arch => 'conv 6x3, relu, maxpool 3, dense 16, relu', epochs => 12, batch_size => 30, learning_rate => 0.01, settings => settings);
SELECT is(count(DISTINCT model), 5::bigint, 'each is another model') FROM advfair_model;
SELECT is(advfair_fit((task || '{"workers": 2}') - 'model'), model, name || ': 2 workers') FROM advfair_model;
SELECT is(task -> 'settings', settings, name || ': stored') FROM ways JOIN advfair_model USING (name) WHERE name = 'all';
SELECT is(version, 1, 'robust') FROM advfair_adv_train('robust', 'pictures', 'label', method => 'pgd', eps => 0.05, steps => 2, input_shape => '{1,9,9}',
	arch => 'conv 6x3, relu, globalpool', epochs => 2, settings => '{"augment_flip": true, "augment_shift": 1}');

-- what is refused
PREPARE place AS SELECT advfair_train('t', 'pictures', 'label', input_shape => '{1,9,9}', settings => '{"augment_shift": 9}');
SELECT throws_ok('place', '22023', 'augment_shift is 9, but an image has 9 x 9 places');
CREATE TABLE people AS SELECT * FROM advfair_make_census(50, 6);
PREPARE people AS SELECT advfair_train('t', 'people', 'income', settings => '{"augment_flip": true}');
SELECT throws_ok('people', '22023', 'augmentation needs images');
SELECT lives_ok($$SELECT advfair_train('t', 'people', 'income', epochs => 1, settings => '{"augment_flip": false}')$$, 'no flip is no augmentation');
PREPARE word AS SELECT advfair_train('t', 'pictures', 'label', input_shape => '{1,9,9}', settings => '{"augment_flip": "yes"}');
SELECT throws_ok('word', '22023', NULL, 'a flip is true or false');
SELECT * FROM finish();
ROLLBACK;
