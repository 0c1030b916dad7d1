/*
 * main.c
 *		A target of the core as a libFuzzer program; FUZZ_TARGET is its function.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

extern int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *wrong = FUZZ_TARGET(data, size);

	if (wrong)
	{
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	return 0;
}
