/*
 * test_network.c
 *		Forward and backward passes: against reference tensors, and against finite differences for every layer kind.
 */
#include <stdlib.h>

#include "core/kernel/cpu.h"
#include "core/network/loss.h"
#include "core/network/network.h"
#include "core/base/rng.h"
#include "golden.h"
#include "passes.h"
#include "tap.h"

#define TOLERANCE 1e-4

/* A network with parameters, a workspace and a minibatch. */
typedef struct Case
{
	AdvNetwork net;
	int rows;
	float *params;
	float *d_params;
	float *x; /* (rows, c, h, w) */
	int32_t *label;
	AdvWorkspace ws;
	void *memory;
} Case;

static float *
floats(size_t n)
{
	float *x = calloc(n, sizeof(float));

	if (!x)
		bail_out("out of memory");
	return x;
}

static void
make_case(Case *c, const char *arch, AdvShape shape, int classes, bool scale, int rows, AdvPass pass)
{
	AdvError err;

	if (adv_network_parse(&c->net, arch, shape, classes, scale, &err) != ADV_OK)
		bail_out(err.message);
	c->rows = rows;
	c->params = floats(c->net.n_params);
	c->d_params = floats(c->net.n_params);
	c->x = floats((size_t) rows * adv_shape_size(shape));
	c->label = calloc((size_t) rows, sizeof(int32_t));
	c->memory = aligned_alloc(64, adv_workspace_size(&c->net, rows, pass));
	if (!c->memory)
		bail_out("out of memory");
	memset(c->memory, 0xff, adv_workspace_size(&c->net, rows, pass)); /* NaN: nothing may rely on zeros */
	adv_workspace_init(&c->ws, &c->net, rows, pass, c->memory);
}

static void
free_case(Case *c)
{
	free(c->params);
	free(c->d_params);
	free(c->x);
	free(c->label);
	free(c->memory);
}

static void
load_input(Case *c)
{
	size_t size = adv_shape_size(c->net.input);

	for (int r = 0; r < c->rows; r++)
		adv_to_channels_last(c->net.input, c->x + r * size, c->ws.act[0] + r * size);
}

/* Mean loss; with the gradient of the logits left in the workspace. */
static double
forward(Case *c, float *loss_rows)
{
	int64_t correct = 0;

	load_input(c);
	load_and_forward(&c->ws, c->params, c->rows);
	return adv_cross_entropy(c->rows, c->net.classes, c->ws.act[c->net.n_layers], c->label,
							 1.0f / (float) c->rows, loss_rows, c->ws.d_act[c->net.n_layers], &correct) /
		   c->rows;
}

static void
copy_floats(float *dst, const GoldenTensor *t)
{
	for (size_t i = 0; i < t->n; i++)
		dst[i] = (float) t->value[i];
}

/* Every tensor of a reference file. */
static void
test_golden(const char *file, const char *arch, AdvShape shape, int classes)
{
	static Golden g;
	const GoldenTensor *x;
	Case c;
	size_t size = adv_shape_size(shape), at = 0;
	float *proba, *loss_rows, *d_x;
	double loss;
	char name[128];
#define NAME(what) (snprintf(name, sizeof(name), "%s: %s", file, what), name)

	if (!golden_read(&g, file))
	{
		skip(file, "there is no such reference file");
		return;
	}
	x = golden_get(&g, "x");
	make_case(&c, arch, shape, classes, false, (int) x->dim[0], ADV_PASS_BACKWARD);
	copy_floats(c.x, x);
	for (int r = 0; r < c.rows; r++)
		c.label[r] = (int32_t) golden_get(&g, "y")->value[r];
	for (int i = 0; at < c.net.n_params; i++)
	{
		copy_floats(c.params + at, golden_get(&g, "w%d", i));
		at += golden_get(&g, "w%d", i)->n;
	}
	proba = floats((size_t) c.rows * classes);
	loss_rows = floats((size_t) c.rows);
	d_x = floats((size_t) c.rows * size);

	loss = forward(&c, loss_rows);
	adv_softmax(c.rows, classes, c.ws.act[c.net.n_layers], proba);
	adv_backward(&c.ws, c.rows, c.d_params, false, true);
	for (int r = 0; r < c.rows; r++)
		adv_to_channels_first(shape, c.ws.d_act[0] + r * size, d_x + r * size);

	is_close(golden_get(&g, "logits")->n, c.ws.act[c.net.n_layers], golden_get(&g, "logits")->value,
			 TOLERANCE, NAME("logits"));
	is_close(golden_get(&g, "proba")->n, proba, golden_get(&g, "proba")->value, TOLERANCE,
			 NAME("probabilities"));
	is_close(golden_get(&g, "loss_rows")->n, loss_rows, golden_get(&g, "loss_rows")->value, TOLERANCE,
			 NAME("losses"));
	ok(fabs(loss - golden_get(&g, "loss")->value[0]) < TOLERANCE * loss, NAME("mean loss"));
	at = 0;
	for (int i = 0; at < c.net.n_params; i++)
	{
		const GoldenTensor *dw = golden_get(&g, "dw%d", i);

		is_close(dw->n, c.d_params + at, dw->value, TOLERANCE, NAME(dw->name));
		at += dw->n;
	}
	is_close(golden_get(&g, "dx")->n, d_x, golden_get(&g, "dx")->value, TOLERANCE, NAME("dx"));

	free(proba);
	free(loss_rows);
	free(d_x);
	free_case(&c);
	golden_free(&g);
#undef NAME
}

