/*
 * packed.c
 *		Which kernel a layer runs on, and the weights of all layers in the order of their kernels.
 *
 * Convolutions always have a kernel: that of Winograd's algorithm where it pays, and one for few filters, which on the way back an
 * image's channels are. Of dense layers small ones have the vector kernel, whose products need no copies of
 * what comes in; large ones have panels or tiles where these were measured to be faster, else they are left to adv_gemm, which cuts
 * them into blocks for the caches.
 */
#include <string.h>

#include "core/base/carve.h"
#include "core/kernel/cpu.h"
#include "core/network/packed.h"

#define SMALL_WEIGHTS                                                                                        \
	((size_t) 1 << 16) /* of a dense layer: they fit into the second-level cache of any processor */
#define PANEL_WEIGHTS                                                                                        \
	((size_t) 1 << 22) /* of a dense layer: packing them after each minibatch is little beside its products */

/* Whether what comes into layer i is no longer raw. */
static bool
behind_weights(const AdvNetwork *net, int i)
{
	while (--i >= 0)
		if (adv_layer_is_trained(&net->layers[i]))
			return true;
	return false;
}

/*
 * Tiles round what comes in to 17 bits: enough for images and activations, not for raw columns of a table. So they are for
 * convolutions and for large dense layers behind another layer with weights.
 */
static bool
fit_for_tiles(const AdvNetwork *net, int i)
{
	return adv_layer_type(&net->layers[i])->pieces == ADV_PIECES_FILTERS ||
		   (net->layers[i].n_weight > SMALL_WEIGHTS && behind_weights(net, i));
}

/* The convolution that layer i is, forward or back; a dense layer's is over any number of rows, here none. */
static AdvConvShape
shape_of(const AdvLayer *l, bool back)
{
	AdvConvShape s = adv_layer_type(l)->product(l);
	AdvConvShape turned = {s.h, s.w, s.f, s.c, s.size};

	return back ? turned : s;
}

/* For convolutions. With a stride most of Winograd's tiles would be for nothing. */
static const AdvKernel *
kernel_of_filters(const AdvLayer *l, bool back)
{
	AdvConvShape s = shape_of(l, back);

	if (l->stride == 1 && adv_winograd_pays(&s))
		return &adv_winograd_kernel;
	return back && adv_few_pays(&s) ? &adv_few_kernel : &adv_vector_kernel;
}

static const AdvKernel *
kernel(const AdvNetwork *net, int i, bool back, AdvIsa isa)
{
	const AdvLayer *l = &net->layers[i];

	if (!adv_layer_type(l)->product)
		return NULL;
	if (isa == ADV_ISA_AMX && fit_for_tiles(net, i))
		return &adv_tile_kernel;
	if (adv_layer_type(l)->pieces == ADV_PIECES_FILTERS)
		return kernel_of_filters(l, back);
	if (l->n_weight <= SMALL_WEIGHTS)
		return &adv_vector_kernel;
	return isa == ADV_ISA_AVX2 && l->n_weight <= PANEL_WEIGHTS ? &adv_panel_kernel : NULL;
}

const AdvKernel *
adv_layer_kernel(const AdvNetwork *net, int i, bool back)
{
	return kernel(net, i, back, adv_cpu_isa());
}

/* ---- where they lie ---- */

/* Bytes that any kernel needs, so that a process that may not use tiles can make room for one that does. */
static size_t
layer_size(const AdvNetwork *net, int i, bool back)
{
	AdvIsa widest = adv_cpu_widest();
	size_t size = 0;

	for (AdvIsa isa = ADV_ISA_GENERIC; isa <= widest; isa++)
	{
		const AdvKernel *k = kernel(net, i, back, isa);
		AdvConvShape s;
		size_t needed = 0;

		if (k)
		{
			s = shape_of(&net->layers[i], back);
			needed = k->packed_size(&s);
		}
		size = needed > size ? needed : size;
	}
	return adv_round_up(size, ADV_ALIGN);
}

/* Forward weights of all layers, then those for the way back. */
static size_t
offset(const AdvNetwork *net, int i, bool back)
{
	size_t at = 0;

	for (int j = 0; j < (back ? net->n_layers : i); j++)
		at += layer_size(net, j, false);
	for (int j = 0; back && j < i; j++)
		at += layer_size(net, j, true);
	return at;
}

size_t
adv_packed_size(const AdvNetwork *net, AdvPass pass)
{
	return offset(net, net->n_layers, pass != ADV_PASS_FORWARD);
}

const void *
adv_packed_forward(const AdvNetwork *net, int i, const void *packed)
{
	return (const char *) packed + offset(net, i, false);
}

const void *
adv_packed_back(const AdvNetwork *net, int i, const void *packed)
{
	return (const char *) packed + offset(net, i, true);
}

/* ---- packing ---- */

void
adv_pack_part(const AdvNetwork *net, int i, AdvPart part, const float *params, AdvPass pass, void *packed)
{
	const AdvLayer *l = &net->layers[i];
	const AdvKernel *k = adv_layer_kernel(net, i, false);
	const float *weight = params + l->weight;
	AdvConvShape s, back;
	AdvWeightView view, back_view;
	ptrdiff_t area;

	if (!k)
		return;
	s = shape_of(l, false);
	back = shape_of(l, true);
	area = (ptrdiff_t) s.size * s.size;
	view = (AdvWeightView){s.size, 1, area, area * s.c};
	back_view = (AdvWeightView){-s.size, -1, area * s.c, area};
	k->pack(&s, weight, view, part.input, part.inputs, part.output, part.outputs,
			(char *) packed + offset(net, i, false));
	if (pass != ADV_PASS_FORWARD)
		adv_layer_kernel(net, i, true)
			->pack(&back, weight + area - 1, back_view, part.output, part.outputs, part.input, part.inputs,
				   (char *) packed + offset(net, i, true));
}

void
adv_pack(const AdvNetwork *net, const float *params, AdvPass pass, void *packed)
{
	for (int i = 0; i < net->n_layers; i++)
		adv_pack_part(net, i, adv_whole_layer(&net->layers[i]), params, pass, packed);
}
