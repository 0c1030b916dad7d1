/*
 * peer_onednn.c
 *		What direct convolution kernels reach on the same machine: the paper's image network in oneDNN.
 *
 * Usage: peer_onednn [seconds per measurement, default 3] [most threads, default 2]
 *        peer_onednn dump FILE [number of the layout, default 0]
 * Build: apt-get install -y libdnnl-dev (oneDNN 2.x), then
 *        gcc -std=gnu11 -O3 -march=native -fno-math-errno -fopenmp -o build/peer_onednn bench/peer_onednn.c -ldnnl -lm
 *
 * Prints one line per measurement, "name layout threads=N value": samples per second of a training step (forward,
 * cross-entropy, backward without the gradient of the images, Adam), of one PGD step (forward, backward to the
 * images only) and of prediction; then GFLOP/s per layer and direction and milliseconds per batch of everything
 * else, both taken inside those steps, so that caches are as warm as in real work. For each name the peer's figure is
 * its best line.
 *
 * Layouts: "any" is oneDNN's own choice, "channels_16" and "channels_last" force one upon the images between layers,
 * "winograd" has the second convolution computed by Winograd's algorithm (its GFLOP/s count what a direct one would
 * do). Parameters stay in the layout of the forward step, Adam included; what another step wants otherwise is
 * reordered within the measured time, unless parameters are constant.
 *
 * Names with "onednn-bf16" hold factors and activations in bfloat16, parameters and their gradients in single precision.
 * They are of lower precision and no match for the others. (oneDNN's fpmath mode, which would keep single precision
 * outside the products, changes no bit in 2.6 on x86.)
 *
 * "dump" writes as raw floats, to compare with another implementation: 250 images, labels, weights and bias of each layer,
 * logits, gradient of the images, gradients of the parameters, the parameters after one Adam step, and the logits of 500
 * predicted images; all in PyTorch's layouts, gradients of the mean loss.
 */
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR != 2
#error "written for the C interface of oneDNN 2"
#endif

#define CHECK(call)                                                                                          \
	do                                                                                                       \
	{                                                                                                        \
		dnnl_status_t status_ = (call);                                                                      \
		if (status_ != dnnl_success)                                                                         \
		{                                                                                                    \
			fprintf(stderr, "peer_onednn.c:%d: oneDNN status %d\n", __LINE__, (int) status_);                \
			exit(1);                                                                                         \
		}                                                                                                    \
	} while (0)

#define CLASSES  10
#define PIXELS   (3 * 32 * 32)
#define IMAGES   2000 /* of the data set */
#define BATCH    250  /* trained and attacked at once */
#define PREDICT  500  /* predicted at once */
#define MAX_OPS  64
#define N_LAYERS 5

typedef dnnl_memory_desc_t Layout;

/* How images between the layers lie, and what factors and activations are rounded to. */
typedef struct Form
{
	const char *name;
	dnnl_format_tag_t image;
	dnnl_data_type_t type;
	bool winograd; /* the second convolution, where oneDNN sees fit */
} Form;

static const Form forms[] = {
	{"any", dnnl_format_tag_any, dnnl_f32, false},  {"channels_16", dnnl_nChw16c, dnnl_f32, false},
	{"channels_last", dnnl_nhwc, dnnl_f32, false},  {"winograd", dnnl_nChw16c, dnnl_f32, true},
	{"any", dnnl_format_tag_any, dnnl_bf16, false}, {"channels_last", dnnl_nhwc, dnnl_bf16, false},
};

/* Without AVX-512, what remains would run in oneDNN's plain loops, or not at all. */
static bool
sensible(const Form *f)
{
	bool avx512 = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;

	return avx512 || (f->image != dnnl_nChw16c && f->type == dnnl_f32);
}

static Form form;
static dnnl_engine_t engine;
static dnnl_stream_t stream;

/* ---- the network ---- */

typedef struct Shape
{
	const char *name;
	bool conv;   /* 3 x 3, padding 1, then maxpool 2; else dense */
	int in, out; /* channels, or values */
	int side;    /* of the input image; for a dense layer of the image it flattens, or 1 */
} Shape;

static const Shape shapes[N_LAYERS] = {{"conv1", true, 3, 32, 32},
									   {"conv2", true, 32, 64, 16},
									   {"dense1", false, 64, 256, 8},
									   {"dense2", false, 256, 128, 1},
									   {"dense3", false, 128, CLASSES, 1}};

