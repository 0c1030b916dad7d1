/*
 * layer.h
 *		What a kind of layer is: a row of a table. A new one is its file and its row (layers.c).
 *
 * A kind says how it is written, what it makes of a shape, where its parameters are, and how it goes forward and back. Networks know no
 * kind: they ask. Activations are channels last, (rows, h, w, c). src is a layer's input, dst its output, d_src and d_dst the loss
 * gradients with respect to them.
 */
#ifndef ADV_LAYER_H
#define ADV_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/kernel/kernel.h"

struct AdvLinear;
struct AdvRelaxed;

#define ADV_MAX_INPUTS (1 << 24) /* values in one input, and in any activation of one row */
#define ADV_MAX_KERNEL 31
#define ADV_MAX_DEPTH  8 /* of blocks within blocks */

/* A flat vector of n values is {n, 1, 1}. */
typedef struct AdvShape
{
	int32_t c;
	int32_t h;
	int32_t w;
} AdvShape;

static inline size_t
adv_shape_size(AdvShape s)
{
	return (size_t) s.c * s.h * s.w;
}

/* One layer of a network: plain data, without pointers. */
typedef struct AdvLayer
{
	int32_t kind;   /* its place in adv_layer_types */
	int32_t size;   /* conv: kernel; pooling: window */
	int32_t stride; /* conv and pooling: places of the input from one of the output to the next */
	float factor;   /* leaky relu, dropout: the number behind the word */
	int32_t peer;   /* of the first and the last layer of a block: the other one's number */
	AdvShape in;    /* of one row */
	AdvShape out;
	size_t weight;   /* offsets into the parameter vector */
	size_t n_weight; /* 0: no parameters */
	size_t bias;
	size_t n_bias;
	size_t statistic; /* of what has come through in training: learned, but not by gradients */
	size_t n_statistic;
	size_t summed; /* where its gradients begin among those that are sums over slices, if they are */
} AdvLayer;

/* How many parameters a layer has. */
typedef struct AdvCount
{
	uint64_t weights;
	uint64_t biases;
	uint64_t statistics;
} AdvCount;

/* A rectangle of a layer's weights: some of its outputs (filters) by some of its inputs (channels). */
typedef struct AdvPart
{
	int output;
	int outputs;
	int input;
	int inputs;
} AdvPart;

typedef enum AdvPass
{
	ADV_PASS_FORWARD,  /* logits only: least memory */
	ADV_PASS_BACKWARD, /* forward and backward */
	ADV_PASS_TRAINING, /* the same, with packed parameters of the host's */
	ADV_PASS_APART     /* forward and backward, each layer by itself */
} AdvPass;

/* What is random in a forward pass that trains: drawn from (seed, example key, epoch), so the same whoever computes it. */
typedef struct AdvNoise
{
	const uint64_t *key; /* (rows) of examples; NULL: this pass does not train */
	int rows; /* a pass over more repeats them: rows that lie behind one another and are of the same examples */
	uint64_t seed;
	uint64_t epoch;
} AdvNoise;

/*
 * A convolution and the layers that are computed along with it: a maxpool and relus that follow. Kernels give the raw result of stride 1. Of
 * that, each result is the maximum of a window, and windows lie stride places apart. Kinds that are no convolution use all but the shape.
 */
typedef struct AdvConvBlock
{
	AdvConvShape shape;
	int pool; /* window, 1: none */
	int stride;
	bool relu;
	AdvShape out; /* of one row */
} AdvConvBlock;

/* A step of a pass, made once for a workspace: a layer, or several that are computed together, and all that they need beside activations. */
typedef struct AdvStep
{
	const struct AdvLayerType *type;
	const AdvLayer *layer; /* the first */
	int first;             /* its number */
	int end;               /* the layers are first .. end - 1 */
	AdvPass pass;
	int max_rows;
	AdvConvBlock block;           /* of kinds that take others along */
	const AdvKernel *kernel;      /* NULL: none, or adv_gemm */
	const AdvKernel *back_kernel; /* of the gradient with respect to the input */
	const float *weight;
	const float *bias;
	const float *statistic;
	const void *forward; /* packed weights, for the way forward */
	const void *back;
	float *const *act;          /* the workspace's activations */
	float *const *d_act;        /* and gradients by them */
	const struct AdvStep *peer; /* of the first and the last layer of a block: the other one's step */
	uint8_t *
		memory; /* (max_rows, what the kind asks for) from the way forward to the way back; may be NULL going forward alone */
	void *scratch;
	const AdvNoise *noise;
	const AdvStop *stop; /* ask NULL: nobody */
} AdvStep;

