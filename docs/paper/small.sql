-- Some of the rows, few epochs, two seeds: minutes. Shows that everything runs; its figures mean nothing.
\set adult_seeds '{0,1}'
\set cifar_seeds '{0,1}'
\set epochs 3
\set people 8000
\set images 1000
\set test_images 250
\set few_images 120
\set people_left_out 5
\set images_left_out 5
\set image_eps '{0.002,0.01,0.02}'