static size_t
weights_size(const Shape *s)
{
	return (size_t) s->out * (size_t) s->in * (size_t) (s->conv ? 9 : s->side * s->side);
}

/* Of one product of the layer: a factor and a sum count as two. */
static double
flops(const Shape *s, int batch)
{
	return 2.0 * batch * (double) weights_size(s) * (s->conv ? s->side * s->side : 1);
}

/* Images, labels and first parameters, the same for every measurement. */
static float *images; /* (IMAGES, 3, 32, 32) */
static int labels[IMAGES];
static float *initial[N_LAYERS][2]; /* weights (out, in, 3, 3) or (out, in * side * side), bias (out) */

static unsigned
draw(void)
{
	static unsigned long long state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned) (state >> 33);
}

static float
uniform(float low, float high)
{
	return low + (high - low) * (float) draw() / 2147483648.0f;
}

static void *
allocate(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (!memory)
		exit(1);
	memset(memory, 0, bytes);
	return memory;
}

static void
draw_data(void)
{
	images = allocate(sizeof(float) * IMAGES * PIXELS);
	for (size_t i = 0; i < (size_t) IMAGES * PIXELS; i++)
		images[i] = uniform(0, 1);
	for (int i = 0; i < IMAGES; i++)
		labels[i] = (int) (draw() % CLASSES);
	for (int l = 0; l < N_LAYERS; l++)
	{
		size_t n = weights_size(&shapes[l]);
		float bound = sqrtf(3.0f * (float) shapes[l].out / (float) n);

		initial[l][0] = allocate(sizeof(float) * n);
		initial[l][1] = allocate(sizeof(float) * (size_t) shapes[l].out);
		for (size_t i = 0; i < n; i++)
			initial[l][0][i] = uniform(-bound, bound);
		for (int i = 0; i < shapes[l].out; i++)
			initial[l][1][i] = uniform(-0.05f, 0.05f);
	}
}

/* ---- lists of primitives ---- */

typedef struct Op
{
	char name[32];
	double flops; /* 0: not a product */
	dnnl_primitive_t primitive;
	dnnl_exec_arg_t arg[8];
	int n_args;
	double seconds;
} Op;

typedef struct List
{
	Op op[MAX_OPS];
	int n;
	const char *reorder; /* how reorders are called */
} List;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void
run(List *list)
{
	double start = now();

	for (int i = 0; i < list->n; i++)
	{
		Op *op = &list->op[i];
		double end;

		CHECK(dnnl_primitive_execute(op->primitive, stream, op->n_args, op->arg));
		CHECK(dnnl_stream_wait(stream));
		end = now();
		op->seconds += end - start;
		start = end;
	}
}

static Layout
layout(int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
	Layout md;

	CHECK(dnnl_memory_desc_init_by_tag(&md, ndims, dims, dnnl_f32, tag));
	return md;
}

static Layout
typed(Layout md, dnnl_data_type_t type)
{
	md.data_type = type;
	return md;
}

static Layout
layout_of(dnnl_memory_t memory)
{
	const Layout *md;

	CHECK(dnnl_memory_get_memory_desc(memory, &md));
	return *md;
}

static Layout
wanted(dnnl_primitive_desc_t pd, dnnl_query_t what)
{
	return *dnnl_primitive_desc_query_md(pd, what, 0);
}

static float *
values(dnnl_memory_t memory)
{
	void *handle;

	CHECK(dnnl_memory_get_data_handle(memory, &handle));
	return handle;
}

/* Zeroed, also where a blocked layout pads. */
static dnnl_memory_t
memory(Layout md)
{
	dnnl_memory_t result;

	CHECK(dnnl_memory_create(&result, &md, engine, allocate(dnnl_memory_desc_get_size(&md))));
	return result;
}

static dnnl_primitive_desc_t
describe(const void *desc, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t forward)
{
	dnnl_primitive_desc_t pd;

	CHECK(dnnl_primitive_desc_create(&pd, desc, attr, engine, forward));
	return pd;
}

