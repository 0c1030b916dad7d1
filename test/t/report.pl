# Reports in a browser: every chart is drawn, in light and dark, on a phone and on paper, and nothing in them can run.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use JSON::PP;

my ($browser) = grep { -x } map { ("$_/chromium", "$_/chromium-browser", "$_/google-chrome") } split /:/, $ENV{PATH};
my $node = PostgreSQL::Test::Cluster->new('report');
$node->init;
$node->append_conf('postgresql.conf', 'fsync = off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION advfair');

# Queries of the dashboard, Grafana's macros and variables filled in.
$node->safe_psql('postgres', q{
	CREATE TABLE few AS SELECT * FROM advfair_make_census(200, 0);
	ALTER TABLE few ADD PRIMARY KEY (person_id);
	SELECT advfair_train('few', 'few', 'income', epochs => 1);
	SELECT advfair_retrain('few', 'accuracy > 1', data => 'few');
	SELECT advfair_submit('{"kind": "train", "model": "few", "data": "few", "label": "income", "epochs": 1}');
	SELECT advfair_submit('{"kind": "train", "model": "few", "data": "nothing", "label": "income", "epochs": 1}');
});
$node->safe_psql('postgres', 'CALL advfair_run_jobs()');
my $dashboard = JSON::PP->new->decode(slurp_file('examples/grafana/advfair.json'));
for my $panel (@{ $dashboard->{panels} })
{
	my $sql = $panel->{targets}[0]{rawSql};

	$sql =~ s/\$__timeFilter\(((?:[^()]|\([^()]*\))*)\)/($1 BETWEEN now() - interval '1 h' AND now())/g;
	$sql =~ s/\$\{model:sqlstring\}/'few'/g;
	is($node->safe_psql('postgres', "SELECT count(*) > 0 FROM ($sql) q"), $panel->{title} eq 'Running' ? 'f' : 't', "dashboard: $panel->{title}");
}
is($node->safe_psql('postgres', $dashboard->{templating}{list}[0]{query}), 'few', 'dashboard: models to choose from');

SKIP: {
skip 'no browser (chromium)', 41 unless $browser;
skip 'the chart library is not installed (make charts)', 41 unless $node->safe_psql('postgres', q{SELECT advfair_report_file('vega.js') IS NOT NULL}) eq 't';

my $dir = PostgreSQL::Test::Utils::tempdir();
my @browser = ($browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--enable-logging=stderr', '--v=0', '--hide-scrollbars',
	"--user-data-dir=$dir/profile", '--virtual-time-budget=10000', '--host-resolver-rules=MAP * ~NOTFOUND');

$node->safe_psql('postgres', q{
	CREATE TABLE people AS SELECT * FROM advfair_make_census(1500, 0);
	ALTER TABLE people ADD PRIMARY KEY (person_id);
	CREATE TABLE test AS SELECT * FROM advfair_make_census(1000, 1);
	ALTER TABLE test ADD PRIMARY KEY (person_id);
	SELECT advfair_train('income', 'people', 'income', epochs => 5, validation => '0.2');
	SELECT advfair_adv_train('robust', 'people', 'income', eps => 0.05, method => 'pgd', steps => 3, epochs => 5, validation => '0.2');

	CREATE TABLE "many</script><script>console.error('broken out')</script>" AS
	SELECT i AS id, 'c' || i % 200 || '"''<img src=x onerror=console.error(1)>&' AS "y<b>", (i % 200)::float8 AS x, (i % 3)::float8 AS "z'&",
		CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '</script><script>console.error(2)</script>' ELSE 'g' || i % 5 END AS "<g>" FROM generate_series(1, 2000) i;
	ALTER TABLE "many</script><script>console.error('broken out')</script>" ADD PRIMARY KEY (id);
	SELECT advfair_train('x<script>console.error(3)</script>"''&', '"many</script><script>console.error(''broken out'')</script>"', 'y<b>', exclude => '{<g>}', epochs => 1);
});

# A page in a file; advfair_report is called with these arguments.
sub page
{
	my ($name, $arguments) = @_;
	my $file = "$dir/$name.html";

	$node->command_ok([ 'psql', '-AtX', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-o', $file, '-c', "SELECT advfair_report($arguments)" ], "$name: a page");
	return $file;
}

# What the browser makes of a page: its document and what it says on the console.
sub look
{
	my ($file, @options) = @_;
	my ($stdout, $stderr) = ('', '');

	IPC::Run::run([ @browser, @options, "file://$file" ], '>', \$stdout, '2>', \$stderr, IPC::Run::timeout(120));
	return ($stdout, join "\n", grep { /CONSOLE/ } split /\n/, $stderr);
}

sub check
{
	my ($name, $file, $charts) = @_;
	my @sizes = (
		[ 'light', '--window-size=1100,800', '--blink-settings=preferredColorScheme=1' ],
		[ 'dark', '--window-size=1100,800', '--blink-settings=preferredColorScheme=0' ],
		[ 'phone', '--window-size=390,800' ]);
	for my $size (@sizes)
	{
		my ($what, @options) = @$size;
		my ($dom, $console) = look($file, '--dump-dom', @options);

		$dom =~ s/<(script|style)\b.*?<\/\1>//gs;
		is($console, '', "$name, $what: the console is silent");
		like($dom, qr/<html lang="en" data-charts="$charts">/, "$name, $what: all charts are drawn");
		is(scalar(() = $dom =~ /<svg/g), $charts, "$name, $what: each is a picture");
		unlike($dom, qr/NaN|undefined|Infinity/, "$name, $what: without holes") unless $name eq 'strange';
	}
	look($file, "--print-to-pdf=$dir/$name.pdf", '--no-pdf-header-footer');
	like(slurp_file("$dir/$name.pdf"), qr/^%PDF-.*\/Type \/Page\b/s, "$name: and printed");
}

my $usual = page('usual', q{'{income,robust}', 'test', eps => '{0.05,0.1}', protected => '{sex,race}', given => '>50K', eps_max => 0.5, leave_out => 2});
check('usual', $usual, 7);
my $text = slurp_file($usual);
like($text, qr/<meta http-equiv="Content-Security-Policy" content="default-src 'none';/, 'a page fetches nothing');
my ($again) = $text =~ /<h2>To repeat it<\/h2>\n<pre>SELECT (advfair_report\(.*?\));<\/pre>/s;
$again =~ s/&#39;/'/g;
$again =~ s/&gt;/>/g;
is($node->safe_psql('postgres', "SELECT length($again) > 100000"), 't', 'it says how to repeat it');

my $plain = page('plain', q{'{income}', 'test'});
check('plain', $plain, 2);

my $strange = page('strange', q{ARRAY['x<script>console.error(3)</script>"''&'], '"many</script><script>console.error(''broken out'')</script>"', eps => '{0.1}', protected => '{<g>}', title => '<script>console.error(4)</script>'});
check('strange', $strange, 5);
}
$node->stop;
done_testing();
