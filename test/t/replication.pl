# Logical replication of all tables: models can be used on the subscriber, jobs run on the publisher alone.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($publisher, $subscriber) = map { PostgreSQL::Test::Cluster->new($_) } 'publisher', 'subscriber';
for my $node ($publisher, $subscriber)
{
	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'advfair'\nmax_worker_processes = 16\nfsync = off\n");
	$node->start;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION advfair;
		CREATE TABLE people AS SELECT * FROM advfair_make_census(200, 0) WITH NO DATA;
		ALTER TABLE people ADD PRIMARY KEY (person_id);
	});
}
$publisher->safe_psql('postgres', q{
	INSERT INTO people SELECT * FROM advfair_make_census(200, 0);
	CREATE PUBLICATION everything FOR ALL TABLES;
});
my $from = $publisher->connstr('postgres') =~ s/'/''/gr;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$from' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'everything');

# one that ends, one that waits for long
$publisher->safe_psql('postgres', q{
	SELECT advfair_submit('{"kind": "train", "model": "m", "data": "people", "label": "income", "epochs": 2}');
	SELECT advfair_submit('{"kind": "train", "model": "later", "data": "people", "label": "income", "epochs": 1}', not_before => now() + '1 second');
	SELECT advfair_submit('{"kind": "train", "model": "never", "data": "people", "label": "income", "epochs": 1}', not_before => now() + '1 day');
});
is($publisher->safe_psql('postgres', q{SELECT advfair_wait(1, '1 min'), advfair_wait(2, '1 min')}), 'succeeded|succeeded', 'jobs run on the publisher');
$publisher->safe_psql('postgres', q{UPDATE advfair_job SET not_before = now() + '1 second' WHERE job = 3; SELECT advfair_retrain('m', 'accuracy > 2', 'people')});
$publisher->wait_for_catchup('everything');
my $same = 'SELECT name, version, md5(model), promoted_at FROM advfair_model ORDER BY 1, 2';
$subscriber->poll_query_until('postgres', q{SELECT count(*) > 0 FROM advfair_metric_log});
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM advfair_predict('m', 'people')}), 200, 'models can be used on the subscriber');

# a launcher that starts looks for jobs everywhere
$subscriber->restart;
is($publisher->safe_psql('postgres', q{SELECT advfair_wait(3, '1 min')}), 'succeeded', 'the publisher runs what becomes due');
$publisher->wait_for_catchup('everything');
is($subscriber->safe_psql('postgres', $same), $publisher->safe_psql('postgres', $same), 'models are the same on both');
is($subscriber->safe_psql('postgres', 'SELECT count(*), sum(attempt) FROM advfair_job WHERE pid IS NULL'), '3|3', 'jobs were run once');
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM advfair_jobs WHERE here'), 0, 'and none by the subscriber');
$publisher->safe_psql('postgres', q{UPDATE advfair_metric_log SET note = 'seen'; DELETE FROM advfair_metric_log WHERE metric = 'promoted'; DELETE FROM advfair_model WHERE name = 'm'});
$publisher->wait_for_catchup('everything');
for my $table (qw(advfair_model advfair_curve advfair_metric_log advfair_job))
{
	my $rows = "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM $table t";
	is($subscriber->safe_psql('postgres', $rows), $publisher->safe_psql('postgres', $rows), "changes of $table arrive");
}
$subscriber->stop;
$publisher->stop;
done_testing();