/* Append a primitive; its arguments follow as pairs of DNNL_ARG and memory, ended by 0. */
static void
append(List *list, const char *layer, const char *direction, double n_flops, dnnl_primitive_desc_t pd,
	   const dnnl_exec_arg_t *arg)
{
	Op *op = &list->op[list->n++];

	if (list->n > MAX_OPS)
		exit(1);
	memset(op, 0, sizeof(*op));
	snprintf(op->name, sizeof(op->name), "%s-%s", layer, direction);
	op->flops = n_flops;
	CHECK(dnnl_primitive_create(&op->primitive, pd));
	while (arg[op->n_args].memory)
	{
		op->arg[op->n_args] = arg[op->n_args];
		op->n_args++;
	}
}

static void
append_reorder(List *list, const char *layer, dnnl_memory_t from, dnnl_memory_t to)
{
	dnnl_primitive_desc_t pd;
	Layout a = layout_of(from), b = layout_of(to);

	CHECK(dnnl_reorder_primitive_desc_create(&pd, &a, engine, &b, engine, NULL));
	append(list, layer, list->reorder, 0, pd,
		   (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {0, NULL}});
}

/* The same tensor in another layout, reordered by the list if need be. */
static dnnl_memory_t
as(List *list, const char *layer, dnnl_memory_t from, Layout md)
{
	Layout present = layout_of(from);
	dnnl_memory_t to;

	if (dnnl_memory_desc_equal(&present, &md))
		return from;
	to = memory(md);
	append_reorder(list, layer, from, to);
	return to;
}

/* Copy a tensor between plain memory and its own layout, at once. */
static void
copy(dnnl_memory_t from, dnnl_memory_t to)
{
	List list = {.reorder = "reorder"};

	append_reorder(&list, "copy", from, to);
	run(&list);
}

static dnnl_memory_t
plain(Layout md, float *data)
{
	static const dnnl_format_tag_t tag[] = {0, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd};
	Layout l = layout(md.ndims, md.dims, tag[md.ndims]);
	dnnl_memory_t result;

	CHECK(dnnl_memory_create(&result, &l, engine, data));
	return result;
}

/* ---- forward and backward ---- */

typedef enum Purpose
{
	TRAINING,  /* gradients of the parameters */
	ATTACKING, /* gradient of the images, constant parameters */
	PREDICTING /* forward only */
} Purpose;

typedef struct Layer
{
	dnnl_memory_t src;        /* as the forward step reads it */
	dnnl_memory_t product;    /* of the convolution, or of the dense layer with its relu */
	dnnl_memory_t pooled;     /* with its relu; for dense layers the product */
	dnnl_memory_t workspace;  /* where each maximum stood */
	dnnl_memory_t weights[2]; /* and bias */
	dnnl_memory_t d_weights[2];
	float *moment[2][2];       /* Adam's, of weights and bias */
	dnnl_primitive_desc_t pd;  /* forward, the hint for backward */
	dnnl_primitive_desc_t max; /* forward of the pool */
} Layer;

typedef struct Network
{
	Purpose purpose;
	int batch;
	dnnl_memory_t input; /* (batch, 3, 32, 32), plain */
	dnnl_memory_t logits, d_logits;
	dnnl_memory_t d_input; /* plain */
	Layer layer[N_LAYERS];
	List once, forward, backward; /* once: what stays the same as long as the parameters do */
	int steps;
} Network;

static const dnnl_dims_t one = {1, 1}, two = {2, 2}, none = {0, 0};

static dnnl_primitive_attr_t
with_relu(void)
{
	dnnl_primitive_attr_t attr;
	dnnl_post_ops_t ops;

	CHECK(dnnl_primitive_attr_create(&attr));
	CHECK(dnnl_post_ops_create(&ops));
	CHECK(dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0, 0));
	CHECK(dnnl_primitive_attr_set_post_ops(attr, ops));
	return attr;
}

/*
 * The tensors of a layer: src, weights, bias, product. The layout of weights and of the first src is left to oneDNN. Bias
 * and logits stay single precision, as do the gradients of parameters.
 */
