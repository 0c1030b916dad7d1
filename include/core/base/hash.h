/*
 * hash.h
 *		A 64-bit hash for long runs of bytes (images, arrays), which a hash for short keys would spend a third of reading on.
 */
#ifndef ADV_HASH_H
#define ADV_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Of n bytes and a seed. The same on all processors of one byte order. Not for keys that somebody chooses in order to
 * collide.
 */
extern uint64_t adv_hash(const void *bytes, size_t n, uint64_t seed);

#endif
