# A standby predicts, attacks and scores as its primary does, and says what it cannot do.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'advfair'\nmax_worker_processes = 16\nfsync = off\n");
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(1000, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	SELECT advfair_train('m', 'people', 'income', epochs => 2);
});
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', q{SELECT advfair_train('m', 'people', 'income', epochs => 3)});
$primary->wait_for_catchup($standby);

my %same = (
	'predictions of rows' => q{SELECT md5(string_agg(advfair_predict(advfair_get('m'), p), ',' ORDER BY person_id)) FROM people p},
	'predictions of data' => q{SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM advfair_predict('m', 'people') r},
	'attacks' => q{SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM advfair_pgd('m', 'people', 0.1) r},
	'least eps' => q{SELECT md5(string_agg(r::text, ',' ORDER BY id)) FROM advfair_least_eps('m', 'people', 1) r},
	'scores' => q{SELECT advfair_cau('m', 'people') || ' ' || advfair_cru('m', 'people', 0.1) || ' ' || advfair_eou('m', 'people', 'sex', '>50K')},
	'an audit' => q{SELECT md5(string_agg(r::text, ',')) FROM advfair_audit('{m,m@1}', 'people', eps => '{0.1}', protected => '{sex}') r},
	'leaving rows out' => q{SELECT advfair_luf('m', 'people', leave_out => 3)},
	'a training that stores nothing' => q{SELECT sha256(advfair_fit('{"data": "people", "label": "income", "epochs": 2}'))},
	'jobs' => q{SELECT count(*) FROM advfair_jobs},
);
for my $what (sort keys %same)
{
	is($standby->safe_psql('postgres', $same{$what}), $primary->safe_psql('postgres', $same{$what}), "$what: as on the primary");
}
my %refused = (
	'a training' => q{SELECT advfair_train('m', 'people', 'income')},
	'a robust training' => q{SELECT advfair_adv_train('m', 'people', 'income', eps => 0.1)},
	'a retraining' => q{SELECT advfair_retrain('m')},
	'a promotion' => q{SELECT advfair_promote('m', 1)},
	'a job' => q{SELECT advfair_submit('{"kind": "train", "model": "m", "data": "people", "label": "income"}')},
	'running jobs' => q{CALL advfair_run_jobs()},
	'cancelling a job' => q{SELECT advfair_cancel(1)},
);
for my $what (sort keys %refused)
{
	my ($code, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY verbose\n$refused{$what}");
	like($err, qr/ERROR:  25006: cannot execute advfair_\w+\(\) (in a read-only transaction|during recovery)/, "$what: refused");
}

# promotion while an operation runs, then all of it works
my $stderr;
my $psql = start_psql($standby, q{SELECT count(*) FROM advfair_pgd('m', 'people', 0.1, steps => 3000, early_stop => false)}, \$stderr);
wait_until_workers($standby, 1);
$standby->promote;
$psql->finish;
is($stderr, '', 'an operation does not mind promotion');
is($standby->safe_psql('postgres', q{SELECT version FROM advfair_train('m', 'people', 'income', epochs => 1)}), 3, 'a promoted standby trains');
my $job = $standby->safe_psql('postgres', $refused{'a job'});
is($standby->safe_psql('postgres', "SELECT advfair_wait($job, '1 min')"), 'succeeded', 'and its launcher runs jobs');
$standby->stop;
$primary->stop;
done_testing();