static void
layer_layouts(const Shape *s, int batch, Layout *src, Layout *weights, Layout *bias, Layout *product)
{
	bool image = s->conv || s->side > 1;
	int extent = s->conv ? 3 : s->side;

	*src = layout(image ? 4 : 2, (dnnl_dims_t){batch, s->in, s->side, s->side},
				  !image                                      ? dnnl_ab
				  : s == shapes && form.image == dnnl_nChw16c ? dnnl_format_tag_any
															  : form.image);
	*src = typed(*src, form.type);
	*weights = layout(image ? 4 : 2, (dnnl_dims_t){s->out, s->in, extent, extent}, dnnl_format_tag_any);
	*weights = typed(*weights, form.type);
	*bias = layout(1, (dnnl_dims_t){s->out}, dnnl_a);
	if (s->conv)
		*product = layout(4, (dnnl_dims_t){batch, s->out, s->side, s->side}, form.image);
	else
		*product = layout(2, (dnnl_dims_t){batch, s->out}, dnnl_ab);
	if (s->out != CLASSES)
		*product = typed(*product, form.type);
}

/* oneDNN would also choose Winograd's for the first, where it is slow. */
static dnnl_alg_kind_t
algorithm(const Shape *s)
{
	return form.winograd && s->in > 3 ? dnnl_convolution_auto : dnnl_convolution_direct;
}

static dnnl_primitive_desc_t
describe_forward(const Network *net, const Shape *s, bool relu)
{
	dnnl_prop_kind_t kind = net->purpose == PREDICTING ? dnnl_forward_inference : dnnl_forward_training;
	Layout src, weights, bias, product;
	dnnl_convolution_desc_t conv;
	dnnl_inner_product_desc_t dense;

	layer_layouts(s, net->batch, &src, &weights, &bias, &product);
	if (s->conv)
		CHECK(dnnl_convolution_forward_desc_init(&conv, kind, algorithm(s), &src, &weights, &bias, &product,
												 one, one, one));
	else
		CHECK(dnnl_inner_product_forward_desc_init(&dense, kind, &src, &weights, &bias, &product));
	return describe(s->conv ? (void *) &conv : &dense, relu ? with_relu() : NULL, NULL);
}

/* The maximum of 2 x 2, then relu in place: on a quarter of the values, and the same as the other way round. */
static void
append_pool(Network *net, Layer *l, const char *name)
{
	Layout src = layout_of(l->product), dst;
	dnnl_pooling_desc_t pool;
	dnnl_eltwise_desc_t relu;

	dst = typed(
		layout(4, (dnnl_dims_t){src.dims[0], src.dims[1], src.dims[2] / 2, src.dims[3] / 2}, form.image),
		form.type);
	CHECK(dnnl_pooling_forward_desc_init(
		&pool, net->purpose == PREDICTING ? dnnl_forward_inference : dnnl_forward_training, dnnl_pooling_max,
		&src, &dst, two, two, none, none));
	l->max = describe(&pool, NULL, NULL);
	l->pooled = memory(wanted(l->max, dnnl_query_dst_md));
	if (net->purpose != PREDICTING)
		l->workspace = memory(wanted(l->max, dnnl_query_workspace_md));
	append(&net->forward, name, "pool-forward", 0, l->max,
		   (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, l->product},
							   {DNNL_ARG_DST, l->pooled},
							   {l->workspace ? DNNL_ARG_WORKSPACE : 0, l->workspace},
							   {0, NULL}});
	if (net->purpose == PREDICTING)
		return; /* the convolution did it */
	dst = layout_of(l->pooled);
	CHECK(dnnl_eltwise_forward_desc_init(&relu, dnnl_forward_training, dnnl_eltwise_relu_use_dst_for_bwd,
										 &dst, 0, 0));
	append(&net->forward, name, "relu-forward", 0, describe(&relu, NULL, NULL),
		   (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, l->pooled}, {DNNL_ARG_DST, l->pooled}, {0, NULL}});
}

static void
append_forward(Network *net, int i, dnnl_memory_t src)
{
	const Shape *s = &shapes[i];
	Layer *l = &net->layer[i];
	Layout weights;
	bool relu = s->conv ? net->purpose == PREDICTING : i < N_LAYERS - 1;
	List *prepare = net->purpose == TRAINING ? &net->forward : &net->once;

	l->pd = describe_forward(net, s, relu);
	l->src = as(&net->forward, s->name, src, wanted(l->pd, dnnl_query_src_md));
	weights = wanted(l->pd, dnnl_query_weights_md);
	l->weights[0] = memory(typed(weights, dnnl_f32));
	l->weights[1] = memory(layout(1, (dnnl_dims_t){s->out}, dnnl_a));
	for (int p = 0; p < 2; p++)
		copy(plain(layout_of(l->weights[p]), initial[i][p]), l->weights[p]);
	l->product = memory(wanted(l->pd, dnnl_query_dst_md));
	append(&net->forward, s->name, "forward", flops(s, net->batch), l->pd,
		   (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, l->src},
							   {DNNL_ARG_WEIGHTS, as(prepare, s->name, l->weights[0], weights)},
							   {DNNL_ARG_BIAS, l->weights[1]},
							   {DNNL_ARG_DST, l->product},
							   {0, NULL}});
	if (s->conv)
		append_pool(net, l, s->name);
	else
		l->pooled = l->product;
}

