# The house: docs/design.md draws its floors, includes point down, and no files are in a circle.
use strict;
use warnings;
use File::Find;
use PostgreSQL::Test::Utils;
use Test::More;

# ---- the floors, bottom first ----

my ($drawn) = slurp_file('docs/design.md') =~ /^## Floors\n.*?^```\n(.*?)^```/ms;
my (%floor, @rooms);
for (reverse split /\n/, $drawn // '')
{
	my ($name, @folders) = /^(\d+)\s+(src\/\S+)/ ? ($1, $2) : next;
	push @rooms, $folders[0];
	$floor{ $folders[0] =~ s{^src/}{}r } = $name;
}
cmp_ok(scalar @rooms, '>', 10, 'design.md draws floors');

my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && /\.[ch]$/ } }, 'src', 'include');
my %room = map { $_ => m{^(?:src|include)/(.*)/} ? $1 : '' } @files;
is(join(' ', grep { !defined $floor{ $room{$_} } } sort @files), '', 'each file is on one of them');

# The core knows nothing of the server, whatever the floor.
sub above
{
	my ($from, $to) = @_;
	return 1 if $from =~ /^core/ && $to =~ /^pg/;
	return 0 if $from =~ /^pg/ && $to =~ /^core/;
	return $floor{$to} > $floor{$from} || ($floor{$to} == $floor{$from} && $to ne $from);
}

my (@up, @lost);
for my $file (sort @files)
{
	my $text = slurp_file($file);
	while ($text =~ /^#include "((?:core|pg)\/[^"]+)"/mg)
	{
		my $header = $1;
		my ($to) = $header =~ m{^(.*)/};
		push @lost, "$file: $header" and next unless -f "include/$header" && defined $floor{$to};
		push @up, "$file: $header" if defined $floor{ $room{$file} } && above($room{$file}, $to);
	}
}
is(join("\n", @lost), '', 'headers lie under include/ as the files do that they belong to');
is(join("\n", @up), '', 'includes point down');

# ---- circles: an object needs another one that defines what it leaves undefined ----

my (%where, %wants, %needs);
my @objects;
find({ no_chdir => 1, wanted => sub { push @objects, $_ if /\.o$/ && -f s/\.o$/.c/r } }, 'src');
for my $object (@objects)
{
	for (split /\n/, `nm '$object'`)
	{
		my ($kind, $name) = (split)[ -2, -1 ];
		if ($kind eq 'U') { push @{ $wants{$object} }, $name }
		elsif ($kind =~ /[TDBRC]/) { $where{$name} = $object }
	}
}
for my $object (@objects)
{
	my %others = map { $where{$_} => 1 } grep { defined $where{$_} && $where{$_} ne $object } @{ $wants{$object} // [] };
	$needs{$object} = [ sort keys %others ];
}

# Take away what needs nothing that is left, again and again: what remains is in a circle, or needs one that is.
my $before = -1;
while ($before != keys %needs)
{
	$before = keys %needs;
	delete @needs{ grep { my $o = $_; !grep { $needs{$_} } @{ $needs{$o} } } keys %needs };
}
is(join(' ', sort keys %needs), '', 'no circle of files');
my %names;
$names{ (m{([^/]+)$})[0] }++ for @objects;
is(join(' ', grep { $names{$_} > 1 } sort keys %names), '', 'files have names of their own');

# ---- sizes: what can be read at once ----

my (@big, @strangers);
for my $file (grep { /\.c$/ && /^src/ } sort @files)
{
	my @lines = split /\n/, slurp_file($file);
	my $open;
	push @big, "$file: " . @lines . ' lines' if @lines > 700;
	push @strangers, $file unless $lines[0] eq '/*' && $lines[1] =~ m{^ \* (\S+)$} && $file =~ m{/\Q$1\E$};
	for my $i (0 .. $#lines)
	{
		$open = $i if $lines[$i] eq '{';
		push @big, "$file: a function of " . ($i - $open - 1) . ' lines' if $lines[$i] eq '}' && defined $open && $i - $open - 1 > 60;
	}
}
is(join("\n", @big), '', 'no file has more than 700 lines, no function more than 60');
is("@strangers", '', 'each file says what it is');

# ---- lines of scripts; those of released steps are as they were ----

my @long;
for my $script (grep { !/advfair--/ } glob('sql/*.sql sql/steps/1.[3-9].sql'))
{
	my $number = 0;
	for (split /\n/, slurp_file($script))
	{
		$number++;
		(my $shown = $_) =~ s/\t/    /g;
		push @long, "$script:$number" if length $shown > 120;
	}
}
is("@long", '', 'lines of scripts have 120 columns at most');

done_testing();
