# Models move between databases of different encodings: their texts are UTF-8, and the encoding of the database where they are used.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('encodings');
$node->init;
$node->start;
my %databases = (utf8 => 'UTF8', latin => 'LATIN1', japan => 'EUC_JP', bytes => 'SQL_ASCII');

sub run_sql
{
	my ($database, $sql) = @_;
	my ($out, $err) = ('', '');
	my $status = $node->psql($database, "SET client_encoding = 'UTF8'; $sql", stdout => \$out, stderr => \$err);
	return $status == 0 ? $out : $err;
}

# Rows of a table with a category column: the values of it, the label of each.
sub make_table
{
	my ($database, $table, $column, $values, $labels) = @_;
	run_sql($database, qq{CREATE TABLE $table AS SELECT i AS id, (ARRAY[$values])[i % cardinality(ARRAY[$values]) + 1] AS "$column", (i * 7919 % 101)::float8 AS x,
		(ARRAY[$labels])[i % cardinality(ARRAY[$values]) % cardinality(ARRAY[$labels]) + 1] AS label FROM generate_series(1, 120) i});
}

sub train
{
	my ($database, $table) = @_;
	return run_sql($database, qq{SELECT advfair_fit('{"data": "$table", "id": "id", "label": "label", "arch": "", "epochs": 30, "batch_size": 20, "learning_rate": 0.1}')});
}

# What a model makes of the rows of a table, and how it describes itself, in a form that does not depend on the encoding.
sub predictions
{
	my ($database, $model, $table) = @_;
	return run_sql($database, qq{SELECT sum((advfair_predict('$model', t) = label)::int) || ' ' || md5(string_agg(array_send(advfair_proba('$model', t)) || convert_to(advfair_predict('$model', t), 'UTF8'), '' ORDER BY id))
		|| ' ' || advfair_describe('$model') FROM $table t});
}

sub built_again
{
	my ($database, $model) = @_;
	return run_sql($database, qq{SELECT advfair_build(advfair_describe('$model'), (SELECT array_agg(w) FROM advfair_weights('$model') p, unnest(p.weights) w)) = '$model'});
}

for my $database (sort keys %databases)
{
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$databases{$database}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	run_sql($database, 'CREATE EXTENSION advfair');
}
my @german = ('wörter', 'größe', q{'klein','größer','äußerst','Über'}, q{'kühn','ärgerlich'});
make_table($_, @german) for qw(utf8 latin bytes);
# in UTF-8 these come in the order in which they stand here, in EUC_JP the last is the first
my @japanese = ('moji', '字', q{'ひ','カ','漢','Ａ'}, q{'yes','no'});
make_table($_, @japanese) for qw(utf8 japan bytes);

# from one to the other and back
my $german = train('utf8', 'wörter');
my $there = predictions('utf8', $german, 'wörter');
like($there, qr/^120 .*"kühn"/s, 'a model of texts beyond ASCII');
is(predictions('latin', $german, 'wörter'), $there, 'used in LATIN1');
is(train('latin', 'wörter'), $german, 'trained there it is the same');
is(built_again($_, $german), 't', "built again in $_") for qw(utf8 latin);
is(run_sql('latin', qq{SELECT advfair_confidence('$german', t, 'kühn') IS NOT NULL FROM wörter t LIMIT 1}), 't', 'its classes have their names');
like(run_sql('latin', qq{SELECT advfair_confidence('$german', t, 'kuehn') FROM wörter t}), qr/Its 2 classes are kühn, ärgerlich/, 'also in messages');

