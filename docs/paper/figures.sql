-- The six figures as Vega-Lite specifications, into the folder `:out`. Bars and points are means over seeds; lines at them go from the least to the most
-- of any seed.

CREATE OR REPLACE TEMP VIEW figure AS
SELECT 'fig1-' || data_set AS name, 'class_accuracy' AS kind, data_set || ': accuracy of each class' AS title,
       jsonb_build_object('metric', 'class_accuracy', 'model', training, 'class', class, 'n', min(n), 'value', avg(accuracy), 'ci_low', min(accuracy), 'ci_high', max(accuracy)) AS bar
FROM fig1 GROUP BY data_set, training, class
UNION ALL
SELECT 'fig2-' || data_set, 'class_least_eps', data_set || ': least eps of each class',
       jsonb_build_object('metric', 'least_eps', 'model', training, 'class', class, 'n', min(n), 'value', avg(least_eps), 'ci_low', min(least_eps), 'ci_high', max(least_eps))
FROM fig2 GROUP BY data_set, training, class
UNION ALL
SELECT 'fig3', 'class_robustness', 'CIFAR-10: success of the attack in each class',
       jsonb_build_object('metric', 'success_rate', 'model', training || ', ' || threat, 'eps', eps, 'class', class, 'n', min(n), 'value', avg(success_rate), 'ci_low', min(success_rate), 'ci_high', max(success_rate))
FROM table1 GROUP BY threat, training, eps, class
UNION ALL
SELECT 'fig4', 'class_robustness', 'Adult: success of the attack in each class',
       jsonb_build_object('metric', 'success_rate', 'model', training || ', ' || threat, 'eps', eps, 'class', class, 'n', min(n), 'value', avg(success_rate), 'ci_low', min(success_rate), 'ci_high', max(success_rate))
FROM table2 GROUP BY threat, training, eps, class
UNION ALL
SELECT 'fig5', 'group_confidence', 'Adult: mean confidence of women and men in their true class',
       jsonb_build_object('metric', 'group_confidence', 'model', training, 'attribute', 'sex', 'class', given, 'grp', grp, 'n', min(n), 'value', avg(confidence), 'ci_low', min(confidence), 'ci_high', max(confidence))
FROM table4 GROUP BY training, given, grp
UNION ALL
SELECT 'fig6', 'group_confidence', 'Adult: mean confidence of races in their true class',
       jsonb_build_object('metric', 'group_confidence', 'model', training, 'attribute', 'race', 'class', given, 'grp', grp, 'n', min(n), 'value', avg(confidence), 'ci_low', min(confidence), 'ci_high', max(confidence))
FROM table5 GROUP BY training, given, grp;

CREATE OR REPLACE TEMP VIEW chart AS
SELECT name, advfair_chart_rows(kind, jsonb_agg(bar ORDER BY bar ->> 'model' DESC, bar ->> 'class', bar ->> 'grp', (bar ->> 'eps')::float8), title) AS spec
FROM figure GROUP BY name, kind, title;

\pset format unaligned
\pset tuples_only on
SELECT spec FROM chart WHERE name = 'fig1-Adult' \g :out/fig1-adult.json
SELECT spec FROM chart WHERE name = 'fig1-CIFAR-10' \g :out/fig1-cifar10.json
SELECT spec FROM chart WHERE name = 'fig2-Adult' \g :out/fig2-adult.json
SELECT spec FROM chart WHERE name = 'fig2-CIFAR-10' \g :out/fig2-cifar10.json
SELECT spec FROM chart WHERE name = 'fig3' \g :out/fig3.json
SELECT spec FROM chart WHERE name = 'fig4' \g :out/fig4.json
SELECT spec FROM chart WHERE name = 'fig5' \g :out/fig5.json
SELECT spec FROM chart WHERE name = 'fig6' \g :out/fig6.json
\pset format aligned
\pset tuples_only off
