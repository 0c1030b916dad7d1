/*
 * test_arch.c
 *		Arch strings: what they mean, how they are written back, and what is said about wrong ones.
 */
#include <stdlib.h>

#include "core/network/network.h"
#include "core/base/rng.h"
#include "tap.h"

static const AdvShape image = {3, 32, 32};
static const AdvShape flat = {10, 1, 1};
static AdvNetwork net;
static AdvError err;

static AdvStatus
parse(const char *arch, AdvShape input)
{
	memset(&err, 0, sizeof(err));
	return adv_network_parse(&net, arch, input, 10, false, &err);
}

/* An arch string and its canonical form. */
static void
reads_as(const char *arch, AdvShape input, const char *expected)
{
	char written[ADV_MAX_ARCH] = "an error";
	char again[ADV_MAX_ARCH] = "an error";

	if (parse(arch, input) == ADV_OK)
		adv_network_arch(&net, written);
	if (parse(written, input) == ADV_OK)
		adv_network_arch(&net, again);
	okf(strcmp(written, expected) == 0 && strcmp(again, expected) == 0, "\"%s\" is \"%s\"", arch, expected);
	if (strcmp(written, expected) != 0)
		diag("found \"%s\" %s", written, err.message);
}

static void
fails_with(const char *arch, AdvShape input, AdvStatus status, const char *message)
{
	AdvStatus found = parse(arch, input);

	okf(found == status && err.status == status && strcmp(err.message, message) == 0, "%s", message);
	if (found != status || strcmp(err.message, message) != 0)
		diag("found status %d, message \"%s\"", (int) found, err.message);
}

static bool
is_layer(int i, const char *word, AdvShape out, size_t weight, size_t n_weight, size_t n_bias)
{
	const AdvLayer *l = &net.layers[i];

	return strcmp(adv_layer_type(l)->word, word) == 0 && l->out.c == out.c && l->out.h == out.h &&
		   l->out.w == out.w && l->weight == weight && l->n_weight == n_weight && l->n_bias == n_bias &&
		   l->bias == weight + n_weight;
}

static void
test_layers(void)
{
	ok(parse(ADV_ARCH_IMAGE, image) == ADV_OK && net.n_layers == 12, "the image network");
	ok(is_layer(0, "conv", (AdvShape){32, 32, 32}, 0, 864, 32), "its first layer");
	ok(is_layer(3, "conv", (AdvShape){64, 16, 16}, 896, 18432, 64), "its second convolution");
	ok(is_layer(6, "flatten", (AdvShape){4096, 1, 1}, 19392, 0, 0), "a flatten layer is added");
	ok(is_layer(11, "dense", (AdvShape){10, 1, 1}, 19392 + 4097 * 256 + 257 * 128, 1280, 10),
	   "an output layer is added");
	ok(net.n_params == 19392 + 4097 * 256 + 257 * 128 + 129 * 10, "all parameters are counted");

	ok(adv_network_parse(&net, "", image, 7, true, &err) == ADV_OK && net.n_layers == 3 && net.scale &&
		   !adv_layer_is_trained(&net.layers[0]) && is_layer(0, "scale", image, 0, 3, 3) &&
		   is_layer(2, "dense", (AdvShape){7, 1, 1}, 6, 7 * 3072, 7),
	   "a scaling layer comes first");
	ok(parse("conv 4x3, maxpool 2", (AdvShape){2, 7, 5}) == ADV_OK && net.layers[1].out.h == 3 &&
		   net.layers[1].out.w == 2,
	   "pooling drops what fills no window");
}