my $japanese = train('utf8', 'moji');
$there = predictions('utf8', $japanese, 'moji');
like($there, qr/^120 .*\["ひ", "カ", "漢", "Ａ"\]/s, 'a model of four scripts');
is(predictions('japan', $japanese, 'moji'), $there, 'used in EUC_JP, where bytes have another order');
is(train('japan', 'moji'), $japanese, 'trained there it is the same');
is(built_again($_, $japanese), 't', "built again in $_") for qw(utf8 japan);
my $ordinal = q{{"data": "moji", "id": "id", "label": "label", "arch": "", "epochs": 2, "encoding": "ordinal"}};
is(run_sql('japan', "SELECT advfair_fit('$ordinal')"), run_sql('utf8', "SELECT advfair_fit('$ordinal')"), 'codes are the same, too');
for my $columns ('字 AS id, x, label', 'x, id % 3 AS k, 字 AS label')
{
	my $task = qq{{"data": "SELECT $columns FROM moji", "label": "label", "arch": "", "epochs": 2, "validation": "0.3"}};
	$task =~ s/}$/, "id": "id"}/ if $columns =~ /AS id/;
	is(run_sql('japan', "SELECT advfair_fit('$task')"), run_sql('utf8', "SELECT advfair_fit('$task')"), "so are keys of rows and the order of classes: $columns");
}
run_sql('japan', q{SELECT advfair_train('m', 'moji', 'label', id => 'id', epochs => 30, batch_size => 20, learning_rate => 0.1, arch => '')});
is(run_sql('japan', q{SELECT count(*) FROM advfair_predict('m', 'moji') WHERE prediction = label}), 120, 'data set functions in EUC_JP');

# what has no place in the other encoding
my $error = run_sql('latin', "SELECT advfair_describe('$japanese')");
like($error, qr/name of column 1 of the model cannot be written in the encoding "LATIN1" of this database/, 'a column');
like($error, qr/U\+5B57/, 'and its character');
run_sql('utf8', q{CREATE TABLE signs AS SELECT id, x, "字" AS sign, CASE label WHEN 'yes' THEN '漢' ELSE 'a' END AS label FROM moji});
my $signs = train('utf8', 'signs');
like(run_sql('latin', "SELECT advfair_describe('$signs')"), qr/class 2 of the model cannot/, 'a class');
run_sql('utf8', q{ALTER TABLE signs ALTER label TYPE text USING CASE WHEN label = 'a' THEN 'a' ELSE 'b' END});
$signs = train('utf8', 'signs');
like(run_sql('latin', "SELECT advfair_describe('$signs')"), qr/category 1 of column 2 of the model cannot/, 'a category');

# a database that does not know its encoding
is(predictions('bytes', $japanese, 'moji'), predictions('utf8', $japanese, 'moji'), 'SQL_ASCII takes bytes as they are');
my $bytes = train('bytes', 'wörter');
isnt($bytes, $german, 'and does not say what they are');
is(predictions('bytes', $bytes, 'wörter'), predictions('utf8', $german, 'wörter'), 'but knows them again');
is(predictions('utf8', $bytes, 'wörter'), predictions('utf8', $german, 'wörter'), 'as does who has the same');
my $ascii = q{{"data": "SELECT id, x, id % 2 AS label FROM generate_series(1, 20) id, LATERAL (SELECT id::float8 AS x) x", "id": "id", "label": "label", "arch": "", "epochs": 1}};
is(run_sql('bytes', "SELECT advfair_fit('$ascii')"), run_sql('utf8', "SELECT advfair_fit('$ascii')"), 'what is ASCII is UTF-8');

# models of format 1, which do not say it either
sub crc32c
{
	my $crc = 0xffffffff;
	for my $byte (unpack 'C*', shift)
	{
		$crc ^= $byte;
		$crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
	}
	return $crc ^ 0xffffffff;
}

sub format_1
{
	my $model = pack 'H*', substr(shift, 2);
	substr($model, 8, 8) = pack('VV', 1, unpack('V', substr($model, 12, 4)) & 1);
	substr($model, -4) = pack('V', crc32c(substr($model, 0, -4)));
	return '\x' . unpack('H*', $model);
}
my $old = format_1($german);
(my $described = predictions('utf8', $german, 'wörter')) =~ s/"format": 2/"format": 1/;
is(predictions('utf8', $old, 'wörter'), $described, "format 1: read as the database's own text");
like(run_sql('japan', "SELECT advfair_describe('$old')"), qr/invalid byte sequence for encoding "EUC_JP"/, 'format 1: if it is that');

done_testing();
