/*
 * normal.h
 *		Many standard normal numbers at once.
 */
#ifndef ADV_NORMAL_H
#define ADV_NORMAL_H

#include <stddef.h>

#include "core/base/rng.h"

#define ADV_NORMAL_BLOCK 4 /* numbers made of one index */

/*
 * z (4 blocks) = numbers of N(0, 1), 4 of each index first, first + 1, ... of (seed, purpose, key), all of them independent. By Box and Muller from
 * 32 random bits for a radius and 32 for an angle: the largest possible number is 6.66, beyond which N(0, 1) goes once in 10^10 draws. In single precision,
 * to some 1e-7; each instruction set may round otherwise.
 */
extern void adv_normals(uint64_t seed, AdvPurpose purpose, uint64_t key, uint64_t first, size_t blocks,
						float *z);

#endif
