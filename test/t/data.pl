# make data: it never takes the place of what it is made from.
use strict;
use warnings;
use File::Copy;
use File::Temp qw(tempdir);
use PostgreSQL::Test::Utils;
use Test::More;

my $top = tempdir(CLEANUP => 1);
mkdir "$top/$_" for qw(tools data data/adult);
copy("tools/$_", "$top/tools/$_") or die "cannot copy $_: $!" for qw(data.sh common.sh);
append_to_file("$top/data/adult/$_", "what a user has\n") for qw(adult.data adult.test);

my ($out, $err);
{
	local $ENV{ADVFAIR_DATA} = "$top/data";
	isnt(run_log(['bash', "$top/tools/data.sh", 'adult'], '>', \$out, '2>', \$err), 1, 'data sets are not made where they come from');
}
like($err, qr/ADVFAIR_DATA is \Q$top\E\/data, where the data sets are to be put/, 'which is said');
is(slurp_file("$top/data/adult/$_"), "what a user has\n", "$_ is as it was") for qw(adult.data adult.test);
ok(!-l "$top/data/adult/adult.data", 'and no link to itself');
done_testing();
