/*
 * carve.h
 *		One block of memory cut into aligned arrays.
 *
 * The same code measures and places: without a base it only counts the bytes and hands out NULL.
 */
#ifndef ADV_CARVE_H
#define ADV_CARVE_H

#include <stddef.h>

#define ADV_ALIGN 64

typedef struct AdvCarver
{
	unsigned char *base; /* NULL: measure */
	size_t used;
} AdvCarver;

static inline void *
adv_carve(AdvCarver *carver, size_t count, size_t size)
{
	size_t at = carver->used;

	carver->used += (count * size + ADV_ALIGN - 1) / ADV_ALIGN * ADV_ALIGN;
	return carver->base ? carver->base + at : NULL;
}

static inline float *
adv_carve_floats(AdvCarver *carver, size_t count)
{
	return adv_carve(carver, count, sizeof(float));
}

#endif