static void
randomize(Case *c, uint64_t seed)
{
	adv_network_init(&c->net, c->params, seed, ADV_INIT_GLOROT);
	for (size_t i = 0; i < c->net.n_params; i++)
		c->params[i] += (float) (0.2 * (adv_uniform(seed, ADV_FOR_ATTACK, 1, i) - 0.5));
	for (size_t i = 0; i < c->rows * adv_shape_size(c->net.input); i++)
		c->x[i] = (float) (2 * adv_uniform(seed, ADV_FOR_ATTACK, 2, i) - 1);
	for (int r = 0; r < c->rows; r++)
		c->label[r] = (int32_t) (adv_random64(seed, ADV_FOR_ATTACK, 3, (uint64_t) r) % c->net.classes);
}

/*
 * Whether a derivative lies between the slopes to either side, which differ where relu or maxpool has a kink. Inexact
 * by the curvature, and by roundings of the loss of about 1e-7.
 */
static bool
agrees(Case *c, float *value, double derivative, double scale)
{
	const float step = 2e-3f;
	double tolerance = 2e-3 * scale + 3e-4;
	float kept = *value;
	float up = kept + step, down = kept - step;
	double here = forward(c, NULL), right, left;

	*value = up;
	right = (forward(c, NULL) - here) / ((double) up - kept);
	*value = down;
	left = (here - forward(c, NULL)) / ((double) kept - down);
	*value = kept;
	return derivative > fmin(left, right) - tolerance && derivative < fmax(left, right) + tolerance;
}

static double
largest(size_t n, const float *x)
{
	double m = 0;

	for (size_t i = 0; i < n; i++)
		m = fmax(m, fabs(x[i]));
	return m;
}

static bool
is_statistic(const AdvNetwork *net, size_t i)
{
	for (int l = 0; l < net->n_layers; l++)
		if (i >= net->layers[l].statistic && i < net->layers[l].statistic + net->layers[l].n_statistic)
			return true;
	return false;
}

