# Texts in databases of several encodings: what is cut in messages, progress and rows of jobs ends with a whole character.
use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Encode ();
use Test::More;

$ENV{PGCLIENTENCODING} = 'UTF8';

my $node = PostgreSQL::Test::Cluster->new('characters');
$node->init;
$node->append_conf('postgresql.conf', "max_worker_processes = 16\nfsync = off\n");
$node->start;

# What the server says to a statement in UTF-8; first its messages.
sub told
{
	my ($database, $sql) = @_;
	my ($code, $out, $err) = $node->psql($database, Encode::encode("UTF-8", $sql));
	return Encode::decode("UTF-8", $err || $out, Encode::FB_QUIET);
}

# The longest row of characters in so many bytes of an encoding.
my %bytes = (utf8 => { 'é' => 2, '漢' => 3, '€' => 3 }, euc_jp => { '漢' => 2 }, latin1 => { 'é' => 1 });

# Characters that can be converted from one to another.
my %known = ('utf8 euc_jp' => 'é漢', 'utf8 latin1' => 'é', 'latin1 utf8' => 'é', 'latin1 euc_jp' => '', 'euc_jp utf8' => '漢', 'euc_jp latin1' => '');

sub fitting
{
	my ($database, $character, $bytes) = @_;
	return $character x int($bytes / $bytes{$database}{$character});
}

for my $database (sort keys %bytes)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$database' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql($database, 'CREATE EXTENSION advfair');
}
for my $database (sort keys %bytes)
{
	for my $c (sort keys %{ $bytes{$database} })
	{
		my $setup = qq{
			DROP TABLE IF EXISTS known, unknown;
			CREATE TABLE known AS SELECT i AS id, CASE WHEN i % 3 = 0 THEN '$c' ELSE 'a' END AS word, i % 2 AS y FROM generate_series(1, 60) i;
			CREATE TABLE unknown AS SELECT 1 AS id, 'x' || repeat('$c', 120) AS word, 1 AS y;
			ALTER TABLE known ADD PRIMARY KEY (id);
			DELETE FROM advfair_job;
			SELECT advfair_train('m', 'known', 'y', arch => '', epochs => 1)};
		told($database, $setup);
		my $shown = 'x' . fitting($database, $c, 99);
		my $expected = qq(category "$shown..." in column "word" was not in the training data);
		like(told($database, q{SELECT * FROM advfair_predict('m', 'unknown')}), qr/^psql:.*ERROR:  row [^:]*: \Q$expected\E/, "$database: an error cuts a value between characters");
		told($database, q{SELECT advfair_submit('{"kind": "attack", "model": "m", "data": "unknown", "eps": 0.1, "into": "t"}', max_attempts => 1); CALL advfair_run_jobs()});
		like(told($database, q{SELECT state || message FROM advfair_jobs}), qr/^failedrow [^:]*: \Q$expected\E$/, 'and so does the row of a job');
		my $other = fitting($database, $c, 64);
		like(told($database, "SELECT advfair_fit('{\"data\": \"known\", \"label\": \"y\", \"arch\": \"" . $c x 100 . "\"}')"), qr/unknown layer "$other" in/, 'and an arch string');

		# a name in progress, seen from all databases
		my $stderr;
		my $model = $c x 100;
		my $name = fitting($database, $c, 63);
		my $psql = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr($database), '-c',
				Encode::encode("UTF-8", "SELECT advfair_train('$model', 'known', 'y', epochs => 100000)") ], '>', \my $stdout, '2>', \$stderr);
		ok($node->poll_query_until($database, q{SELECT phase = 'computing' FROM advfair_progress}), 'a training runs');
		is(told($database, 'CREATE TABLE seen AS SELECT model FROM advfair_progress; SELECT model || reverse(model) || length(model) FROM seen; DROP TABLE seen'),
			$name . $name . length($name), 'its name is cut between characters');
		for my $elsewhere (grep { $_ ne $database } sort keys %bytes)
		{
			my $there = $known{"$database $elsewhere"} =~ /$c/ ? $name : '?' x length $name;
			is(told($elsewhere, 'SELECT model FROM advfair_progress'), $there, "and seen in a database in $elsewhere");
		}
		$node->safe_psql($database, 'SELECT pg_cancel_backend(pid) FROM advfair_progress');
		$psql->finish;
	}
	$node->command_ok([ 'pg_dump', '--encoding=UTF8', '-f', $node->backup_dir . ".$database.sql", $node->connstr($database) ], "$database: can be dumped in UTF-8");
}

# what an operation is called has room
my $stderr;
$node->safe_psql('utf8', q{CREATE TABLE people AS SELECT * FROM advfair_make_census(5000, 0); SELECT advfair_train('p', 'people', 'income', epochs => 1)});
my $psql = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('utf8'), '-c', q{SELECT advfair_class_robustness('p', 'people', '{0.1}', steps => 10000, early_stop => false)} ],
	'>', \my $stdout, '2>', \$stderr);
ok($node->poll_query_until('utf8', q{SELECT count(*) > 0 FROM advfair_progress}), 'an attack runs');
is($node->safe_psql('utf8', q{SELECT task FROM advfair_progress}), 'class_robustness', 'under its name');
$node->safe_psql('utf8', 'SELECT pg_cancel_backend(pid) FROM advfair_progress');
$psql->finish;
$node->stop;
done_testing();
