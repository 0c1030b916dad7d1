-- All results as CSV, into the folder `:out`.

COPY (SELECT * FROM fig1 ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/fig1.csv
COPY (SELECT * FROM cau ORDER BY 1, 2, 3) TO STDOUT (FORMAT csv, HEADER) \g :out/cau.csv
COPY (SELECT * FROM cau_pair ORDER BY 1, 2) TO STDOUT (FORMAT csv, HEADER) \g :out/cau_pair.csv
COPY (SELECT * FROM fig2 ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/fig2.csv
COPY (SELECT * FROM cru_eps ORDER BY 1, 2, 3) TO STDOUT (FORMAT csv, HEADER) \g :out/cru_eps.csv
COPY (SELECT * FROM table1 ORDER BY 1, 2, 3, 4, 5) TO STDOUT (FORMAT csv, HEADER) \g :out/table1.csv
COPY (SELECT * FROM cru_cifar ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/cru_cifar.csv
COPY (SELECT * FROM table2 ORDER BY 1, 2, 3, 4, 5) TO STDOUT (FORMAT csv, HEADER) \g :out/table2.csv
COPY (SELECT * FROM cru_adult ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/cru_adult.csv
COPY (SELECT * FROM table3 ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/table3.csv
COPY (SELECT * FROM table4 ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/table4.csv
COPY (SELECT * FROM eou_sex ORDER BY 1, 2, 3) TO STDOUT (FORMAT csv, HEADER) \g :out/eou_sex.csv
COPY (SELECT * FROM eou_sex_pair ORDER BY 1, 2) TO STDOUT (FORMAT csv, HEADER) \g :out/eou_sex_pair.csv
COPY (SELECT * FROM table5 ORDER BY 1, 2, 3, 4) TO STDOUT (FORMAT csv, HEADER) \g :out/table5.csv
COPY (SELECT * FROM eou_race ORDER BY 1, 2, 3) TO STDOUT (FORMAT csv, HEADER) \g :out/eou_race.csv
COPY (SELECT * FROM eou_race_pair ORDER BY 1, 2) TO STDOUT (FORMAT csv, HEADER) \g :out/eou_race_pair.csv
