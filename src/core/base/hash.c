/*
 * hash.c
 *		Eight sums of 64 bits, each fed every eighth word: a 128-bit product of two words, folded. Eight, because a product takes
 *		several cycles and none waits for another's.
 */
#include <string.h>

#include "core/base/hash.h"

#define LANES 8

/* Odd, with half of the bits set at random: words 0 to 7 of the hexadecimal expansion of pi. */
static const uint64_t secret[LANES] = {
	0x243f6a8885a308d3, 0x13198a2e03707345, 0xa4093822299f31d1, 0x082efa98ec4e6c89,
	0x452821e638d01377, 0xbe5466cf34e90c6d, 0xc0ac29b7c97c50dd, 0x3f84d5b5b5470917,
};

static inline uint64_t
fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 Product;
	Product p = (Product) a * b;

	return (uint64_t) p ^ (uint64_t) (p >> 64);
}

static inline void
add_words(uint64_t *lane, const unsigned char *bytes)
{
	uint64_t word[LANES];

	memcpy(word, bytes, sizeof(word));
	for (int i = 0; i < LANES; i++)
		lane[i] = fold(lane[i] ^ word[i], secret[i]) + word[i];
}

uint64_t
adv_hash(const void *bytes, size_t n, uint64_t seed)
{
	const unsigned char *at = bytes;
	unsigned char rest[LANES * sizeof(uint64_t)] = {0};
	uint64_t lane[LANES];
	uint64_t hash = fold(seed ^ secret[0], n ^ secret[1]);
	size_t left = n;

	for (int i = 0; i < LANES; i++)
		lane[i] = seed + secret[i];
	for (; left >= sizeof(rest); left -= sizeof(rest), at += sizeof(rest))
		add_words(lane, at);
	if (left > 0)
	{
		memcpy(rest, at, left);
		add_words(lane, rest);
	}
	for (int i = 0; i < LANES; i++)
		hash = fold(hash ^ lane[i], secret[(i + 1) % LANES]) + lane[i];
	return fold(hash ^ secret[2], secret[5]);
}
