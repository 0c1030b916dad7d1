# The real Adult and CIFAR-10 data, loaded by the examples as an ordinary user; and the README's statements.
use strict;
use warnings;
use File::Temp qw(tempdir);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('real');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE analyst LOGIN');
my $data = $ENV{ADVFAIR_DATA} // '';
my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'analyst', '-d');

sub new_database
{
	my $name = shift;
	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER analyst");
	$node->safe_psql($name, 'CREATE EXTENSION advfair; GRANT ALL ON SCHEMA public TO analyst');
	return $node->connstr($name);
}

sub value
{
	my ($database, $query) = @_;
	return $node->safe_psql($database, $query, extra_params => [ '-U', 'analyst' ]);
}

SKIP:
{
	skip 'no Adult data (ADVFAIR_DATA)', 14 unless -e "$data/adult/adult.data";
	my $connstr = new_database('adult');
	$node->command_ok([ @psql, $connstr, '-v', "data=$data", '-f', 'examples/adult.sql' ], 'Adult loads as an ordinary user');
	value('adult', q{SELECT advfair_train('ordinal', 'adult_train', 'income', encoding => 'ordinal', oversample => 'balance')});
	value('adult', q{SELECT advfair_train('standard', 'adult_train', 'income')});
	my $accuracy = q{SELECT avg((label = prediction)::int) BETWEEN %s FROM advfair_predict('%s', 'adult_test')};
	is(value('adult', sprintf($accuracy, '0.77 AND 0.83', 'ordinal')), 't', "the paper's protocol is as accurate as it should be");
	is(value('adult', sprintf($accuracy, '0.84 AND 0.87', 'standard')), 't', 'one-hot encoding without oversampling, too');
	is(value('adult', q{SELECT metrics -> 'examples' FROM advfair_model WHERE name = 'ordinal'}), 45308, 'classes are balanced');
	is(value('adult', q{SELECT advfair_cau('ordinal', 'adult_test') < 0.2}), 't', 'the balanced model serves both classes');
	is(value('adult', q{SELECT advfair_cau('standard', 'adult_test') > 0.15}), 't', 'the other one does not');
	is(value('adult', q{SELECT bool_and(advfair_eou('ordinal', 'adult_test', a, '>50K', g) BETWEEN 0.02 AND 0.5)
		FROM unnest('{sex,race}'::text[]) a, unnest('{<=50K,>50K}'::text[]) g}), 't', 'equalized odds are unequal by sex and race');
	is(value('adult', q{SELECT count(*) FROM advfair_predict('standard', 'adult_test') p JOIN adult_test t ON t.person_id = p.id, advfair_get('standard') m
		WHERE p.prediction <> advfair_predict(m, t) AND abs(p.confidence - 0.5) > 1e-4}), 0, 'row by row and all together predict the same');
	is(value('adult', q{SELECT string_agg((success_rate >= 0.98)::text, ' ') FROM unnest('{10,100,10000}'::float8[]) e,
		LATERAL (SELECT avg(success::int) AS success_rate FROM advfair_pgd('ordinal', 'SELECT * FROM adult_test WHERE person_id <= 2000', e)) s}), 'true true true', 'no ball is too large for the attack');
	# A classifier that was trained on another one's examples at eps 10 knows such examples; that is no robustness.
	my $under_attack = q{SELECT sum(accuracy * n) / sum(n) %s FROM advfair_class_robustness('merged', 'adult_test', '{%s}'%s)};
	value('adult', q{SELECT advfair_adv_train('merged', 'adult_train', 'income', method => 'merged', eps => 10, source => 'ordinal', encoding => 'ordinal', oversample => 'balance')});
	is(value('adult', sprintf($under_attack, '> 0.95', '10', q{, craft_on => 'ordinal'})), 't', 'static examples are no challenge');
	is(value('adult', sprintf($under_attack, '< 0.05', '10', '')), 't', 'an attack on the classifier itself succeeds');
	my $told = sub { ($node->psql('adult', sprintf($under_attack, '> 0', '0.5,10', shift), extra_params => [ '-U', 'analyst' ]))[2] };
	like($told->(q{, craft_on => 'ordinal'}), qr/the success rate falls from .* Attack without craft_on/s, 'whose example stops being one when eps grows is told so');
	is($told->(''), '', 'there is no warning without craft_on');
	$node->command_ok([ @psql, new_database('demo'), '-v', "data=$data", '-f', 'examples/demo.sql' ], 'the demonstration runs');
}

SKIP:
{
	my $packed = "$data/cifar10/train.bin.xz";
	skip 'no CIFAR-10 data (ADVFAIR_DATA)', 5 unless -e $packed || -e "$data/cifar10/train.bin";
	my $dir = tempdir(CLEANUP => 1);
	# records are 3,073 bytes, a label before the pixels
	for my $part ([ 'train', 4000 ], [ 'test', 1000 ])
	{
		my $cat = -e $packed ? "xz -dc $data/cifar10/$part->[0].bin.xz 2>/dev/null" : "cat $data/cifar10/$part->[0].bin";
		system("$cat | head -c @{[3073 * $part->[1]]} > $dir/$part->[0].bin");
	}
	system("chmod -R a+rX $dir");
	my $connstr = new_database('cifar');
	for my $part (qw(train test))
	{
		$node->command_ok([ @psql, $connstr, '-c', "\\lo_import $dir/$part.bin", '-c', qq{
			CREATE TABLE cifar_$part AS SELECT i AS id, get_byte(lo_get(o, i * 3073, 1), 0) AS label, lo_get(o, i * 3073 + 1, 3072) AS image
			FROM (SELECT oid AS o FROM pg_largeobject_metadata ORDER BY oid DESC LIMIT 1) l, generate_series(0, @{[-s "$dir/$part.bin"]} / 3073 - 1) i;
			ALTER TABLE cifar_$part ADD PRIMARY KEY (id)} ], "CIFAR-10 $part images load");
	}
	value('cifar', q{SELECT advfair_train('cnn', 'cifar_train', 'label', input_shape => '{3,32,32}', epochs => 4)});
	is(value('cifar', q{SELECT avg((label = prediction)::int) > 0.25 FROM advfair_predict('cnn', 'cifar_test')}), 't', 'a CNN learns from 4,000 images');
	is(value('cifar', q{SELECT advfair_describe(advfair_get('cnn')) ->> 'parameters'}), 1102410, 'the default network has its parameters');
	is(value('cifar', q{SELECT count(*) FROM advfair_predict('cnn', 'SELECT * FROM cifar_test WHERE id < 200') p JOIN cifar_test t USING (id), advfair_get('cnn') m
		WHERE abs(p.confidence - advfair_confidence(m, t.image, p.prediction)) > 1e-4}), 0, 'image by image and all together agree');
}

# ---- README ----

my $readme = slurp_file('README.md');
my @blocks;
while ($readme =~ /(<!-- not run -->\s*\n)?^```sql\n(.*?)^```/msg)
{
	push @blocks, $2 unless $1;
}
cmp_ok(scalar @blocks, '>', 5, 'the README has statements to run');
$node->safe_psql('postgres', 'CREATE DATABASE readme');
my $script = $node->data_dir . '/readme.sql';
append_to_file($script, join("\n", @blocks));
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('readme'), '-f', $script ], 'they all run');

done_testing();
