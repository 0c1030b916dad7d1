/*
 * model.c
 *		Fuzz target: a model's bytes. What is read is canonical, takes no more memory than its bytes warrant, and computes.
 */
#include "fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/crc32c.h"

#define HEADER_SIZE  60
#define AT_VERSION   8
#define AT_SIZE      16
#define AT_SHAPE     24
#define AT_CLASSES   36
#define AT_PARAMS    52
#define MOST_PARAMS  4096    /* that a repair makes */
#define MOST_MEMORY  1000000 /* of the passes that are tried */
#define MOST_PRODUCT 200000
#define ROWS         2

/* ---- bytes that get past the checks of a whole ---- */

static uint32_t
get_u32(const unsigned char *p)
{
	return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static void
put_u32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char) (value >> 8 * i);
}

static void
seal(unsigned char *bytes, size_t size)
{
	if (size < HEADER_SIZE + 4)
		return;
	put_u32(bytes + AT_SIZE, (uint32_t) size);
	put_u32(bytes + AT_SIZE + 4, 0);
	put_u32(bytes + size - 4, adv_crc32c(bytes, size - 4));
}

unsigned char *
fuzz_sealed(FuzzHost *host, const unsigned char *bytes, size_t size)
{
	unsigned char *copy = fuzz_alloc(host, size);

	memcpy(copy, bytes, size);
	seal(copy, size);
	return copy;
}

/* Parameters of the network that the bytes describe, or as many as they say if they describe none. */
static uint32_t
described_params(const unsigned char *bytes, size_t size, uint32_t stored)
{
	char arch[ADV_MAX_ARCH];
	AdvNetwork net;
	AdvShape shape;
	uint32_t len;

	if (size < HEADER_SIZE + 8 || (len = get_u32(bytes + HEADER_SIZE)) >= ADV_MAX_ARCH ||
		len > size - HEADER_SIZE - 8)
		return stored;
	memcpy(arch, bytes + HEADER_SIZE + 4, len);
	arch[len] = '\0';
	shape = (AdvShape){(int32_t) get_u32(bytes + AT_SHAPE), (int32_t) get_u32(bytes + AT_SHAPE + 4),
					   (int32_t) get_u32(bytes + AT_SHAPE + 8)};
	if (adv_network_parse(&net, arch, shape, (int) get_u32(bytes + AT_CLASSES), bytes[12] & 1, NULL) !=
			ADV_OK ||
		net.n_params > MOST_PARAMS)
		return stored;
	return (uint32_t) net.n_params;
}

unsigned char *
fuzz_repaired(FuzzHost *host, const unsigned char *bytes, size_t *size)
{
	uint32_t stored = *size < HEADER_SIZE + 4 ? 0 : get_u32(bytes + AT_PARAMS);
	uint32_t n = described_params(bytes, *size, stored);
	size_t repaired = *size;
	unsigned char *copy;

	if (n > stored)
		repaired += (size_t) (n - stored) * 4;
	else if ((size_t) (stored - n) * 4 < *size - HEADER_SIZE - 4)
		repaired -= (size_t) (stored - n) * 4;
	copy = fuzz_alloc(host, repaired);
	memset(copy, 0x3c, repaired); /* parameters that are added are 0.0115 */
	memcpy(copy, bytes, repaired < *size ? repaired : *size);
	if (n > stored)
		memset(copy + *size - 4, 0x3c, 4);
	if (n != stored)
	{
		put_u32(copy + AT_PARAMS, n);
		put_u32(copy + AT_PARAMS + 4, 0);
	}
	seal(copy, repaired);
	*size = repaired;
	return copy;
}

/* ---- what is accepted ---- */

static void *
aligned(FuzzHost *host, size_t size)
{
	return (void *) (((uintptr_t) fuzz_alloc(host, size + 64) + 63) & ~(uintptr_t) 63);
}

