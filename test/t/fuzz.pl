# What fuzzing has found so far, once more and through SQL: each input works, or raises an error that a user can have caused.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('fuzz');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nstatement_timeout = '10s'\nrestart_after_crash = on");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION advfair;
	CREATE AGGREGATE combined (bytea) (SFUNC = advfair_gap_combine, STYPE = bytea, FINALFUNC = advfair_gap_final);
	CREATE FUNCTION outcome(statement text, input bytea) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE statement USING input;
		RETURN '00000';
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
});
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# In these the input is $1; JSON is text in UTF-8 first.
my $json = q{convert_from($1, 'UTF8')::jsonb};
my %statements = (
	task => [ "SELECT advfair_fit($json)", "SELECT advfair_run($json)" ],
	job => [ "SELECT advfair_submit($json)" ],
	build => [ map { "SELECT advfair_describe(advfair_build($json, array_fill(0.5::real, '{$_}')))" } 4, 26 ],
	functions => [ 'SELECT advfair_describe($1)', 'SELECT count(*) FROM advfair_weights($1)',
		q{SELECT advfair_predict($1, '{1,2,3,4}'::real[])}, q{SELECT advfair_decode($1, '{1,2,3,4}')} ],
	state => [ 'SELECT combined(s) FROM (VALUES ($1), ($1)) v (s)' ],
	model => [ 'SELECT advfair_describe($1)' ],
);

for my $target (sort keys %statements)
{
	my @files = glob "$FindBin::Bin/../fuzz/corpus/$target/*";
	my $script = '';

	for my $file (@files)
	{
		my $hex = unpack 'H*', slurp_file($file);

		$script .= "SELECT outcome(\$statement\$$_\$statement\$, '\\x$hex');\n" for @{ $statements{$target} };
	}
	my ($status, $stdout, $stderr) = $node->psql('postgres', $script);
	my @outcomes = split /\n/, $stdout;

	is($status, 0, "$target: one connection takes all inputs") or diag($stderr);
	is(@outcomes, @files * @{ $statements{$target} }, "$target: each has an outcome");
	cmp_ok(@files, '>', 0, "$target: there are inputs");
	# data exceptions, names and syntax, limits; nothing internal, no lack of memory
	is(join(' ', grep { !/^(00000|0A000|22...|42...|54...|53400)$/ } @outcomes), '', "$target: only errors that a user can have caused");
}
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server did not restart');
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP:|PANIC/, 'no process crashed');
$node->stop;
done_testing();
