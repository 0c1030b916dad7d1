/*
 * network.h
 *		Networks: what they are (layers, shapes, where each parameter lies), and their forward and backward pass.
 *
 * A network is described by an arch string, e.g. "conv 32x3, maxpool 2, relu, dense 128, relu"; the system adds
 * the output layer (dense K; softmax belongs to the loss) and, on request, a fixed scaling layer in front.
 *
 * Layouts. Parameters are one float vector in network order, each layer's weight then bias: dense (out, in), conv
 * (filters, channels, h, w), scale shift (c) then factor (c), statistics behind; flattening is C, H, W order. That is what PyTorch
 * uses. Activations are channels last, (rows, h, w, c), because patches and pooling then touch runs of memory; a
 * flatten layer, added where a dense layer follows an image, restores C, H, W order.
 *
 * AdvNetwork holds no pointer: it can be copied and shared between processes as it is.
 */
#ifndef ADV_NETWORK_H
#define ADV_NETWORK_H

#include "core/layer/layer.h"
#include "core/layer/order.h"

#define ADV_MAX_LAYERS  256
#define ADV_MAX_ARCH    2048 /* bytes of an arch string, with its terminator */
#define ADV_MAX_CLASSES 65536
#define ADV_MAX_PARAMS  ((size_t) 1 << 28) /* parameters of a network */

/* The paper's two classifiers. */
#define ADV_ARCH_IMAGE                                                                                       \
	"conv 32x3, maxpool 2, relu, conv 64x3, maxpool 2, relu, dense 256, relu, dense 128, relu"
#define ADV_ARCH_TABULAR "dense 64, tanh, dense 64, tanh, dense 64, tanh, dense 64, tanh"

typedef struct AdvNetwork
{
	int32_t n_layers;
	int32_t classes;
	bool scale; /* layers[0] is the fixed scaling layer */
	AdvShape input;
	size_t n_params; /* all, the scaling layer's included */
	size_t n_summed; /* those whose gradients are sums over the slices of a minibatch */
	AdvLayer layers[ADV_MAX_LAYERS];
} AdvNetwork;

typedef enum AdvInit
{
	ADV_INIT_GLOROT = 0, /* U(+-sqrt(6 / (fan_in + fan_out))) */
	ADV_INIT_HE          /* U(+-sqrt(6 / fan_in)) */
} AdvInit;

/*
 * Parse an arch string for rows of shape input and the given number of classes. ADV_INVALID names the word that is
 * wrong and lists the allowed ones; ADV_LIMIT when a size passes a limit above. An empty arch is allowed: the
 * network is then multinomial logistic regression.
 */
extern AdvStatus adv_network_parse(AdvNetwork *net, const char *arch, AdvShape input, int classes, bool scale,
								   AdvError *err);

/* The canonical arch string (without scale, flatten and output layer); buf holds ADV_MAX_ARCH bytes. */
extern void adv_network_arch(const AdvNetwork *net, char *buf);

/*
 * Initial parameters (n_params floats) drawn from seed: weights Glorot or He uniform (fan = in or out channels times
 * kernel area), biases 0; a scaling layer starts as the identity (shift 0, factor 1).
 */
extern void adv_network_init(const AdvNetwork *net, float *params, uint64_t seed, AdvInit init);

/* The same for parameters first .. first + count only: there may be so many that a host wants to look around meanwhile. */
extern void adv_network_init_some(const AdvNetwork *net, float *params, uint64_t seed, AdvInit init,
								  size_t first, size_t count);

/*
 * Make of a network and its parameters, in place, a shorter one that gives the same in all passes but those that train, up to rounding: batchnorm
 * behind a convolution or a dense layer becomes part of that.
 */
extern void adv_network_fold(AdvNetwork *net, float *params);

/* Copy those parameters that are never trained, the scaling layer's: they belong to the data. */
extern void adv_network_copy_fixed(const AdvNetwork *net, const float *from, float *to);

