# pg_cron, by both ways it runs commands: a model is retrained on a table that changes, jobs are queued and run.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $stage = $ENV{ADVFAIR_STAGE} // '';
plan skip_all => 'pg_cron is not installed' unless grep { -e "$_/pg_cron.so" } map { s/\s+$//r } `pg_config --pkglibdir 2>/dev/null`, glob("$stage/usr/lib/postgresql/*/lib");

my %node;
for my $way ('background workers', 'connections')
{
	my $node = $node{$way} = PostgreSQL::Test::Cluster->new($way =~ s/ /_/r);
	$node->init;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\nmax_worker_processes = 24\nfsync = off\ncron.host = '" . $node->host . "'\n"
		  . 'cron.use_background_workers = ' . ($way eq 'background workers' ? 'on' : 'off') . "\n");
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION advfair;
		CREATE EXTENSION pg_cron;
		CREATE TABLE people AS SELECT * FROM advfair_make_census(1000, 0);
		ALTER TABLE people ADD PRIMARY KEY (person_id);
		CREATE TABLE watched AS SELECT * FROM advfair_make_census(300, 1);
		ALTER TABLE watched ADD PRIMARY KEY (person_id);
		SELECT advfair_train('m', 'people', 'income', epochs => 2, validation => 'watched');
		SELECT advfair_train('n', 'people', 'income', epochs => 2, validation => 'watched');
	});
}

# Every two seconds where pg_cron knows seconds (1.5 and later), else every minute.
my $seconds = $node{connections}->psql('postgres', q{SELECT cron.schedule('probe', '2 seconds', 'SELECT 1')}) == 0;
my $schedule = $seconds ? '2 seconds' : '* * * * *';
my $rounds = $seconds ? 3 : 1;
for my $node (values %node)
{
	$node->safe_psql('postgres', qq{
		SELECT cron.schedule('grow', '$schedule', 'INSERT INTO people SELECT (SELECT max(person_id) FROM people) + person_id, age, education, hours, occupation, sex, race, income FROM advfair_make_census(20, 3)');
		SELECT cron.schedule('good', '$schedule', \$c\$SELECT advfair_retrain('m', 'accuracy >= 0.3 AND cau <= 1 AND eou_sex <= 1')\$c\$);
		SELECT cron.schedule('bad', '$schedule', \$c\$SELECT advfair_retrain('n', 'accuracy > 1')\$c\$);
		SELECT cron.schedule('queue', '$schedule', \$c\$SELECT advfair_submit('{"kind": "retrain", "model": "n", "promote_if": "cau <= 1"}')\$c\$);
		SELECT cron.schedule('run', '$schedule', 'CALL advfair_run_jobs()')});
}
note "scheduled: $schedule";
for my $way (sort keys %node)
{
	my $node = $node{$way};
	my $until = time + 150;
	usleep(200_000) while (time < $until && $node->safe_psql('postgres', qq{
		SELECT (SELECT count(*) FROM advfair_model WHERE name = 'm') < 1 + $rounds OR (SELECT count(*) FROM advfair_model WHERE name = 'n') < 1 + $rounds}) eq 't');
	$node->safe_psql('postgres', 'CALL advfair_run_jobs()'); # what was queued after the last call by cron
	$node->safe_psql('postgres', 'SELECT cron.unschedule(jobid) FROM cron.job');
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM cron.job_run_details WHERE status IN ('starting', 'running')}), "$way: commands come to their end");
	is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT command || ': ' || return_message, '; ') FROM cron.job_run_details WHERE status NOT IN ('succeeded', 'failed') OR status = 'failed' AND return_message NOT LIKE '%cancel%'}),
		'', "$way: without an error");
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'm' AND promoted_at IS NOT NULL}), '>', $rounds, "$way: a model that does is promoted");
	is($node->safe_psql('postgres', q{SELECT (SELECT max(version) FROM advfair_model WHERE name = 'm') = (SELECT version FROM advfair_model WHERE name = 'm' ORDER BY promoted_at DESC NULLS LAST LIMIT 1)}),
		't', "$way: and the plain name means the last one");
	is($node->safe_psql('postgres', q{SELECT count(DISTINCT data_digest) > 1 OR count(*) < 3 FROM advfair_model WHERE name = 'm'}), 't', "$way: rows are those of the time");
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_model WHERE name = 'n' AND promoted_at IS NULL}), '>=', 1, "$way: one that does not is kept aside");
	is($node->safe_psql('postgres', q{
		SELECT count(*) FROM advfair_model m LEFT JOIN advfair_metric_log l ON l.model = m.name AND l.version = m.version AND l.metric = 'promoted'
		WHERE m.version > 1 AND (l.value IS NULL OR (l.value = 1) <> (m.promoted_at IS NOT NULL))}), 0, "$way: the log tells which was what");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_metric_log WHERE model = 'm' AND metric IN ('accuracy', 'cau', 'eou_sex') AND value IS NULL}), 0, "$way: and why");
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_job WHERE state = 'succeeded'}), '>=', 1, "$way: jobs are queued and run");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM advfair_job WHERE state <> 'succeeded'}), 0, "$way: all of them");
	$node->stop;
}
done_testing();