/* Gradient of the product from that of what the layer gave on, d_dst. */
static dnnl_memory_t
append_activation_backward(Network *net, int i, dnnl_memory_t d_dst)
{
	Layer *l = &net->layer[i];
	Layout dst = layout_of(l->pooled), d_product;
	dnnl_eltwise_desc_t relu;
	dnnl_pooling_desc_t pool;
	dnnl_primitive_desc_t hint, pd;
	dnnl_memory_t result;

	if (i == N_LAYERS - 1)
		return d_dst;
	d_dst = as(&net->backward, shapes[i].name, d_dst, dst);
	CHECK(dnnl_eltwise_forward_desc_init(&relu, dnnl_forward_training, dnnl_eltwise_relu_use_dst_for_bwd,
										 &dst, 0, 0));
	hint = describe(&relu, NULL, NULL);
	CHECK(dnnl_eltwise_backward_desc_init(&relu, dnnl_eltwise_relu_use_dst_for_bwd, &dst, &dst, 0, 0));
	append(&net->backward, shapes[i].name, "relu-backward", 0, describe(&relu, NULL, hint),
		   (dnnl_exec_arg_t[]){
			   {DNNL_ARG_DST, l->pooled}, {DNNL_ARG_DIFF_DST, d_dst}, {DNNL_ARG_DIFF_SRC, d_dst}, {0, NULL}});
	if (!shapes[i].conv)
		return d_dst;
	d_product = layout_of(l->product);
	d_product = typed(layout(4, d_product.dims, form.image), form.type);
	CHECK(dnnl_pooling_backward_desc_init(&pool, dnnl_pooling_max, &d_product, &dst, two, two, none, none));
	pd = describe(&pool, NULL, l->max);
	result = memory(wanted(pd, dnnl_query_diff_src_md));
	append(&net->backward, shapes[i].name, "pool-backward", 0, pd,
		   (dnnl_exec_arg_t[]){{DNNL_ARG_DIFF_DST, d_dst},
							   {DNNL_ARG_WORKSPACE, l->workspace},
							   {DNNL_ARG_DIFF_SRC, result},
							   {0, NULL}});
	return result;
}

static void
append_backward_weights(Network *net, int i, dnnl_memory_t d_product)
{
	const Shape *s = &shapes[i];
	Layer *l = &net->layer[i];
	Layout src, weights, bias, product;
	dnnl_convolution_desc_t conv;
	dnnl_inner_product_desc_t dense;
	dnnl_primitive_desc_t pd;
	dnnl_memory_t d_weights;

	layer_layouts(s, net->batch, &src, &weights, &bias, &product);
	weights = typed(weights, dnnl_f32);
	product = typed(product, form.type);
	if (s->conv)
		CHECK(dnnl_convolution_backward_weights_desc_init(&conv, algorithm(s), &src, &weights, &bias,
														  &product, one, one, one));
	else
		CHECK(dnnl_inner_product_backward_weights_desc_init(&dense, &src, &weights, &bias, &product));
	pd = describe(s->conv ? (void *) &conv : &dense, NULL, l->pd);
	d_weights = memory(wanted(pd, dnnl_query_diff_weights_md));
	l->d_weights[1] = memory(bias);
	src = wanted(pd, dnnl_query_src_md);
	product = wanted(pd, dnnl_query_diff_dst_md);
	append(&net->backward, s->name, "backward-weights", flops(s, net->batch), pd,
		   (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, as(&net->backward, s->name, l->src, src)},
							   {DNNL_ARG_DIFF_DST, as(&net->backward, s->name, d_product, product)},
							   {DNNL_ARG_DIFF_WEIGHTS, d_weights},
							   {DNNL_ARG_DIFF_BIAS, l->d_weights[1]},
							   {0, NULL}});
	l->d_weights[0] = as(&net->backward, s->name, d_weights, layout_of(l->weights[0]));
}