/* Gradients of up to 200 parameters and inputs of a network by differences, in passes that train or do not. */
static void
test_differences_of(const char *arch, AdvShape shape, int classes, bool scale, bool trains)
{
	Case c;
	size_t size = adv_shape_size(shape), wrong = 0, moved = 0, checked = 0;
	size_t fixed = scale ? 2 * (size_t) shape.c : 0;
	float *d_x;
	double scale_w, scale_x;

	make_case(&c, arch, shape, classes, scale, 3, ADV_PASS_BACKWARD);
	c.ws.noise = (AdvNoise){trains ? (uint64_t[]){5, 6, 7} : NULL, 3, 1, 2};
	randomize(&c, 17);
	d_x = floats(c.rows * size);
	forward(&c, NULL);
	adv_backward(&c.ws, c.rows, c.d_params, false, true);
	for (int r = 0; r < c.rows; r++)
		adv_to_channels_first(shape, c.ws.d_act[0] + r * size, d_x + r * size);
	scale_w = largest(c.net.n_params, c.d_params);
	scale_x = largest(c.rows * size, d_x);

	for (size_t i = fixed; i < c.net.n_params; i += 1 + c.net.n_params / 200, checked++)
		wrong += !is_statistic(&c.net, i) && !agrees(&c, &c.params[i], c.d_params[i], scale_w);
	for (size_t i = 0; i < c.rows * size; i += 1 + c.rows * size / 200, checked++)
		wrong += !agrees(&c, &c.x[i], d_x[i], scale_x);
	for (size_t i = 0; i < fixed; i++)
		moved += c.d_params[i] != 0;
	okf(wrong == 0, "differences agree: \"%s\" on %d x %d x %d%s%s", arch, shape.c, shape.h, shape.w,
		scale ? ", scaled" : "", trains ? "" : ", without training");
	if (wrong > 0)
		diag("%zu of %zu derivatives are wrong", wrong, checked);
	if (scale)
		ok(moved == 0, "the scaling layer gets no gradient");
	free(d_x);
	free_case(&c);
}

static void
test_differences(const char *arch, AdvShape shape, int classes, bool scale)
{
	test_differences_of(arch, shape, classes, scale, true);
}

/* Layers that do something else in passes that do not train. */
static void
test_differences_both(const char *arch, AdvShape shape, int classes, bool scale)
{
	test_differences_of(arch, shape, classes, scale, true);
	test_differences_of(arch, shape, classes, scale, false);
}

/* A folded network gives the same logits and input gradients, with layers less. */
static void
test_fold(const char *arch, AdvShape shape, bool scale, int gone)
{
	Case c, folded, alone;
	double worst = 0;
	size_t inputs = 3 * adv_shape_size(shape);

	make_case(&c, arch, shape, 3, scale, 3, ADV_PASS_BACKWARD);
	randomize(&c, 5);
	for (size_t i = 0; i < c.net.n_params; i++)
		if (is_statistic(&c.net, i))
			c.params[i] = (float) (0.2 + 0.15 * sin((double) i));
	make_case(&folded, arch, shape, 3, scale, 3, ADV_PASS_BACKWARD);
	memcpy(folded.params, c.params, sizeof(float) * c.net.n_params);
	memcpy(folded.x, c.x, sizeof(float) * inputs);
	memcpy(folded.label, c.label, sizeof(int32_t) * 3);
	adv_network_fold(&folded.net, folded.params);
	adv_workspace_init(&folded.ws, &folded.net, 3, ADV_PASS_BACKWARD, folded.memory);
	make_case(&alone, arch, shape, 3, scale, 3, ADV_PASS_FORWARD);
	memcpy(alone.x, c.x, sizeof(float) * inputs);
	load_input(&alone);
	load_and_forward(&alone.ws, c.params, 3);
	forward(&c, NULL);
	forward(&folded, NULL);
	adv_backward(&c.ws, 3, NULL, false, true);
	adv_backward(&folded.ws, 3, NULL, false, true);
	for (int i = 0; i < 9; i++)
		worst = fmax(worst, fabs(c.ws.act[c.net.n_layers][i] - folded.ws.act[folded.net.n_layers][i]));
	ok(memcmp(alone.ws.act[c.net.n_layers], c.ws.act[c.net.n_layers], sizeof(float) * 9) == 0 &&
		   isfinite(c.ws.act[c.net.n_layers][0]) && largest(inputs, c.ws.d_act[0]) > 0,
	   "a forward pass alone gives the same");
	for (size_t i = 0; i < inputs; i++)
		worst = fmax(worst, fabs(c.ws.d_act[0][i] - folded.ws.d_act[0][i]));
	okf(worst < 1e-4 && folded.net.n_layers == c.net.n_layers - gone, "\"%s\" folded differs by %.2g", arch,
		worst);
	free_case(&c);
	free_case(&alone);
	free_case(&folded);
}

