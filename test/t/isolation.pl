# Transactions that see the past, settings that ask for them, and locks that others may hold.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use AdvfairTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "max_worker_processes = 32\nfsync = off\n";
my $setup = q{
	CREATE EXTENSION advfair;
	CREATE TABLE people AS SELECT * FROM advfair_make_census(200);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
};
my $past = q{
	default_transaction_isolation = 'serializable'
	default_transaction_read_only = on
	default_transaction_deferrable = on
};

sub train
{
	my $model = shift;
	return "SELECT version FROM advfair_train('$model', 'people', 'income', arch => '', epochs => 1)";
}

my $node = PostgreSQL::Test::Cluster->new('isolation');
$node->init;
$node->append_conf('postgresql.conf', $conf);
$node->start;
$node->safe_psql('postgres', $setup);

# ---- versions are counted as they are now ----

for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	my $model = lc $level;
	my $first = $node->background_psql('postgres');
	my $second = $node->background_psql('postgres');
	$_->query_safe("BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM people") for $first, $second;
	is($node->safe_psql('postgres', train($model)), 1, "$level: a version");
	is($first->query_safe(train($model)), 2, 'one that does not see it is the next');
	$second->{stdin} .= train($model) . ";\n";
	$second->{run}->pump_nb;
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
		'two number their versions one after the other');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid IN (1, 2)}), 0,
		'under a lock that no SQL function takes');
	$first->query_safe('COMMIT');
	is($second->query_safe("COMMIT; SELECT count(*) FROM advfair_model WHERE name = '$model'"), "3\n3", 'none is lost');
	$_->quit for $first, $second;
	is($node->safe_psql('postgres', "SELECT array_agg(version ORDER BY version) FROM advfair_model WHERE name = '$model'"), '{1,2,3}', 'and each has its number');
}

# nobody without rights holds up a training
$node->safe_psql('postgres', 'CREATE ROLE mallory LOGIN');
my $mallory = $node->background_psql('postgres', extra_params => [ '-U', 'mallory' ]);
$mallory->query_safe(q{SELECT pg_advisory_lock(hashtextextended('held', oid::bigint)), pg_advisory_lock(hashtext('held')), pg_advisory_lock(oid::int, hashtext('held'))
	FROM pg_roles WHERE rolname = 'postgres'});
is($node->safe_psql('postgres', "SET statement_timeout = '60 s'; " . train('held')), 1, 'locks that anybody can take do not matter');
$mallory->quit;

# what a data query says to others is not heard
unlike($node->safe_psql('postgres', q{LISTEN ears; SELECT count(*) FROM advfair_predict('held', $$SELECT p.*, pg_notify('ears', 'x')::text AS said FROM people p$$)}),
	qr/notification/, 'nobody is notified by a data query');
like($node->safe_psql('postgres', q{LISTEN ears; SELECT pg_notify('ears', 'x')}), qr/notification/, 'as somebody would be');

# ---- jobs that sessions of such settings submit ----

$node->safe_psql('postgres', q{
	ALTER DATABASE postgres SET default_transaction_isolation = 'repeatable read';
	CREATE ROLE ann LOGIN;
	GRANT SELECT ON people TO ann;
	ALTER ROLE ann SET default_transaction_isolation = 'serializable';
	ALTER ROLE ann SET default_transaction_deferrable = on;
});
my $sweep = q{SELECT count(advfair_submit(jsonb_build_object('kind', 'train', 'model', 'sweep', 'data', 'people', 'label', 'income',
	'arch', '', 'epochs', 1, 'seed', i))) FROM generate_series(1, 30) i};
is($node->safe_psql('postgres', $sweep), 30, 'submitted in a repeatable read session');
is($node->safe_psql('postgres', $sweep, extra_params => [ '-U', 'ann' ]), 30, 'and in a serializable one');
$node->safe_psql('postgres', "SET statement_timeout = '120 s'; CALL advfair_run_jobs(8)");
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT state || COALESCE(message, ''), ' ') FROM advfair_job}), 'succeeded', 'they succeed');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT attempt::text, ' ') FROM advfair_job}), 1, 'at the first attempt');
is($node->safe_psql('postgres', q{SELECT owner, count(*), max(version) FROM advfair_model WHERE name = 'sweep' GROUP BY 1 ORDER BY 1}), "ann|30|30\npostgres|30|30",
	'and each has its version');
$node->safe_psql('postgres', q{SELECT advfair_submit('{"kind": "train", "model": "one", "data": "people", "label": "income", "epochs": 1}')}, extra_params => [ '-U', 'ann' ]);
my ($code, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '60 s'; DO $$ BEGIN
	CALL advfair_run_jobs();
	RAISE NOTICE '% %', current_setting('transaction_isolation'), current_setting('transaction_deferrable');
END $$}, extra_params => [ '-U', 'ann' ]);
like($err, qr/NOTICE:  serializable on/, 'a call ends in a serializable session, in a transaction of its kind');
is($node->safe_psql('postgres', q{SELECT state FROM advfair_jobs WHERE task->>'model' = 'one'}), 'succeeded', 'with the job done');

# a job's process ends by itself
$node->safe_psql('postgres', q{SET exit_on_error = on; SELECT advfair_submit('{"kind": "train", "model": "none", "data": "nothing", "label": "y"}')});
$node->safe_psql('postgres', 'CALL advfair_run_jobs()');
is($node->safe_psql('postgres', q{SELECT state || ' ' || attempt || ' ' || sqlstate FROM advfair_job WHERE task->>'model' = 'none'}), 'failed 1 42P01', 'an error of a job does not end its process');
$node->stop;

# ---- a server where all transactions are like that ----

$node = PostgreSQL::Test::Cluster->new('isolation_launched');
$node->init;
$node->append_conf('postgresql.conf', $conf . "shared_preload_libraries = 'advfair'\n");
$node->start;
$node->safe_psql('postgres', $setup);
$node->safe_psql('postgres', q{SELECT advfair_train('m', 'people', 'income', arch => '', epochs => 1)});
$node->append_conf('postgresql.conf', $past);
$node->restart;
my $job = $node->safe_psql('postgres', q{
	BEGIN READ WRITE;
	SELECT advfair_submit('{"kind": "luf", "model": "m", "data": "people", "leave_out": 2, "into": "left"}');
	COMMIT});
ok($node->poll_query_until('postgres', "SELECT state IN ('succeeded', 'failed') FROM advfair_jobs WHERE job = $job"), 'the launcher runs jobs there')
  or diag $node->safe_psql('postgres', "SELECT * FROM advfair_jobs");
is($node->safe_psql('postgres', "SELECT state || COALESCE(message, '') FROM advfair_jobs WHERE job = $job"), 'succeeded', 'which may write');
is($node->safe_psql('postgres', 'SELECT count(*) FROM "left"'), 200, 'what they are to');
$node->stop;
done_testing();
