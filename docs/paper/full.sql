-- The paper's scale: all of both data sets, 20 epochs. Leaving images out is done on 10,000 of them: see README.md.
\set adult_seeds '{0,1,2,3,4}'
\set cifar_seeds '{0,1,2}'
\set epochs 20
\set people 100000
\set images 50000
\set test_images 10000
\set few_images 10000
\set people_left_out 100
\set images_left_out 20
\set image_eps '{0.002,0.005,0.01,0.012,0.014,0.015,0.02}'