/* Forward-only workspaces, options of the backward pass, redirected memory: all agree with the plain passes. */
static void
test_options(void)
{
	const char *arch =
		"conv 5x3, tanh, relu, gelu, maxpool 2, conv 4x5, relu, dense 6, gelu, tanh, tanh, dense 5";
	AdvShape shape = {2, 7, 5};
	Case c, f;
	float *d_full, *elsewhere = floats(3 * 5);
	size_t at;
	bool same = true;

	make_case(&c, arch, shape, 3, true, 3, ADV_PASS_BACKWARD);
	make_case(&f, arch, shape, 3, true, 3, ADV_PASS_FORWARD);
	randomize(&c, 3);
	memcpy(f.params, c.params, sizeof(float) * c.net.n_params);
	memcpy(f.x, c.x, sizeof(float) * 3 * adv_shape_size(shape));
	forward(&c, NULL);
	load_input(&f);
	load_and_forward(&f.ws, f.params, 3);
	ok(memcmp(f.ws.act[f.net.n_layers], c.ws.act[c.net.n_layers], sizeof(float) * 9) == 0,
	   "a forward-only workspace gives the same logits");
	load_input(&c);
	ok(memcmp(f.ws.act[0], c.ws.act[0], sizeof(float) * 3 * adv_shape_size(shape)) == 0,
	   "and leaves the input alone");

	forward(&c, NULL);
	adv_backward(&c.ws, 3, c.d_params, false, false);
	d_full = floats(c.net.n_params);
	adv_backward(&c.ws, 3, d_full, false, true);
	ok(memcmp(c.d_params, d_full, sizeof(float) * c.net.n_params) == 0,
	   "parameter gradients do not depend on the input's");

	adv_backward(&c.ws, 3, c.d_params, false, false);
	for (size_t i = 0; i < c.net.n_params; i++)
		same = same && fabsf(c.d_params[i] - 2 * d_full[i]) <= 1e-5f * (fabsf(d_full[i]) + 1e-3f);
	ok(same, "parameter gradients are added");

	memset(c.d_params, 0, sizeof(float) * c.net.n_params);
	adv_backward(&c.ws, 3, c.d_params, true, false);
	at = 2 * (size_t) shape.c; /* the scaling layer has none */
	ok(memcmp(c.d_params, d_full + at, sizeof(float) * c.net.n_summed) == 0,
	   "dense gradients can be skipped");
	ok(c.net.n_summed == c.net.layers[9].weight - at &&
		   largest(c.net.n_params - c.net.n_summed, c.d_params + c.net.n_summed) == 0,
	   "and are then left alone");

	c.ws.act[c.net.n_layers] = elsewhere;
	forward(&c, NULL);
	ok(memcmp(f.ws.act[f.net.n_layers], elsewhere, sizeof(float) * 9) == 0, "activations can be redirected");

	free(elsewhere);
	free(d_full);
	free_case(&c);
	free_case(&f);
}

static int
stop_after(void *arg)
{
	return --*(int *) arg < 0;
}

static void
test_stop(void)
{
	Case c;
	int questions = 3;

	make_case(&c, "dense 3, relu, dense 3, relu", (AdvShape){4, 1, 1}, 2, false, 2, ADV_PASS_BACKWARD);
	c.ws.stop = (AdvStop){stop_after, &questions};
	load_input(&c);
	ok(load_and_forward(&c.ws, c.params, 2) == ADV_ABORTED, "a forward pass stops between layers");
	questions = 2;
	ok(adv_backward(&c.ws, 2, c.d_params, false, true) == ADV_ABORTED, "a backward pass too");
	free_case(&c);

	/* one row of one layer: 600 million multiply-adds */
	make_case(&c, "conv 16x31", (AdvShape){2, 140, 140}, 2, false, 1, ADV_PASS_BACKWARD);
	c.ws.stop = (AdvStop){stop_after, &questions};
	load_input(&c);
	questions = 10;
	ok(load_and_forward(&c.ws, c.params, 1) == ADV_ABORTED,
	   "a forward pass stops within a large convolution");
	questions = 10;
	ok(adv_backward(&c.ws, 1, c.d_params, false, true) == ADV_ABORTED, "a backward pass too");
	free_case(&c);
}

