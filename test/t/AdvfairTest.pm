# What tests of processes and shared memory have in common.
package AdvfairTest;
use strict;
use warnings;
use Exporter qw(import);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);
our @EXPORT = qw(workers keepers wait_until_workers segments start_psql);

# Process numbers of a server's compute workers. They have no database connection, so they are not in pg_stat_activity.
sub workers
{
	return processes(shift, 'advfair compute worker');
}

# Those of the keepers of leave-one-out runs.
sub keepers
{
	return processes(shift, 'advfair keeper');
}

sub processes
{
	my ($node, $title) = @_;
	my ($server) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	return processes_of($server, $title);
}

# Children of a process, with a title.
sub processes_of
{
	my ($server, $title) = @_;
	my @found;
	$title //= '';
	for my $dir (glob '/proc/[0-9]*')
	{
		my ($pid) = $dir =~ /(\d+)$/;
		my ($stat, $command) = map { my $f; open($f, '<', "$dir/$_") ? do { local $/; <$f> // '' } : '' } qw(stat cmdline);
		push @found, $pid if $command =~ /$title/ && $stat =~ /\) \S (\d+)/ && $1 == $server;
	}
	return @found;
}

# Wait, at most 20 seconds, until there are so many.
sub wait_until_workers
{
	my ($node, $number) = @_;
	my $until = time + 20;
	usleep(5_000) while (scalar(() = workers($node)) != $number && time < $until);
	return scalar(() = workers($node)) == $number;
}

# Number of dynamic shared memory segments of a server with dynamic_shared_memory_type = mmap.
sub segments
{
	my $node = shift;
	my @files = glob($node->data_dir . '/pg_dynshmem/*');
	return scalar @files;
}

# Start a psql that runs a statement beside the test; its messages go to $$stderr.
sub start_psql
{
	my ($node, $statement, $stderr) = @_;
	my $stdout = '';
	$$stderr = '';
	return IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $statement ], '>', \$stdout, '2>', $stderr);
}

1;