/* A layer as written: width is N, size S or P, stride T, factor A. */
typedef struct AdvLayerWord
{
	const struct AdvLayerType *type;
	int32_t width;
	int32_t size;
	int32_t stride; /* the usual one, unless written */
	float factor;
} AdvLayerWord;

/* The network so far, and what the next layer will see. */
typedef struct AdvBuilder
{
	AdvShape input;
	AdvShape shape;
	bool flat; /* shape is a vector, not an image */
	int depth; /* blocks that are open */
	struct
	{
		int layer;
		bool flat; /* what came into it */
	} open[ADV_MAX_DEPTH];
	AdvError *err;

	/* Append a layer that turns the current shape into out. */
	AdvStatus (*add)(struct AdvBuilder *b, const AdvLayerWord *word, AdvShape out, AdvCount n);
	void *network;
} AdvBuilder;

/* What is written behind a kind's word. */
typedef enum AdvLayerForm
{
	ADV_FORM_WORD = 0, /* nothing */
	ADV_FORM_WIDTH,    /* N */
	ADV_FORM_SIZE,     /* P */
	ADV_FORM_FILTERS,  /* NxS */
	ADV_FORM_FACTOR,   /* A, a decimal number */
	ADV_FORM_BLOCK     /* layers in parentheses */
} AdvLayerForm;

/* How training cuts a kind's parameters. */
typedef enum AdvPieces
{
	ADV_PIECES_NONE = 0, /* nothing is trained */
	ADV_PIECES_FILTERS,  /* whole filters, whose gradient is the sum of the slices' */
	ADV_PIECES_CHANNELS, /* a weight for each channel, likewise */
	ADV_PIECES_PRODUCT /* rectangles, whose gradient is one product over the minibatch: inputs and output gradients of all its rows are kept */
} AdvPieces;

/* What convolutions, batchnorm and the ends of blocks may take along when a layer of this kind follows. */
typedef enum AdvFusion
{
	ADV_FUSION_NONE = 0,
	ADV_FUSION_RELU,
	ADV_FUSION_MAXPOOL
} AdvFusion;

/* A step's way back: what the forward pass took and gave, the loss's gradient by that, and where its gradients go. Channels last. */
typedef struct AdvBack
{
	int rows;
	const float *src;   /* (rows, in) */
	const float *dst;   /* (rows, out) */
	const float *d_dst; /* (rows, out) */
	float *d_src;       /* (rows, in), written; NULL: nobody wants it */
	float *d_weight;    /* as weights lie, added to; NULL: likewise */
	float *d_bias;
	float *sums; /* of what statistics are made of, added to; NULL: likewise */
} AdvBack;

typedef struct AdvLayerType
{
	const char *word;
	const char *
		form_words; /* "dense N for N outputs, for example dense 128"; NULL: the system adds it, nobody writes it */
	const char *listed; /* "dense N" */
	AdvLayerForm form;
	bool strides;    /* "stride T" may follow; usual are 1, and a window's size */
	bool ends_block; /* the last layer of a block */
	bool linear; /* out is weights times src, plus biases: what follows and is affine can become part of it */
	bool element_wise; /* out has the shape of in, and each value depends on the one at its place */
	bool needs_input;  /* going back it looks at src: what is in its place must not be overwritten */
	AdvFusion fusion;
	AdvPieces pieces;
	bool drawn; /* weights are drawn by fan and biases are 0; else they begin as the next two */
	float initial_weight;
	float initial_bias;
	const float *initial_statistic; /* of each kind */
	const char *weight_name;        /* NULL: no parameters */
	const char *bias_name;
	const char *const *
		statistic_names; /* of the kinds of statistics, as many of each as there are biases; ends with NULL */

	/* Check what is written and add the layer; NULL: element-wise, nothing to check. */
	AdvStatus (*build)(AdvBuilder *b, const AdvLayerWord *word);

	/* Kinds whose form is a block: add its last layer. in came into the block, stride is that of all its layers together. */
	AdvStatus (*close)(AdvBuilder *b, AdvShape in, bool was_flat, int32_t stride);

	/*
	 * How many of the n layers that begin with s->layer its step computes, as the fusion of those behind says; fills in s->block.
	 * types is the table of kinds. NULL: one.
	 */
	int (*take_along)(AdvStep *s, int n, const struct AdvLayerType *const *types);

	/* Sizes of the weights, outermost first, into sizes (4); returns how many. */
	int (*weight_sizes)(const AdvLayer *l, int *sizes);

	size_t (*memory)(const AdvLayer *l); /* bytes for each row; NULL: none */
	size_t (*scratch)(const AdvStep *s); /* bytes; NULL: none */
	AdvConvShape (*product)(
		const AdvLayer *l); /* the convolution that it is, forward, a dense layer over no rows; NULL: none */

	/* ADV_ABORTED when told to stop. */
	AdvStatus (*forward)(const AdvStep *s, int rows, const float *src, float *dst);
	AdvStatus (*backward)(const AdvStep *s, const AdvBack *b);

	/*
	 * Statistics (kinds, outputs) of part's outputs take in what a minibatch of so many rows has given: sums (kinds, part.outputs) of what
	 * the way back of its slices has left.
	 */
	void (*absorb)(const AdvLayer *l, AdvPart part, size_t rows, const float *sums, float *statistic);

	/*
	 * A pass that does not train only scales each channel: what a channel is multiplied by and what is added then, from all parameters.
	 * NULL: it does something else.
	 */
	void (*affine)(const AdvLayer *l, const float *params, int channel, double *factor, double *shift);

	/*
	 * What bounds of results are made of (linear.h), one of the two; neither: they cannot be bounded. map: describe the map that a pass that does not
	 * train is, of what goes along with a block that of what comes into it. relax: the reach of results, and lines around them, of inputs
	 * (in) between low and high.
	 */
	void (*map)(const AdvLayer *l, const float *params, struct AdvLinear *to);
	void (*relax)(const AdvLayer *l, const double *low, const double *high, struct AdvRelaxed *to);

	/*
	 * Kinds whose pieces are products: the gradient of a part of the weights over any number of rows is added to d_weight (part.outputs,
	 * part.inputs) and, unless NULL, d_bias (part.outputs). src (rows, in) and d_dst (rows, out) are readable 64 bytes past their end.
	 */
	void (*part)(const AdvStep *s, int rows, AdvPart part, const float *src, const float *d_dst,
				 float *d_weight, float *d_bias);
} AdvLayerType;