/* The same parameters, whoever asks for how many of them at a time. */
static void
test_init_some(void)
{
	Case c;
	bool same = true;

	make_case(&c, "conv 8x3, dense 30", (AdvShape){4, 6, 6}, 3, true, 1, ADV_PASS_FORWARD);
	adv_network_init(&c.net, c.params, 1, ADV_INIT_GLOROT);
	for (size_t first = 0; first < c.net.n_params; first += 7)
	{
		float some[7];
		size_t count = c.net.n_params - first < 7 ? c.net.n_params - first : 7;

		memcpy(some, c.params + first, count * sizeof(float));
		memset(c.params + first, 0xff, count * sizeof(float));
		adv_network_init_some(&c.net, c.params, 1, ADV_INIT_GLOROT, first, count);
		same = same && memcmp(some, c.params + first, count * sizeof(float)) == 0;
	}
	ok(same, "initial parameters, some at a time");
	free_case(&c);
}

static void
test_init(void)
{
	Case c;
	const AdvLayer *l;
	double limit, most;

	make_case(&c, "conv 8x3, dense 30", (AdvShape){4, 6, 6}, 3, true, 1, ADV_PASS_FORWARD);
	adv_network_init(&c.net, c.params, 1, ADV_INIT_GLOROT);
	l = &c.net.layers[1];
	limit = sqrt(6.0 / ((4 + 8) * 9));
	most = largest(l->n_weight, c.params + l->weight);
	ok(most <= limit && most > 0.95 * limit, "Glorot limits of a convolution");
	ok(largest(l->n_bias, c.params + l->bias) == 0, "biases start at zero");
	ok(c.params[0] == 0 && c.params[3] == 0 && c.params[4] == 1 && c.params[7] == 1,
	   "scaling starts as the identity");
	adv_network_init(&c.net, c.params, 1, ADV_INIT_HE);
	l = &c.net.layers[3];
	limit = sqrt(6.0 / (8 * 36));
	most = largest(l->n_weight, c.params + l->weight);
	ok(most <= limit && most > 0.95 * limit, "He limits of a dense layer");
	free_case(&c);
}

/* What a convolution with a stride gives is summed up by hand. */
static void
test_stride(const char *arch, int stride, int size, AdvShape out)
{
	AdvShape in = {3, 7, 10};
	double worst = 0;
	Case c;

	make_case(&c, arch, in, 2, false, 2, ADV_PASS_BACKWARD);
	for (size_t i = 0; i < c.net.n_params; i++)
		c.params[i] = (float) sin(1.7 * (double) i);
	for (size_t i = 0; i < 2 * adv_shape_size(in); i++)
		c.x[i] = (float) cos(0.9 * (double) i);
	forward(&c, NULL);
	ok(memcmp(&c.net.layers[0].out, &out, sizeof(out)) == 0, arch);
	for (size_t i = 0; i < 2 * adv_shape_size(out); i++)
	{
		int f = (int) i % out.c, x = (int) i / out.c % out.w, y = (int) i / out.c / out.w % out.h;
		const float *image = c.x + i / adv_shape_size(out) * adv_shape_size(in);
		double sum = c.params[c.net.layers[0].bias + (size_t) f];

		for (int k = 0; k < in.c * size * size; k++)
		{
			int row = y * stride + k / size % size - size / 2, col = x * stride + k % size - size / 2;

			if (row >= 0 && row < in.h && col >= 0 && col < in.w)
				sum += (double) c.params[f * in.c * size * size + k] *
					   image[(k / size / size * in.h + row) * in.w + col];
		}
		worst = fmax(worst, fabs(sum - c.ws.act[1][i]));
	}
	okf(worst < 1e-4, "what it gives differs by %.2g", worst);
	free_case(&c);
}

