/*
 * rng.h
 *		Counter-based random numbers (Philox4x32-10; Salmon, Moraes, Dror and Shaw 2011, "Parallel random
 *		numbers: as easy as 1, 2, 3").
 *
 * A number is a pure function of (seed, purpose, key, index). Nothing depends on the order of calls, so results
 * are the same whatever the number of workers, the size of a batch or the physical order of rows.
 */
#ifndef ADV_RNG_H
#define ADV_RNG_H

#include <stdint.h>

/* What a number is drawn for: streams of different purposes are independent. */
typedef enum AdvPurpose
{
	ADV_FOR_INIT = 1,   /* key: layer number, index: parameter */
	ADV_FOR_SHUFFLE,    /* key: example key, index: epoch */
	ADV_FOR_OVERSAMPLE, /* key: row key, index: 0 */
	ADV_FOR_VALIDATION, /* key: row key, index: 0 */
	ADV_FOR_ATTACK,     /* key: row key, index: restart * (inputs + 1) + input */
	ADV_FOR_BOOTSTRAP,  /* key: replicate, index: draw / 4 */
	ADV_FOR_CENSUS,     /* key: person, index: column */
	ADV_FOR_LEAVE_OUT,  /* key: row key, index: 0 */
	ADV_FOR_LAYER,      /* key: example key, index: (epoch, layer, place / 4) */
	ADV_FOR_AUGMENT,    /* key: example key, index: epoch */
	ADV_FOR_QUERY,      /* key: row key, index: (restart * (queries + 1) + query) * (inputs + 4) + input */
	ADV_FOR_NOISE,      /* key: example key, index: epoch * (inputs / 4 rounded up) + input / 4 */
	ADV_FOR_SMOOTHING,  /* key: row key, index: draw * (inputs / 4 rounded up) + input / 4 */
	ADV_FOR_CANDIDATE   /* key: row key, index: ((query * tries + try) * 4 + what) * columns + column */
} AdvPurpose;

/* What Philox is made of, for those who compute many blocks side by side. */
#define ADV_PHILOX_ROUNDS 10
#define ADV_PHILOX_STEP_0 0x9E3779B9 /* from round to round; golden ratio */
#define ADV_PHILOX_STEP_1 0xBB67AE85 /* sqrt(3) - 1 */

static inline __attribute__((always_inline)) void
adv_philox_round(uint32_t *c0, uint32_t *c1, uint32_t *c2, uint32_t *c3, uint32_t k0, uint32_t k1)
{
	uint64_t p0 = (uint64_t) 0xD2511F53 * *c0;
	uint64_t p1 = (uint64_t) 0xCD9E8D57 * *c2;

	*c0 = (uint32_t) (p1 >> 32) ^ *c1 ^ k0;
	*c1 = (uint32_t) p1;
	*c2 = (uint32_t) (p0 >> 32) ^ *c3 ^ k1;
	*c3 = (uint32_t) p0;
}

/* The key of Philox for a seed and a purpose, which moves the seed far away, to another of the 2^64 streams. */
static inline uint64_t
adv_stream(uint64_t seed, AdvPurpose purpose)
{
	return seed ^ (uint64_t) purpose * 0x9E3779B97F4A7C15u;
}

/* The Philox4x32-10 block function: out = bijection of ctr under key. */
extern void adv_philox(const uint32_t key[2], const uint32_t ctr[4], uint32_t out[4]);

/* 128 random bits for (seed, purpose, key, index): for those who need many. */
extern void adv_random128(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index, uint32_t out[4]);

/* 64 random bits for (seed, purpose, key, index): the first half of the same. */
extern uint64_t adv_random64(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index);

/* Uniform in [0, 1), with 53 random bits. */
extern double adv_uniform(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index);

/*
 * Standard normal, by Box and Muller from the uniform numbers of index and of the far away index with its top bit set.
 */
extern double adv_normal(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t index);

#endif
