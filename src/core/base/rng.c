/*
 * rng.c
 *		Philox4x32-10, and how (seed, purpose, key, index) becomes its key and counter.
 */
#include <math.h>

#include "core/base/rng.h"

void
adv_philox(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4])
{
	uint32_t k0 = key[0], k1 = key[1];
	uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];

	for (int round = 0; round < ADV_PHILOX_ROUNDS; round++)
	{
		adv_philox_round(&c0, &c1, &c2, &c3, k0, k1);
		k0 += ADV_PHILOX_STEP_0;
		k1 += ADV_PHILOX_STEP_1;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

/* The counter holds key and index. */
void
adv_random128(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index, uint32_t out[4])
{
	uint64_t stream = adv_stream(seed, purpose);
	uint32_t k[2] = {(uint32_t) stream, (uint32_t) (stream >> 32)};
	uint32_t ctr[4] = {(uint32_t) index, (uint32_t) (index >> 32), (uint32_t) key, (uint32_t) (key >> 32)};

	adv_philox(k, ctr, out);
}

uint64_t
adv_random64(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index)
{
	uint32_t out[4];

	adv_random128(seed, purpose, key, index, out);
	return (uint64_t) out[1] << 32 | out[0];
}

double
adv_uniform(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index)
{
	return (double) (adv_random64(seed, purpose, key, index) >> 11) * 0x1p-53;
}

double
adv_normal(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index)
{
	double radius = sqrt(-2 * log(1 - adv_uniform(seed, purpose, key, index)));

	return radius *
		   cos(2 * 3.14159265358979323846 * adv_uniform(seed, purpose, key, index | (uint64_t) 1 << 63));
}