static dnnl_memory_t
append_backward_data(Network *net, int i, dnnl_memory_t d_product)
{
	const Shape *s = &shapes[i];
	Layer *l = &net->layer[i];
	List *prepare = net->purpose == TRAINING ? &net->backward : &net->once;
	Layout src, weights, bias, product;
	dnnl_convolution_desc_t conv;
	dnnl_inner_product_desc_t dense;
	dnnl_primitive_desc_t pd;
	dnnl_memory_t d_src;

	layer_layouts(s, net->batch, &src, &weights, &bias, &product);
	product = typed(product, form.type);
	if (s->conv)
		CHECK(dnnl_convolution_backward_data_desc_init(&conv, algorithm(s), &src, &weights, &product, one,
													   one, one));
	else
		CHECK(dnnl_inner_product_backward_data_desc_init(&dense, &src, &weights, &product));
	pd = describe(s->conv ? (void *) &conv : &dense, NULL, l->pd);
	d_src = memory(wanted(pd, dnnl_query_diff_src_md));
	weights = wanted(pd, dnnl_query_weights_md);
	product = wanted(pd, dnnl_query_diff_dst_md);
	append(&net->backward, s->name, "backward-data", flops(s, net->batch), pd,
		   (dnnl_exec_arg_t[]){{DNNL_ARG_WEIGHTS, as(prepare, s->name, l->weights[0], weights)},
							   {DNNL_ARG_DIFF_DST, as(&net->backward, s->name, d_product, product)},
							   {DNNL_ARG_DIFF_SRC, d_src},
							   {0, NULL}});
	return d_src;
}

static Network *
build(Purpose purpose, int batch)
{
	Network *net = allocate(sizeof(Network));
	dnnl_memory_t d;

	net->purpose = purpose;
	net->batch = batch;
	net->once.reorder = "reorder";
	net->forward.reorder = "reorder-forward";
	net->backward.reorder = "reorder-backward";
	net->input = memory(layout(4, (dnnl_dims_t){batch, 3, 32, 32}, dnnl_nchw));
	for (int i = 0; i < N_LAYERS; i++)
		append_forward(net, i, i ? net->layer[i - 1].pooled : net->input);
	net->logits = net->layer[N_LAYERS - 1].pooled;
	if (purpose == PREDICTING)
	{
		run(&net->once);
		return net;
	}
	d = net->d_logits = memory(layout_of(net->logits));
	for (int i = N_LAYERS - 1; i >= 0; i--)
	{
		d = append_activation_backward(net, i, d);
		if (purpose == TRAINING)
			append_backward_weights(net, i, d);
		if (purpose == ATTACKING || i > 0)
			d = append_backward_data(net, i, d);
	}
	if (purpose == ATTACKING)
		net->d_input = as(&net->backward, "conv1", d, layout_of(net->input));
	for (int i = 0; i < N_LAYERS; i++)
		for (int p = 0; p < 2; p++)
		{
			Layout md = layout_of(net->layer[i].weights[p]);

			for (int m = 0; m < 2; m++)
				net->layer[i].moment[p][m] = allocate(dnnl_memory_desc_get_size(&md));
		}
	run(&net->once);
	return net;
}

/* ---- what oneDNN has no primitive for ---- */

/* d_logits = gradient of the mean cross-entropy of the batch. */
static void
cross_entropy_gradient(Network *net, const int *label)
{
	const float *z = values(net->logits);
	float *d = values(net->d_logits);

	for (int i = 0; i < net->batch; i++, z += CLASSES, d += CLASSES)
	{
		float largest = z[0], sum = 0;

		for (int k = 1; k < CLASSES; k++)
			largest = fmaxf(largest, z[k]);
		for (int k = 0; k < CLASSES; k++)
			sum += d[k] = expf(z[k] - largest);
		for (int k = 0; k < CLASSES; k++)
			d[k] = (d[k] / sum - (k == label[i])) / (float) net->batch;
	}
}