static void
test_grammar(void)
{
	reads_as(ADV_ARCH_IMAGE, image, ADV_ARCH_IMAGE);
	reads_as(ADV_ARCH_TABULAR, flat, ADV_ARCH_TABULAR);
	reads_as("", flat, "");
	reads_as(" \t\n", flat, "");
	reads_as("  CONV 4 X 3 ,ReLU,\n\tmaxPool2,dense007,TANH  ", image,
			 "conv 4x3, relu, maxpool 2, dense 7, tanh");
	reads_as("relu,tanh", flat, "relu, tanh");
	reads_as("LEAKY_ReLU 00.250, leaky_relu .1,leaky_relu 0", flat,
			 "leaky_relu 0.25, leaky_relu 0.1, leaky_relu 0");
	reads_as("leaky_relu 0.123456789123, leaky_relu 0.00000000001", flat,
			 "leaky_relu 0.12345679, leaky_relu 0");
	fails_with("leaky_relu 99999999999999999999999999999999999999999999999999", flat, ADV_INVALID,
			   "slope of leaky_relu in arch string must be less than 1");
	fails_with("leaky_relu 1", flat, ADV_INVALID, "slope of leaky_relu in arch string must be less than 1");
	fails_with("leaky_relu", flat, ADV_INVALID, "cannot read layer \"leaky_relu\" in arch string");
	fails_with("leaky_relu -0.1", flat, ADV_INVALID, "cannot read layer \"leaky_relu -0.1\" in arch string");
	fails_with("leaky_relu 0.1.2", flat, ADV_INVALID,
			   "cannot read layer \"leaky_relu 0.1.2\" in arch string");
	fails_with("leaky 0.1", flat, ADV_INVALID, "unknown layer \"leaky\" in arch string");
	reads_as("AvgPool02,conv 5x3", (AdvShape){2, 5, 4}, "avgpool 2, conv 5x3");
	reads_as("globalPOOL ,conv 5x3, GlobalPool", (AdvShape){2, 5, 4}, "globalpool, conv 5x3, globalpool");
	reads_as("DropOut .50,dropout 0", flat, "dropout 0.5, dropout 0");
	reads_as("Residual ( conv 4x3,RESIDUAL(relu) , maxpool 2 ),residual(residual(conv 4x1)), dense "
			 "3,residual(tanh)",
			 image,
			 "residual(conv 4x3, residual(relu), maxpool 2), residual(residual(conv 4x1)), dense 3, "
			 "residual(tanh)");
	ok(is_layer(6, "project", (AdvShape){4, 16, 16}, 112, 12, 4) && net.layers[6].stride == 2 &&
		   net.layers[6].peer == 0 && net.layers[0].peer == 6 && net.layers[4].peer == 2,
	   "where a block changes the shape its input is projected");
	fails_with("residual()", flat, ADV_INVALID, "empty layer in arch string");
	fails_with("residual(relu,)", flat, ADV_INVALID, "empty layer in arch string");
	fails_with("residual relu", flat, ADV_INVALID, "cannot read layer \"residual relu\" in arch string");
	fails_with("residual(relu", flat, ADV_INVALID, "\"(\" in arch string without a \")\" behind it");
	fails_with("residual(", flat, ADV_INVALID, "\"(\" in arch string without a \")\" behind it");
	fails_with("residual(relu))", flat, ADV_INVALID, "\")\" in arch string without a \"(\" before it");
	fails_with("relu)", flat, ADV_INVALID, "\")\" in arch string without a \"(\" before it");
	fails_with("residual(relu) tanh, relu", flat, ADV_INVALID,
			   "cannot read \"tanh\" behind \")\" in arch string");
	fails_with("residual(relu)(", flat, ADV_INVALID, "cannot read \"\" behind \")\" in arch string");
	fails_with("residual(conv 3x3, dense 4)", image, ADV_INVALID,
			   "a residual block in arch string begins with an image and ends with a vector");
	fails_with(
		"residual(residual(residual(residual(residual(residual(residual(residual(residual(relu)))))))))",
		flat, ADV_LIMIT, "more than 8 blocks within each other in arch string");
	reads_as("maxpool 4, conv 5x3", (AdvShape){2, 4, 4}, "maxpool 4, conv 5x3");
	reads_as("conv 5x3Stride2,maxpool 2 STRIDE 02, conv 4x3 stride 1, maxpool 2 stride 1",
			 (AdvShape){2, 9, 8}, "conv 5x3 stride 2, maxpool 2, conv 4x3, maxpool 2 stride 1");
	ok(net.layers[0].out.h == 5 && net.layers[0].out.w == 4 && net.layers[1].out.h == 2 &&
		   net.layers[3].out.h == 1,
	   "a stride's shapes");
}

