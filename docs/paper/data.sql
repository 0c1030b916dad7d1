-- The data: Adult and CIFAR-10, as the examples load them (`:data` is the folder that `make data` fills).
SELECT to_regclass('cifar10_few') IS NULL AS is_new \gset
\if :is_new
    \ir ../../examples/adult.sql
    \ir ../../examples/cifar10.sql
    DELETE FROM adult_train WHERE person_id > :people;
    DELETE FROM cifar10_train WHERE image_id >= :images;
    DELETE FROM cifar10_test WHERE image_id >= :test_images;
    -- the training images of Table III
    CREATE TABLE cifar10_few (LIKE cifar10_train INCLUDING ALL);
    INSERT INTO cifar10_few SELECT * FROM cifar10_train WHERE image_id < :few_images;
\endif