/* All kinds. The list ends with NULL. A kind is known by its place in it, in one process; models have words. */
extern const AdvLayerType *const adv_layer_types[];

static inline const AdvLayerType *
adv_layer_type(const AdvLayer *l)
{
	return adv_layer_types[l->kind];
}

/* Whether its parameters are trained; if there are others, they are fitted. */
static inline bool
adv_layer_is_trained(const AdvLayer *l)
{
	return adv_layer_type(l)->pieces != ADV_PIECES_NONE;
}

/* Whether its gradients are sums over the slices of a minibatch. */
static inline bool
adv_layer_is_summed(const AdvLayer *l)
{
	return adv_layer_is_trained(l) && adv_layer_type(l)->pieces != ADV_PIECES_PRODUCT;
}

/* Kinds of statistics that it has of each output. */
static inline int
adv_statistic_kinds(const AdvLayer *l)
{
	return (int) (l->n_statistic / (size_t) l->out.c);
}

/* ---- layers.c: what the system adds by itself ---- */

extern const AdvLayerType adv_scale_layer;
extern const AdvLayerType adv_flatten_layer;
extern const AdvLayerType adv_dense_layer;

/* ---- rules.c: checks of what is written, each with one wording ---- */

extern AdvStatus adv_check_image(const AdvBuilder *b, const char *word);
extern AdvStatus adv_check_positive(const AdvBuilder *b, const char *word, const char *what, int32_t number);
extern AdvStatus adv_check_at_most(const AdvBuilder *b, const char *word, const char *what, int32_t number,
								   int32_t limit);

/* The factor of a layer, which what tells the name of. */
extern AdvStatus adv_check_below_one(const AdvBuilder *b, const AdvLayerWord *word, const char *what);

/* A window of pooling: fits a byte's worth of places, and the input. */
extern AdvStatus adv_check_window(const AdvBuilder *b, const AdvLayerWord *word);

extern AdvStatus adv_check_stride(const AdvBuilder *b, const AdvLayerWord *word);

/* The stride of who says nothing. */
static inline int32_t
adv_usual_stride(const AdvLayerType *type, int32_t size)
{
	return type->strides && type->form == ADV_FORM_SIZE ? size : 1;
}

/* All of a layer with weights. */
static inline AdvPart
adv_whole_layer(const AdvLayer *l)
{
	AdvPieces pieces = adv_layer_type(l)->pieces;

	return (AdvPart){0, l->out.c, 0,
					 pieces == ADV_PIECES_PRODUCT    ? (int) adv_shape_size(l->in)
					 : pieces == ADV_PIECES_CHANNELS ? 1
													 : l->in.c};
}

/* Whether to stop in the middle of a step. */
static inline bool
adv_step_stops(const AdvStep *s)
{
	return s->stop->ask && adv_stops(s->stop);
}

#endif
