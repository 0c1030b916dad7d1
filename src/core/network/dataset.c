/*
 * dataset.c
 *		From a stored row to the network's input.
 */
#include <string.h>

#include "core/network/dataset.h"

/* Bytes of a field in a stored row. */
static size_t
field_bytes(AdvField field)
{
	switch ((AdvFieldKind) field.kind)
	{
		case ADV_FIELD_FLOAT:
			return sizeof(float) * (size_t) field.count;
		case ADV_FIELD_ONEHOT:
			return sizeof(int32_t);
		case ADV_FIELD_IMAGE:
			return (size_t) field.count;
	}
	return 0;
}

size_t
adv_layout_row_bytes(const AdvField *fields, int n_fields)
{
	size_t bytes = 0;

	for (int i = 0; i < n_fields; i++)
		bytes += field_bytes(fields[i]);
	return (bytes + 3) / 4 * 4;
}

/* (c, h, w) bytes -> (h, w, c) floats in [0, 1]. */
static void
expand_image(AdvShape shape, const unsigned char *bytes, float *restrict x)
{
	size_t area = (size_t) shape.h * shape.w;
	size_t channels = (size_t) shape.c;

	for (size_t c = 0; c < channels; c++)
		for (size_t p = 0; p < area; p++)
			x[p * channels + c] = (float) bytes[c * area + p] / 255.0f;
}

static void
expand_onehot(int32_t count, const unsigned char *stored, float *x)
{
	int32_t code;

	memcpy(&code, stored, sizeof(code));
	memset(x, 0, sizeof(float) * (size_t) count);
	if (code >= 0 && code < count)
		x[code] = 1;
}

void
adv_layout_expand(const AdvLayout *layout, const unsigned char *stored, float *x)
{
	for (int i = 0; i < layout->n_fields; i++)
	{
		AdvField field = layout->fields[i];

		switch ((AdvFieldKind) field.kind)
		{
			case ADV_FIELD_FLOAT:
				memcpy(x, stored, sizeof(float) * (size_t) field.count);
				break;
			case ADV_FIELD_ONEHOT:
				expand_onehot(field.count, stored, x);
				break;
			case ADV_FIELD_IMAGE:
				expand_image(layout->shape, stored, x);
				break;
		}
		stored += field_bytes(field);
		x += field.count;
	}
}