static void
adam(Network *net)
{
	float rate, correction;

	net->steps++;
	correction = 1 / sqrtf(1 - powf(0.999f, (float) net->steps));
	rate = 0.001f / (1 - powf(0.9f, (float) net->steps));
	for (int i = 0; i < N_LAYERS; i++)
		for (int p = 0; p < 2; p++)
		{
			Layout md = layout_of(net->layer[i].weights[p]);
			size_t n = dnnl_memory_desc_get_size(&md) / sizeof(float);
			float *restrict w = values(net->layer[i].weights[p]);
			const float *restrict g = values(net->layer[i].d_weights[p]);
			float *restrict m = net->layer[i].moment[p][0];
			float *restrict v = net->layer[i].moment[p][1];

#pragma omp parallel for simd schedule(static) if (n > 4096)
			for (size_t j = 0; j < n; j++)
			{
				m[j] = 0.9f * m[j] + 0.1f * g[j];
				v[j] = 0.999f * v[j] + 0.001f * g[j] * g[j];
				w[j] -= rate * m[j] / (sqrtf(v[j]) * correction + 1e-8f);
			}
		}
}

/* The step of the input along the sign of its gradient, back into the ball of eps and [0, 1]. */
static void
move_input(Network *net, const float *origin)
{
	const float eps = 0.03f, alpha = 0.007f;
	float *restrict x = values(net->input);
	const float *restrict g = values(net->d_input);

#pragma omp parallel for simd schedule(static)
	for (size_t i = 0; i < (size_t) net->batch * PIXELS; i++)
	{
		float sign = g[i] > 0 ? 1.0f : g[i] < 0 ? -1.0f : 0.0f;
		float moved = x[i] + alpha * sign;

		moved = moved < origin[i] - eps ? origin[i] - eps : moved > origin[i] + eps ? origin[i] + eps : moved;
		x[i] = moved < 0 ? 0 : moved > 1 ? 1 : moved;
	}
}

/* ---- measurements ---- */

typedef struct Step
{
	Network *net;
	double loss, update; /* seconds of what is not in the lists */
	int first;           /* image of the next batch to predict */
} Step;

static void
train_step(Step *s)
{
	int label[BATCH];
	float *x = values(s->net->input);
	double start;

	for (int i = 0; i < BATCH; i++)
	{
		unsigned j = draw() % IMAGES;

		memcpy(x + (size_t) i * PIXELS, images + (size_t) j * PIXELS, sizeof(float) * PIXELS);
		label[i] = labels[j];
	}
	run(&s->net->forward);
	start = now();
	cross_entropy_gradient(s->net, label);
	s->loss += now() - start;
	run(&s->net->backward);
	start = now();
	adam(s->net);
	s->update += now() - start;
}

static void
attack_step(Step *s)
{
	double start;

	run(&s->net->forward);
	start = now();
	cross_entropy_gradient(s->net, labels);
	s->loss += now() - start;
	run(&s->net->backward);
	start = now();
	move_input(s->net, images);
	s->update += now() - start;
}

static void
predict_step(Step *s)
{
	CHECK(dnnl_memory_set_data_handle(s->net->input, images + (size_t) s->first * PIXELS));
	s->first = (s->first + PREDICT) % IMAGES;
	run(&s->net->forward);
}

static void
forget_times(List *list)
{
	for (int i = 0; i < list->n; i++)
		list->op[i].seconds = 0;
}

/* The times of the operations called name, or of all; reorders of one layer and list are shown as one. */
static void
print_times(const List *list, const char *only, const char *prefix, int threads, int times)
{
	for (int i = 0; i < list->n; i++)
	{
		const Op *op = &list->op[i];
		double seconds = 0;
		bool shown = only && strcmp(only, op->name) != 0;

		for (int j = 0; j < list->n; j++)
			if (strcmp(list->op[j].name, op->name) == 0)
			{
				shown = shown || j < i;
				seconds += list->op[j].seconds;
			}
		if (shown)
			continue;
		printf("%s-%s %s threads=%d ", prefix, op->name, form.name, threads);
		if (op->flops > 0)
			printf("%.1f GFLOP/s\n", 1e-9 * op->flops * times / seconds);
		else
			printf("%.3f ms\n", 1e3 * seconds / times);
	}
}

