-- Some of the rows, few epochs, two seeds: minutes. Shows that everything runs; its figures mean nothing.
\set adult_seeds '{0,1}'
\set cifar_seeds '{0,1}'
\set epochs 4
\set people 100000
\set images 2000
\set test_images 1000
\set few_images 500
\set people_left_out 10
\set images_left_out 10
\set image_eps '{0.002,0.01,0.02}'