/* All that depends on kernels, on one instruction set. */
static void
test_passes(void)
{
	test_golden("mlp_gradients.txt", "dense 7, tanh, dense 6, relu", (AdvShape){5, 1, 1}, 3);
	test_golden("cnn_gradients.txt", "conv 4x3, maxpool 2, relu, conv 6x3, maxpool 2, relu, dense 10, relu",
				(AdvShape){3, 8, 8}, 5);
	test_golden("cnn_odd_gradients.txt", "conv 5x5, relu, maxpool 2", (AdvShape){2, 9, 7}, 4);
	test_differences("", (AdvShape){7, 1, 1}, 3, false);
	test_differences("", (AdvShape){7, 1, 1}, 3, true);
	test_differences("dense 5, tanh, dense 3, relu", (AdvShape){7, 1, 1}, 2, true);
	test_differences("tanh, relu, tanh, dense 4, tanh, relu, tanh, dense 3", (AdvShape){5, 1, 1}, 3, false);
	test_differences("relu, dense 6", (AdvShape){5, 1, 1}, 2, true);
	test_differences("conv 3x1, tanh", (AdvShape){1, 1, 2}, 2, false);
	test_differences("conv 3x7, tanh, conv 2x5", (AdvShape){2, 3, 4}, 3, true);
	test_differences("maxpool 3, conv 2x3, tanh", (AdvShape){3, 8, 11}, 3, false);
	test_differences("avgpool 3, conv 2x3, tanh, avgpool 2", (AdvShape){3, 13, 20}, 3, true);
	test_differences("conv 17x3, tanh, avgpool 2, tanh, maxpool 2, avgpool 1", (AdvShape){2, 9, 8}, 3, false);
	test_differences("globalpool, dense 3, tanh", (AdvShape){3, 5, 7}, 2, true);
	test_differences("conv 17x3, tanh, globalpool, tanh, conv 3x3, globalpool", (AdvShape){2, 7, 5}, 3,
					 false);
	test_differences("conv 5x3, maxpool 2, relu, conv 7x3, maxpool 3, tanh, dense 6, relu",
					 (AdvShape){3, 13, 9}, 4, true);
	test_differences("maxpool 4, conv 3x1, tanh", (AdvShape){2, 4, 4}, 2, true);
	test_differences("conv 4x3, relu, relu, conv 18x3, relu, maxpool 2, relu, maxpool 2", (AdvShape){2, 9, 8},
					 3, false);
	test_differences("conv 4x3, tanh, dense 300, tanh, dense 250", (AdvShape){2, 3, 4}, 3, false);
	test_differences("leaky_relu 0.2, dense 7, leaky_relu 0.01, dense 5, leaky_relu 0", (AdvShape){5, 1, 1},
					 3, true);
	test_differences("conv 5x3, leaky_relu 0.3, maxpool 2, leaky_relu 0.1", (AdvShape){3, 7, 5}, 3, false);
	test_differences("sigmoid, dense 7, sigmoid, sigmoid, dense 5, sigmoid", (AdvShape){5, 1, 1}, 3, true);
	test_differences("conv 5x3, sigmoid, maxpool 2, conv 3x3, relu, sigmoid", (AdvShape){3, 7, 5}, 3, false);
	test_differences("conv 5x3, relu, maxpool 2, sigmoid", (AdvShape){3, 5, 7}, 3, true);
	test_differences("conv 16x3, tanh, conv 4x5, tanh, conv 3x3, tanh", (AdvShape){6, 4, 9}, 3, false);
	test_differences("conv 8x3, tanh, conv 7x3, tanh, conv 2x1", (AdvShape){1, 3, 9}, 3, false);
	test_differences("dropout 0.5, dense 7, dropout 0.2, tanh, dense 5, relu, dropout 0.4",
					 (AdvShape){5, 1, 1}, 3, true);
	test_differences(
		"conv 5x3, dropout 0.3, relu, maxpool 2, dropout 0.25, conv 3x3, tanh, dropout 0, dropout 0.5",
		(AdvShape){3, 7, 5}, 3, false);
	test_differences("conv 5x3 stride 2, relu, conv 18x3 stride 3, tanh", (AdvShape){3, 9, 14}, 3, true);
	test_differences("conv 5x1 stride 2, maxpool 3 stride 2, tanh, conv 3x5 stride 2, relu",
					 (AdvShape){2, 13, 12}, 3, false);
	test_differences("conv 5x3, maxpool 2 stride 1, relu, maxpool 1 stride 2", (AdvShape){2, 6, 7}, 3, false);
	test_differences("residual(relu), residual(conv 3x3, relu), residual(conv 3x3)", (AdvShape){3, 5, 4}, 3,
					 false);
	test_differences(
		"conv 5x3, relu, residual(relu, conv 5x3, tanh, residual(tanh, conv 5x1), conv 5x3), relu, tanh",
		(AdvShape){2, 5, 4}, 3, true);
	test_differences(
		"residual(conv 17x3 stride 2, tanh, conv 7x3), relu, residual(maxpool 3 stride 2, conv 7x1), "
		"residual(residual(conv 5x1)), globalpool",
		(AdvShape){3, 9, 14}, 3, true);
	test_differences("residual(dense 6, tanh, dense 5), tanh, residual(residual(dense 7, relu), dense 4, "
					 "tanh), residual(dense 4)",
					 (AdvShape){5, 1, 1}, 3, false);
	test_differences_both(
		"conv 4x3, batchnorm, relu, residual(conv 4x3, batchnorm, relu, conv 4x3, batchnorm), relu, "
		"residual(conv 6x3 stride 2, batchnorm, relu, conv 6x3, batchnorm), relu, globalpool",
		(AdvShape){3, 7, 6}, 3, false);
	test_differences_both("batchnorm, conv 5x3, batchnorm, relu, maxpool 2, conv 18x3, batchnorm, tanh",
						  (AdvShape){3, 7, 5}, 3, false);
	test_differences_both("conv 5x3, batchnorm, relu, maxpool 2, conv 7x3, batchnorm, maxpool 3, relu, relu",
						  (AdvShape){3, 6, 12}, 3, false);
	test_differences_both("batchnorm, maxpool 2, conv 5x3, batchnorm, relu, maxpool 2 stride 1, tanh",
						  (AdvShape){3, 8, 6}, 3, true);
	test_differences("residual(maxpool 2), relu, relu, globalpool", (AdvShape){5, 6, 4}, 3, false);
	test_differences_both("dense 6, batchnorm, relu, residual(dense 6, batchnorm, relu), relu, tanh",
						  (AdvShape){5, 1, 1}, 3, true);
	test_differences_both("dense 6, batchnorm, tanh, dense 5, batchnorm", (AdvShape){5, 1, 1}, 3, true);
	test_fold(
		"batchnorm, conv 5x3, batchnorm, relu, batchnorm, maxpool 2, conv 18x3 stride 2, batchnorm, tanh",
		(AdvShape){3, 9, 8}, true, 2);
	test_fold("conv 5x3, batchnorm, batchnorm, dense 7, batchnorm, relu, dense 4, tanh", (AdvShape){2, 3, 4},
			  false, 3);
	test_fold("conv 4x3, batchnorm, relu, residual(conv 4x3, batchnorm, relu, conv 4x3, batchnorm), relu, "
			  "residual(conv 6x3 stride 2, batchnorm, residual(relu), conv 6x3, batchnorm), batchnorm, tanh, "
			  "globalpool",
			  (AdvShape){3, 7, 6}, true, 5);
	test_fold("dense 6, tanh", (AdvShape){5, 1, 1}, true, 0);
	test_stride("conv 5x3 stride 2, maxpool 2", 2, 3, (AdvShape){5, 4, 5});
	test_stride("conv 17x5 stride 3", 3, 5, (AdvShape){17, 3, 4});
	test_stride("conv 4x1 stride 4", 4, 1, (AdvShape){4, 2, 3});
	test_differences("gelu, dense 7, gelu, gelu, dense 5, tanh, gelu", (AdvShape){5, 1, 1}, 3, true);
	test_differences("conv 5x3, gelu, maxpool 2, conv 3x3, gelu, relu", (AdvShape){3, 7, 5}, 3, false);
	test_options();
}

int
main(void)
{
	for (AdvIsa isa = ADV_ISA_GENERIC; isa <= ADV_ISA_AMX; isa++)
	{
		if (adv_cpu_use(isa) != isa)
		{
			skip(adv_cpu_name(isa), "this processor does not have it");
			continue;
		}
		diag("%s", adv_cpu_name(isa));
		test_passes();
	}
	test_stop();
	test_init();
	test_init_some();
	done_testing();
	return 0;
}
