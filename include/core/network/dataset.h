/*
 * dataset.h
 *		Rows as the core reads them: compact, in chunks of shared memory, expanded to floats a minibatch at a time.
 *
 * A stored row is a sequence of fields: floats (numbers already encoded, codes, arrays), one int32 code per one-hot
 * category, or an image's bytes. Images stay bytes (4 times smaller), one-hot blocks stay one code.
 */
#ifndef ADV_DATASET_H
#define ADV_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "core/network/network.h"

typedef enum AdvFieldKind
{
	ADV_FIELD_FLOAT = 1, /* count floats, stored as they are */
	ADV_FIELD_ONEHOT,    /* one int32 code -> count floats, all zero for -1 */
	ADV_FIELD_IMAGE      /* count bytes in (c, h, w) order -> bytes / 255, channels last */
} AdvFieldKind;

typedef struct AdvField
{
	int32_t kind;  /* AdvFieldKind */
	int32_t count; /* values it gives in the network's input */
} AdvField;

/* How a stored row becomes an input. An image field, if any, is the only field. */
typedef struct AdvLayout
{
	const AdvField *fields;
	int32_t n_fields;
	AdvShape shape;   /* of the input */
	size_t row_bytes; /* of a stored row, a multiple of 4 */
} AdvLayout;

typedef struct AdvDataset
{
	AdvLayout layout;
	size_t n_rows;
	size_t rows_per_chunk; /* row r lies in chunks[r / rows_per_chunk] */
	const unsigned char *const *chunks;
	const int32_t *label; /* (n_rows) class, -1 when unknown; NULL when there are no labels */

	/* tell the host which memory will be read soon, where that may take it a while; NULL: it does not */
	void (*will_need)(const void *memory, size_t bytes);
} AdvDataset;

/* Bytes a stored row of these fields takes. */
extern size_t adv_layout_row_bytes(const AdvField *fields, int n_fields);

static inline const unsigned char *
adv_dataset_row(const AdvDataset *data, size_t row)
{
	return data->chunks[row / data->rows_per_chunk] + (row % data->rows_per_chunk) * data->layout.row_bytes;
}

/* Expand one stored row into x (adv_shape_size(shape) floats, channels last). */
extern void adv_layout_expand(const AdvLayout *layout, const unsigned char *stored, float *x);

#endif
