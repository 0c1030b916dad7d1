# pg_upgrade takes models, jobs and the extension into a new cluster as they are.
use strict;
use warnings;
use File::Temp;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $bin = `pg_config --bindir`;
chomp $bin;
plan skip_all => 'pg_upgrade is not installed' unless -x "$bin/pg_upgrade";

my ($old, $new) = map { PostgreSQL::Test::Cluster->new($_) } 'upgrade_old', 'upgrade_new';
for my $node ($old, $new)
{
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'advfair'\nadvfair.max_jobs = 0\nfsync = off");
}
$old->start;
$old->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(500, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	SELECT advfair_train('m', 'people', 'income', epochs => 3, validation => '0.2');
	SELECT advfair_retrain('m', 'accuracy > 1');
	CREATE TABLE kept AS SELECT advfair_get('m') AS model;
	SELECT advfair_submit('{"kind": "train", "model": "later", "data": "people", "label": "income", "epochs": 1}');
});
# a database whose objects are of an earlier version than the library
$old->safe_psql('postgres', 'CREATE DATABASE earlier');
$old->safe_psql('earlier', q{
	CREATE EXTENSION advfair VERSION '1.1';
	CREATE TABLE scored (x real[], y text GENERATED ALWAYS AS (advfair_predict('\x00'::bytea, x)) STORED, z text DEFAULT advfair_predict('\x00'::bytea, '{1}'::real[]));
	CREATE INDEX sure ON scored (advfair_confidence('\x00'::bytea, x, 'yes'));
});
my @same = (
	'SELECT name, version, owner, promoted_at, md5(model), task, metrics FROM advfair_model ORDER BY 1, 2',
	'SELECT md5(model) FROM kept',
	'SELECT * FROM advfair_metric_log ORDER BY at, metric',
	'SELECT job, owner, state, task, settings FROM advfair_job',
	q{SELECT md5(string_agg(p::text, '' ORDER BY id)) FROM advfair_predict('m', 'people') p},
);
my @before = map { $old->safe_psql('postgres', $_) } @same;
$old->stop;

my $place = File::Temp->newdir; # pg_upgrade leaves its reports where it runs
chdir $place or die "could not enter $place: $!";
command_ok([ "$bin/pg_upgrade", '--no-sync', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host,
	'-p', $old->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
is($new->safe_psql('postgres', $same[$_]), $before[$_], "the same: $same[$_]") for 0 .. $#same;
is($new->safe_psql('postgres', q{SELECT version FROM advfair_retrain('m')}), 3, 'versions go on');
$new->safe_psql('postgres', 'CALL advfair_run_jobs()');
is($new->safe_psql('postgres', q{SELECT state FROM advfair_job}), 'succeeded', 'a job that was waiting runs');
like(($new->psql('earlier', 'SELECT advfair_version()'))[2], qr/objects are of version 1\.1.*HINT:  Run "ALTER EXTENSION advfair UPDATE"/s,
	'a database that needs an update says so');
like(($new->psql('earlier', 'ALTER EXTENSION advfair UPDATE'))[2], qr/WARNING:  advfair's functions are not immutable, but these hold their results: .*column y of table public.scored, index public.sure$/m,
	'which names what holds results of functions that are no longer immutable');
is($new->safe_psql('earlier', 'SELECT count(*) FROM advfair_jobs'), 0, 'and gets it');
$new->stop;
chdir '/';
done_testing();