/* Repeat a step; details are printed of training, and of attacks what training does not do. */
static void
measure(const char *what, Purpose purpose, void (*step)(Step *), double seconds, int threads)
{
	const char *prefix = form.type == dnnl_f32 ? "onednn" : "onednn-bf16";
	int batch = purpose == PREDICTING ? PREDICT : BATCH;
	Step s = {.net = build(purpose, batch)};
	double start;
	int times = 0;

	memcpy(values(s.net->input), images, sizeof(float) * (size_t) batch * PIXELS);
	for (int i = 0; i < 3; i++)
		step(&s);
	forget_times(&s.net->forward);
	forget_times(&s.net->backward);
	s.loss = s.update = 0;
	for (start = now(); now() - start < seconds; times++)
		step(&s);
	printf("%s-cnn-%s %s threads=%d %.0f\n", prefix, what, form.name, threads,
		   (double) batch * times / (now() - start));
	if (purpose == TRAINING)
	{
		print_times(&s.net->forward, NULL, prefix, threads, times);
		print_times(&s.net->backward, NULL, prefix, threads, times);
		printf("%s-loss %s threads=%d %.3f ms\n", prefix, form.name, threads, 1e3 * s.loss / times);
		printf("%s-adam %s threads=%d %.3f ms\n", prefix, form.name, threads, 1e3 * s.update / times);
	}
	else if (purpose == ATTACKING)
		print_times(&s.net->backward, "conv1-backward-data", prefix, threads, times);
	fflush(stdout);
}

/* ---- comparison with another implementation ---- */

static void
dump(FILE *file, dnnl_memory_t from)
{
	Layout md = layout_of(from);
	size_t n = 1;
	float *data;

	for (int i = 0; i < md.ndims; i++)
		n *= (size_t) md.dims[i];
	data = allocate(sizeof(float) * n);
	copy(from, plain(md, data));
	fwrite(data, sizeof(float), n, file);
	free(data);
}

static void
dump_all(const char *name)
{
	FILE *file = fopen(name, "wb");
	Network *attacked = build(ATTACKING, BATCH), *trained = build(TRAINING, BATCH);
	Network *predicting = build(PREDICTING, PREDICT);

	if (!file)
		exit(1);
	memcpy(values(attacked->input), images, sizeof(float) * BATCH * PIXELS);
	memcpy(values(trained->input), images, sizeof(float) * BATCH * PIXELS);
	dump(file, trained->input);
	for (int i = 0; i < BATCH; i++)
		fwrite(&(float){(float) labels[i]}, sizeof(float), 1, file);
	for (int i = 0; i < N_LAYERS; i++)
		for (int p = 0; p < 2; p++)
			dump(file, trained->layer[i].weights[p]);
	for (int i = 0; i < 2; i++)
	{
		Network *net = i ? trained : attacked;

		run(&net->forward);
		cross_entropy_gradient(net, labels);
		run(&net->backward);
	}
	dump(file, trained->logits);
	dump(file, attacked->d_input);
	for (int i = 0; i < N_LAYERS; i++)
		for (int p = 0; p < 2; p++)
			dump(file, trained->layer[i].d_weights[p]);
	adam(trained);
	for (int i = 0; i < N_LAYERS; i++)
		for (int p = 0; p < 2; p++)
			dump(file, trained->layer[i].weights[p]);
	memcpy(values(predicting->input), images, sizeof(float) * PREDICT * PIXELS);
	run(&predicting->forward);
	dump(file, predicting->logits);
	fclose(file);
}

int
main(int argc, char **argv)
{
	bool dumping = argc > 2 && strcmp(argv[1], "dump") == 0;
	double seconds = argc > 1 ? atof(argv[1]) : 3;
	int most = argc > 2 && !dumping ? atoi(argv[2]) : 2;

	draw_data();
	CHECK(dnnl_engine_create(&engine, dnnl_cpu, 0));
	CHECK(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
	if (dumping)
	{
		form = forms[argc > 3 ? atoi(argv[3]) : 0];
		dump_all(argv[2]);
		return 0;
	}
	for (int threads = 1; threads <= most; threads++)
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		{
			form = forms[i];
			if (!sensible(&form))
				continue;
			omp_set_num_threads(threads);
			measure("train", TRAINING, train_step, seconds, threads);
			measure("pgd", ATTACKING, attack_step, seconds, threads);
			measure("predict", PREDICTING, predict_step, seconds, threads);
		}
	return 0;
}
