/*
 * model.h
 *		A model as a value: architecture, classes, encoder and weights, and its bytes (docs/model-format.md).
 */
#ifndef ADV_MODEL_H
#define ADV_MODEL_H

#include "core/network/encoder.h"

#define ADV_MODEL_VERSION 2 /* what is written; 1 is read, too */

typedef struct AdvModel
{
	int32_t version; /* of the bytes it was read from */
	bool utf8;       /* texts are UTF-8; else it is not known in which encoding they are, as in version 1 */
	AdvNetwork net;
	AdvText label;    /* name of the label column */
	AdvText *classes; /* (net.classes) texts in class order, distinct */
	AdvEncoder encoder;
	const float *params; /* (net.n_params), finite */
} AdvModel;

/* Bytes of a model, and the model written into exactly that many. Same model, same bytes, on every machine. Categories are in byte order. */
extern size_t adv_model_size(const AdvModel *model);
extern void adv_model_write(const AdvModel *model, unsigned char *bytes);

/*
 * Read any bytes whatever: either a complete, consistent model or ADV_CORRUPT (or ADV_LIMIT) with what is wrong. Sizes
 * are checked against the bytes that are there before anything is allocated. Nothing points into bytes afterwards.
 */
extern AdvStatus adv_model_read(const unsigned char *bytes, size_t size, const AdvAllocator *allocator,
								AdvModel *model, AdvError *err);

/* Make a model that was read one for everything but training and writing: see adv_network_fold. */
extern void adv_model_fold(AdvModel *model);

#endif