static void
test_wrong_words(void)
{
	fails_with("convv 3x3", image, ADV_INVALID, "unknown layer \"convv\" in arch string");
	is_string(err.hint,
			  "Layers are conv NxS [stride T], dense N, maxpool P [stride T], avgpool P, globalpool, relu, "
			  "tanh, leaky_relu A, "
			  "sigmoid, gelu, dropout P, batchnorm and residual(layers), separated by commas.",
			  "the hint lists the layers");
	fails_with("dense 5; relu", flat, ADV_INVALID, "cannot read layer \"dense 5; relu\" in arch string");
	is_string(err.hint, "Write dense N for N outputs, for example dense 128.",
			  "the hint shows how to write it");
	fails_with("relu, , tanh", flat, ADV_INVALID, "empty layer in arch string");
	fails_with(",relu", flat, ADV_INVALID, "empty layer in arch string");
	fails_with("relu, ", flat, ADV_INVALID, "empty layer in arch string");
	fails_with("5", flat, ADV_INVALID, "unknown layer \"5\" in arch string");
	fails_with("sch\xc3\xb6n 5", flat, ADV_INVALID, "unknown layer \"sch\xc3\xb6n\" in arch string");
	fails_with("scale", flat, ADV_INVALID, "unknown layer \"scale\" in arch string");
	fails_with("conv 32", image, ADV_INVALID, "cannot read layer \"conv 32\" in arch string");
	fails_with("conv 32y3", image, ADV_INVALID, "cannot read layer \"conv 32y3\" in arch string");
	fails_with("conv 3x3x3", image, ADV_INVALID, "cannot read layer \"conv 3x3x3\" in arch string");
	fails_with("dense", flat, ADV_INVALID, "cannot read layer \"dense\" in arch string");
	fails_with("dense -5", flat, ADV_INVALID, "cannot read layer \"dense -5\" in arch string");
	fails_with("dense 2.5", flat, ADV_INVALID, "cannot read layer \"dense 2.5\" in arch string");
	fails_with("relu 2 , tanh", flat, ADV_INVALID, "cannot read layer \"relu 2\" in arch string");
	fails_with("relu tanh", flat, ADV_INVALID, "cannot read layer \"relu tanh\" in arch string");
}

static void
test_rules(void)
{
	fails_with("dense 0", flat, ADV_INVALID, "number of outputs of dense in arch string must be at least 1");
	fails_with("conv 0x3", image, ADV_INVALID, "number of filters of conv in arch string must be at least 1");
	fails_with("conv 3x0", image, ADV_INVALID, "kernel size of conv in arch string must be at least 1");
	fails_with("maxpool 0", image, ADV_INVALID, "window size of maxpool in arch string must be at least 1");
	fails_with("conv 3x4", image, ADV_INVALID, "kernel size 4 of conv in arch string is even");
	fails_with("conv 3x3 stride 0", image, ADV_INVALID, "stride of conv in arch string must be at least 1");
	fails_with("maxpool 3 stride 32", image, ADV_LIMIT,
			   "stride of maxpool in arch string must be at most 31");
	fails_with("conv 3x3 stride", image, ADV_INVALID, "cannot read layer \"conv 3x3 stride\" in arch string");
	fails_with("avgpool 2 stride 2", image, ADV_INVALID,
			   "cannot read layer \"avgpool 2 stride 2\" in arch string");
	fails_with("conv 3x3", flat, ADV_INVALID, "conv needs an image as input");
	is_string(err.detail, "The input is a vector of 10 values.", "the detail gives the vector's length");
	fails_with("dropout 1.0", flat, ADV_INVALID, "probability of dropout in arch string must be less than 1");
	fails_with("dropout", flat, ADV_INVALID, "cannot read layer \"dropout\" in arch string");
	fails_with("globalpool", flat, ADV_INVALID, "globalpool needs an image as input");
	fails_with("dense 3, globalpool", image, ADV_INVALID, "globalpool cannot follow dense in arch string");
	fails_with("globalpool 2", image, ADV_INVALID, "cannot read layer \"globalpool 2\" in arch string");
	fails_with("avgpool 0", image, ADV_INVALID, "window size of avgpool in arch string must be at least 1");
	fails_with("avgpool 2", flat, ADV_INVALID, "avgpool needs an image as input");
	fails_with("tanh, maxpool 2", flat, ADV_INVALID, "maxpool needs an image as input");
	fails_with("dense 4, conv 3x3", image, ADV_INVALID, "conv cannot follow dense in arch string");
	fails_with("dense 4, relu, maxpool 2", image, ADV_INVALID, "maxpool cannot follow dense in arch string");
	fails_with("maxpool 8, maxpool 5", image, ADV_INVALID,
			   "window of maxpool 5 in arch string is larger than its input");
	is_string(err.detail, "The input of this layer is 4 x 4.", "the detail gives the input's size");
}

