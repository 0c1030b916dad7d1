# Building: from another folder too, what an installation consists of, and code that no version's compiler may let pass.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Find;
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

my $top = getcwd();
my $folder = PostgreSQL::Test::Utils::tempdir();

# Exit status and output of make, run in a folder.
sub make
{
	my ($in, @arguments) = @_;
	my $output = '';

	chdir $in or die "$in: $!";
	my $status = IPC::Run::run(['make', '-s', '--no-print-directory', @arguments], '>', \$output, '2>&1') ? 0 : $?;
	chdir $top or die "$top: $!";
	return ($status, $output);
}

# Names of what was installed, versions left out.
sub installed
{
	my $stage = shift;
	my @files;

	find(sub { push @files, $File::Find::name =~ s/^\Q$stage\E//r if -f }, $stage);
	return [ sort map { s/.*\///r } grep { !/advfair--.*\.sql$/ } @files ];
}

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS WERROR)};
my $expected = [ sort qw(advfair.control advfair.so advfair-report.css advfair-report.js), -e 'build/report/advfair-vega.js' ? 'advfair-vega.js' : () ];

my ($status, $output) = make($folder, '-f', "$top/Makefile", 'OPTFLAGS=-O0 -g0');
is($status, 0, 'built from another folder') or diag($output);
ok(-f "$folder/advfair.so", 'there');
($status, $output) = make($folder, '-f', "$top/Makefile", 'install', "DESTDIR=$folder/stage", "VPATH=$top", 'OPTFLAGS=-O0 -g0');
is($status, 0, 'installed from there') or diag($output);
is_deeply(installed("$folder/stage"), $expected, 'library, control file and what pages are made of; no header');

($status, $output) = make($top, 'install', "DESTDIR=$folder/stage2");
is($status, 0, 'installed from its own folder') or diag($output);
is_deeply(installed("$folder/stage2"), $expected, 'the same files');

# A client's package brings pg_config and PGXS, but no headers.
my $client = "$folder/pg_config";
append_to_file($client, "#!/bin/sh\n[ \"\$*\" != --includedir-server ] || exec echo $folder\nexec $ENV{PG_CONFIG} \"\$@\"\n");
chmod 0755, $client;
($status, $output) = make($folder, '-f', "$top/Makefile", "PG_CONFIG=$client");
ok($status && $output =~ /server headers are missing/, 'says that the server headers are missing') or diag($output);

# A function of the server whose header some version does not bring along: it would be one of int, and sizes would be cut.
make_path("$folder/src/core/base");
append_to_file("$folder/src/core/base/undeclared.c", "long size(long n);\nlong\nsize(long n)\n{\n\treturn mul_size(n, n);\n}\n");
for my $object (map { "${_}src/core/base/undeclared.o" } '', 'build/', 'build/valgrind/')
{
	($status, $output) = make($folder, '-f', "$top/Makefile", $object);
	ok($status && $output =~ /implicit.*mul_size/i, "$object: a function that is not declared is an error") or diag($output);
}

# The one such header that only 16 does not bring along with others.
my @without = grep { my $code = slurp_file($_); $code =~ /\b(?:mul|add)_size\(/ && $code !~ m{"storage/shmem\.h"} } glob "src/pg/*.c src/pg/*/*.c";
is("@without", '', 'who multiplies sizes includes storage/shmem.h');

# Benchmarks are not run by tests: at least they compile.
($status, $output) = make($folder, '-f', "$top/Makefile", 'WERROR=1', 'build/bench/core.o', 'build/bench/sections.o', 'build/bench/kernels.o');
is($status, 0, 'benchmarks compile') or diag($output);

done_testing();
