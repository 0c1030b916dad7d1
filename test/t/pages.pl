# Pages tell of what there is: docs/design.md of all files, README.md of all functions, columns and settings, and links lead somewhere.
use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub files
{
	my ($pattern, @folders) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, $_ if -f && /$pattern/ } }, @folders);
	return sort @found;
}

# ---- where things live ----

my ($places) = slurp_file('docs/design.md') =~ /^## Where things live\n(.*)/ms;
my @named = grep { !/^advfair_/ } $places =~ /`([^`\s]+)`/g;
my %named = map { basename($_) => 1 } @named;
my @sources = files(qr/\.[ch]$/, 'src');
my %module = map { basename($_, '.c') . '.h' => 1 } grep { /\.c$/ } @sources; # a module's header needs no words of its own
my @unnamed = grep { !$named{$_} && !$module{$_} } map { basename($_) } @sources, files(qr/\.h$/, 'include'), grep { !/advfair--/ } glob('sql/*.sql');
is("@unnamed", '', 'design.md says of each file what it is for');
is(join(' ', grep { my $folder = $_; !grep { "$_/" =~ /^\Q$folder\E/ } @named } glob('test/*/')), '', 'and of each folder of tests');
my %there = map { $_ => 1, basename($_) => 1 } files(qr/./, qw(src include sql test examples tools bench report docs));
is(join(' ', grep { !$there{$_} && !-e } @named), '', 'and names none that is not there');

# ---- links ----

# The name under which a heading can be linked to.
sub anchor
{
	my $heading = lc shift;
	$heading =~ s/[^\w\s-]//g;
	return $heading =~ s/\s/-/gr;
}

my @dead;
for my $page (qw(README.md CHANGELOG.md), files(qr/\.md$/, qw(docs examples bench test)))
{
	my $text = slurp_file($page) =~ s/^```.*?^```//msgr;
	while ($text =~ /\[[^\]]*\]\(([^)\s]+)\)/g)
	{
		my $link = $1;
		my ($target, $part) = split /#/, $link, 2;
		next if $target =~ /^[a-z]+:/;
		my $file = $target eq '' ? $page : dirname($page) . "/$target";
		push @dead, "$page: $link" and next unless -e $file;
		next unless defined $part && $file =~ /\.md$/;
		push @dead, "$page: $link" unless grep { anchor($_) eq $part } slurp_file($file) =~ /^#+ (.*)$/mg;
	}
}
is(join("\n", @dead), '', 'all links lead somewhere');

# ---- the reference ----

my $node = PostgreSQL::Test::Cluster->new('pages');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION advfair');
my $readme = slurp_file('README.md');
my ($reference) = $readme =~ /^## Reference\n(.*?)^## /ms;

sub rows
{
	return map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('postgres', shift);
}

my $member = q{JOIN pg_depend d ON d.objid = o.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'advfair'};
my %arguments; # of each function, in all its forms
push @{ $arguments{ $_->[0] } }, $_->[1] for rows(qq{SELECT o.proname, array_to_string(o.proargnames[1:o.pronargs], ' ') FROM pg_proc o $member WHERE d.classid = 'pg_proc'::regclass});
my @families = map { qr/^\Q$_\E/ } $reference =~ /`(advfair_\w+_?)\*`/g;
my @unknown = grep { my $name = $_; $reference !~ /`\Q$name\E\b/ && !grep { $name =~ $_ } @families } sort keys %arguments;
is(join(' ', @unknown), '', 'README.md has each function');

# Whether a call as the reference has it, [optional] arguments and all, is one of a function with these arguments.
sub fits
{
	my ($list, @has) = @_;
	my @listed = map { (split)[0] } grep { /\S/ } split /,/, $list =~ s/\.\.\..*//r =~ tr/[]//dr;
	my %has = map { $_ => 1 } @has;
	return $list =~ /\.\.\./ ? !grep { !$has{$_} } @listed : "@has" eq "@listed";
}

my @wrong;
while ($reference =~ /`(advfair_\w+)\(([^`]*)\)`/g)
{
	my ($name, $list) = ($1, $2);
	push @wrong, "$name($list)" unless grep { fits($list, split / /) } @{ $arguments{$name} // [] };
}
is(join("\n", @wrong), '', 'with the arguments that it has');

my @missing = grep { $reference !~ /`$_->[0]`[^\n]*`$_->[1]`/ }
	rows(qq{SELECT o.relname, string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_class o $member JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE d.classid = 'pg_class'::regclass AND o.relkind IN ('r', 'v') AND o.relname NOT IN ('advfair_job', 'advfair_checkpoint') GROUP BY 1});
is(join(' ', map { "$_->[0] ($_->[1])" } @missing), '', 'and the columns of tables and views');

my ($audit) = $readme =~ /^## Everything at once\n(.*?)^## /ms;
is(join(' ', grep { $audit !~ /^\|[^|]*`\Q$_\E`/m } map { $_->[0] } rows(q{SELECT name FROM advfair_scores() WHERE needs IS DISTINCT FROM 'leave_out'})), '', 'and all scores');

my ($settings) = $readme =~ /^## Settings\n(.*?)^## /ms;
is(join(' ', grep { $settings !~ /`\Q$_\E`/ } map { $_->[0] } rows(q{LOAD 'advfair'; SELECT name FROM pg_settings WHERE name LIKE 'advfair.%'})), '', 'and all settings');

done_testing();