/*
 * Parameters in the order in which the kernels of this processor read them. Memory of adv_packed_size bytes, 64-byte
 * aligned, is to be zeroed before it is used first; its size is the same for all processes of a machine, its contents depend on the
 * instruction set in use. adv_pack_part packs a part of layer i that begins at multiples of 16: to be called after each
 * change of the parameters.
 */
extern size_t adv_packed_size(const AdvNetwork *net, AdvPass pass);
extern void adv_pack(const AdvNetwork *net, const float *params, AdvPass pass, void *packed);
extern void adv_pack_part(const AdvNetwork *net, int i, AdvPart part, const float *params, AdvPass pass,
						  void *packed);

/*
 * Working memory of one slice of at most max_rows rows. act[l] is the input of layer l, act[n_layers] the logits,
 * d_act[l] the loss gradient with respect to act[l]; element-wise layers share their input's memory (except layer 0, those
 * that need their input on the way back and those behind a step with another element-wise layer), and all layers that are computed along with a convolution that of the
 * last. For a forward pass alone, all but act[0] take turns in two buffers, and one more for each block that is open.
 * A host may redirect act[l] and d_act[l] of single layers to memory of its own before a pass (training does, so
 * that dense layers' inputs and output gradients of a whole minibatch lie together).
 */
typedef struct AdvWorkspace
{
	const AdvNetwork *net;
	AdvPass pass;
	int max_rows;
	const float *params;
	void *packed;
	int n_steps;
	AdvStep steps[ADV_MAX_LAYERS];  /* of a pass forward; the way back takes them in the opposite order */
	float *act[ADV_MAX_LAYERS + 1]; /* (rows, h, w, c) */
	float *d_act[ADV_MAX_LAYERS + 1];
	AdvNoise noise; /* to be set by who trains before a forward pass, and taken away after the way back */
	void *scratch;  /* of one layer at a time */
	AdvStop stop;   /* asked between layers; ask NULL: nobody */
} AdvWorkspace;

/* Bytes adv_workspace_init needs; 64-byte aligned memory is expected. */
extern size_t adv_workspace_size(const AdvNetwork *net, int max_rows, AdvPass pass);
extern void adv_workspace_init(AdvWorkspace *ws, const AdvNetwork *net, int max_rows, AdvPass pass,
							   void *memory);

/* Work with params from now on, as they are now; to be called again when they have changed. Not for ADV_PASS_TRAINING. */
extern void adv_workspace_load(AdvWorkspace *ws, const float *params);

/* ADV_PASS_TRAINING: work with params, which somebody keeps packed. */
extern void adv_workspace_attach(AdvWorkspace *ws, const float *params, void *packed);

/* Forward pass of rows <= max_rows rows: reads ws->act[0], leaves logits (rows, classes) in ws->act[n_layers]. */
extern AdvStatus adv_forward(AdvWorkspace *ws, int rows);

/*
 * Backward pass after adv_forward: reads ws->d_act[n_layers] (rows, classes). d_params, when not NULL, is a vector of
 * n_params to which gradients are ADDED; with skip_products, one of n_summed, without those of kinds whose pieces are products (the caller then
 * computes them from act and d_act, by adv_part_gradient). In the place of statistics are the sums that they are made of. With input_gradient, ws->d_act[0] receives the gradient with respect to the input;
 * without, it and everything before the first trained layer is skipped.
 */
extern AdvStatus adv_backward(AdvWorkspace *ws, int rows, float *d_params, bool skip_products,
							  bool input_gradient);

/*
 * The gradient of a part of layer i, whose pieces are products, over any number of rows is added to d_weight (part.outputs, part.inputs) and,
 * unless NULL, d_bias (part.outputs). src (rows, in) and d_dst (rows, out) are the layer's input and output gradient, readable for 64
 * bytes past their end.
 */
extern void adv_part_gradient(AdvWorkspace *ws, int i, int rows, AdvPart part, const float *src,
							  const float *d_dst, float *d_weight, float *d_bias);

#endif
