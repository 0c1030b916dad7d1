/*
 * fuzz.h
 *		Fuzz targets: functions that take any bytes whatever, feed them to one reader and check its answer.
 *
 * The same functions are driven by libFuzzer (main.c, server.c), which looks for bytes that take new ways through the code, and by
 * test/core/test_fuzz.c, which replays what was found. Errors of memory and undefined behaviour are the sanitizers' to find.
 */
#ifndef ADV_FUZZ_H
#define ADV_FUZZ_H

#include <stdbool.h>
#include <stddef.h>

#include "core/network/model.h"

/* Returns NULL, or what is wrong with the reader's answer. */
typedef const char *FuzzTarget(const unsigned char *data, size_t size);

extern FuzzTarget fuzz_model; /* a model's bytes */
extern FuzzTarget
	fuzz_arch; /* text: channels, height, width, classes and scale (0 or 1), then an arch string */
extern FuzzTarget fuzz_encoder; /* bytes that describe columns, and rows of values for them */

/*
 * A host whose memory is counted. Each block is one of malloc's, so that the address sanitizer sees a single byte too many. Beyond its
 * limit a host gives no memory and remembers that it was asked: no reader may need much more than it was given bytes.
 */
typedef struct FuzzHost
{
	size_t left;
	bool exceeded;
	void **blocks;
	size_t n_blocks;
} FuzzHost;

extern AdvAllocator fuzz_host(FuzzHost *host, size_t limit);
extern void *fuzz_alloc(FuzzHost *host, size_t size); /* never fails: not counted */
extern void fuzz_free(FuzzHost *host);

/* Bytes a model of so many bytes may take in memory. */
#define FUZZ_MODEL_MEMORY(size) ((size) *16 + 65536)

/*
 * A model's bytes with what no mutation gets right by chance: size and checksum and, where the arch string can be read, the number of
 * parameters, of which some are added or taken away. Allocated from host; *size is updated.
 */
extern unsigned char *fuzz_sealed(FuzzHost *host, const unsigned char *bytes, size_t size);
extern unsigned char *fuzz_repaired(FuzzHost *host, const unsigned char *bytes, size_t *size);

/* NULL if err says what a failure with this status must say. */
extern const char *fuzz_check_error(AdvStatus status, const AdvError *err);

#endif
