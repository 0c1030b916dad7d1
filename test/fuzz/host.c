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

/* Bytes of the UTF-8 character at s, 0 if there is none; overlong forms and surrogates are none. */
static size_t
character(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 4;

	if (n > left || (n == 4 && (s[0] < 0xf0 || s[0] > 0xf4)))
		return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool
fuzz_is_utf8(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *) text;

	while (size > 0)
	{
		size_t n = character(s, size);

		if (n == 0)
			return false;
		s += n;
		size -= n;
	}
	return true;
}

const char *
fuzz_check_error(AdvStatus status, const AdvError *err, bool cited)
{
	const char *texts[] = {err->message, err->detail, err->hint};

	if (err->status != status)
		return "an error's status is not the one returned";
	if (err->message[0] == '\0')
		return "a failure without a message";
	for (int i = 0; i < 3; i++)
	{
		if (memchr(texts[i], '\0', sizeof(err->message)) == NULL)
			return "a message without an end";
		if (cited && !fuzz_is_utf8(texts[i], strlen(texts[i])))
			return "a message cuts a character in two";
	}
	return NULL;
}