/* Multiplications of a forward pass over one row. */
static double
products(const AdvNetwork *net)
{
	double n = 0;

	for (int i = 0; i < net->n_layers; i++)
		n += (double) net->layers[i].n_weight * net->layers[i].out.h * net->layers[i].out.w +
			 (double) adv_shape_size(net->layers[i].out);
	return n;
}

/* Forward and backward over two equal rows: what one row gives does not depend on the other. */
static const char *
check_passes(FuzzHost *host, const AdvModel *model)
{
	const AdvNetwork *net = &model->net;
	size_t inputs = adv_shape_size(net->input);
	size_t bytes = adv_workspace_size(net, ROWS, ADV_PASS_BACKWARD);
	AdvWorkspace ws;
	float *d_params;
	const float *logits;

	if (bytes > MOST_MEMORY || products(net) > MOST_PRODUCT)
		return NULL;
	adv_workspace_init(&ws, net, ROWS, ADV_PASS_BACKWARD, aligned(host, bytes));
	adv_workspace_load(&ws, model->params);
	for (size_t i = 0; i < ROWS * inputs; i++)
		ws.act[0][i] = (float) (i % inputs % 7) - 3;
	if (adv_forward(&ws, ROWS) != ADV_OK)
		return "a forward pass fails";
	logits = ws.act[net->n_layers];
	for (int k = 0; k < net->classes; k++)
		if (logits[k] != logits[net->classes + k] && !(isnan(logits[k]) && isnan(logits[net->classes + k])))
			return "equal rows give different outputs";
	d_params = fuzz_alloc(host, net->n_params * sizeof(float));
	memset(d_params, 0, net->n_params * sizeof(float));
	for (int k = 0; k < ROWS * net->classes; k++)
		ws.d_act[net->n_layers][k] = 1;
	return adv_backward(&ws, ROWS, d_params, false, true) == ADV_OK ? NULL : "a backward pass fails";
}

static const char *
check_accepted(FuzzHost *host, const AdvModel *model, const unsigned char *bytes, size_t size)
{
	unsigned char *again;

	if (adv_model_size(model) != size)
		return "a model that was read has another size";
	again = fuzz_alloc(host, size);
	adv_model_write(model, again);
	if (model->version == 1) /* which is not written any more; all else is the same */
	{
		put_u32(again + AT_VERSION, 1);
		seal(again, size);
	}
	if (memcmp(again, bytes, size) != 0)
		return "a model that was read is written to other bytes";
	return check_passes(host, model);
}

static const char *
check(const unsigned char *bytes, size_t size)
{
	FuzzHost host;
	AdvAllocator allocator = fuzz_host(&host, FUZZ_MODEL_MEMORY(size));
	unsigned char *copy = memcpy(fuzz_alloc(&host, size), bytes, size);
	AdvError err = {.status = ADV_OK};
	AdvModel model;
	AdvStatus status = adv_model_read(copy, size, &allocator, &model, &err);
	const char *wrong;

	memset(copy, 0xff, size); /* nothing points into it any more */
	if (host.exceeded)
		wrong = "reading a model takes more memory than its bytes warrant";
	else if (status == ADV_OK)
		wrong = check_accepted(&host, &model, bytes, size);
	else if (status != ADV_CORRUPT && status != ADV_LIMIT)
		wrong = "bytes that are no model have an unexpected status";
	else
		wrong = fuzz_check_error(status, &err);
	fuzz_free(&host);
	return wrong;
}

const char *
fuzz_model(const unsigned char *data, size_t size)
{
	FuzzHost host;
	const char *wrong;

	(void) fuzz_host(&host, 0);
	wrong = check(data, size);
	if (wrong == NULL)
		wrong = check(fuzz_sealed(&host, data, size), size);
	if (wrong == NULL)
	{
		unsigned char *repaired = fuzz_repaired(&host, data, &size);

		wrong = check(repaired, size);
	}
	fuzz_free(&host);
	return wrong;
}