static void
test_limits(void)
{
	char arch[ADV_MAX_ARCH + 10] = "relu";

	fails_with("dense 99999999999999999999", flat, ADV_LIMIT,
			   "number of outputs of dense in arch string must be at most 16777216");
	fails_with("conv 3x33", image, ADV_LIMIT, "kernel size of conv in arch string must be at most 31");
	fails_with("maxpool 17", image, ADV_LIMIT, "window size of maxpool in arch string must be at most 16");
	fails_with("conv 16385x1", image, ADV_LIMIT, "output of a layer in arch string is too large");
	fails_with("dense 16777216, dense 16777216", flat, ADV_LIMIT, "network has too many parameters");
	is_string(err.detail, "Up to layer 2 (dense) it has 281475178037248; the limit is 268435456.",
			  "the detail counts them");
	for (int i = 0; i < 254; i++)
		strcat(arch, ",relu");
	ok(parse(arch, flat) == ADV_OK && net.n_layers == ADV_MAX_LAYERS, "256 layers are allowed");
	strcat(arch, ",relu");
	fails_with(arch, flat, ADV_LIMIT, "network has too many layers");
	memset(arch, ' ', ADV_MAX_ARCH);
	arch[ADV_MAX_ARCH] = '\0';
	fails_with(arch, flat, ADV_LIMIT, "arch string must be shorter than 2048 bytes");
	fails_with("", (AdvShape){0, 1, 1}, ADV_INVALID, "input of a network must have at least 1 value");
	fails_with("", (AdvShape){INT32_MAX, INT32_MAX, INT32_MAX}, ADV_LIMIT,
			   "input of the network is too large");
	fails_with("", (AdvShape){1, 1 << 24, 2}, ADV_LIMIT, "input of the network is too large");
	ok(adv_network_parse(&net, "", flat, 1, false, NULL) == ADV_INVALID, "one class is none");
	ok(adv_network_parse(&net, "", flat, ADV_MAX_CLASSES + 1, false, NULL) == ADV_LIMIT, "too many classes");
}

/* Words, numbers and rubbish in any order never do harm. */
static void
test_rubbish(void)
{
	static const char *const parts[] = {"conv", "dense", "maxpool", "relu", "tanh", ",",       ",",
										" ",    "x",     "3",       "2",    "31",   "9999999", "\xc3",
										"\xa9", "\x7f",  "-",       ".",    "\n",   "16777216"};
	const int n_parts = sizeof(parts) / sizeof(parts[0]);
	int parsed = 0;

	for (uint64_t i = 0; i < 20000; i++)
	{
		char *arch = calloc(1, 300); /* of its own, so that reading past its end is noticed */

		for (uint64_t j = 0; j < 3 + i % 20; j++)
			strcat(arch, parts[adv_random64(1, ADV_FOR_ATTACK, i, j) % n_parts]);
		arch = realloc(arch, strlen(arch) + 1);
		if (parse(arch, i % 2 ? image : flat) == ADV_OK)
			parsed++;
		else if (err.message[0] == '\0')
			bail_out("an error without a message");
		free(arch);
	}
	okf(parsed > 0, "rubbish is refused, or read when it happens to make sense (%d of 20000)", parsed);
}

int
main(void)
{
	test_layers();
	test_grammar();
	test_wrong_words();
	test_rules();
	test_limits();
	test_rubbish();
	done_testing();
	return 0;
}
