/*
 * host.c
 *		What fuzz targets share: memory that is counted, and what every error must be like.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

void *
fuzz_alloc(FuzzHost *host, size_t size)
{
	void **blocks = realloc(host->blocks, (host->n_blocks + 1) * sizeof(void *));
	void *block = malloc(size);

	if (blocks == NULL || (block == NULL && size > 0))
		abort();
	host->blocks = blocks;
	return host->blocks[host->n_blocks++] = block;
}

static void *
counted_alloc(void *arg, unsigned long size)
{
	FuzzHost *host = arg;

	if (size > host->left)
	{
		host->exceeded = true;
		return NULL;
	}
	host->left -= size;
	return fuzz_alloc(host, size);
}

AdvAllocator
fuzz_host(FuzzHost *host, size_t limit)
{
	*host = (FuzzHost){.left = limit};
	return (AdvAllocator){counted_alloc, host};
}

void
fuzz_free(FuzzHost *host)
{
	while (host->n_blocks > 0)
		free(host->blocks[--host->n_blocks]);
	free(host->blocks);
	host->blocks = NULL;
}

const char *
fuzz_check_error(AdvStatus status, const AdvError *err)
{
	const char *texts[] = {err->message, err->detail, err->hint};

	if (err->status != status)
		return "an error's status is not the one returned";
	if (err->message[0] == '\0')
		return "a failure without a message";
	for (int i = 0; i < 3; i++)
		if (memchr(texts[i], '\0', sizeof(err->message)) == NULL)
			return "a message without an end";
	return NULL;
}
