/*
 * dictionary.c
 *		Distinct texts and their codes, in order of arrival: the server's hash table over copies of the texts.
 */
#include "pg/data/dictionary.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct Entry
{
	AdvText text;
	int code;
	uint32 hash;
	char status;
} Entry;

static inline bool
same_text(AdvText a, AdvText b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

#define SH_PREFIX            dictionary
#define SH_ELEMENT_TYPE      Entry
#define SH_KEY_TYPE          AdvText
#define SH_KEY               text
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key).data, (key).len)
#define SH_EQUAL(tb, a, b)   same_text(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE           static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
advpg_dictionary_init(AdvpgDictionary *dictionary, MemoryContext context)
{
	dictionary->context = context;
	dictionary->n = 0;
	dictionary->max = 16;
	dictionary->texts = MemoryContextAlloc(context, sizeof(AdvText) * dictionary->max);
	dictionary->hash = dictionary_create(context, 16, NULL);
}

int
advpg_dictionary_add(AdvpgDictionary *dictionary, AdvText text, bool *added)
{
	bool found;
	Entry *entry = dictionary_insert(dictionary->hash, text, &found);

	if (!found)
	{
		char *copy = MemoryContextAlloc(dictionary->context, text.len + 1);

		memcpy(copy, text.data, text.len);
		if (dictionary->n == dictionary->max)
		{
			dictionary->max *= 2;
			dictionary->texts = repalloc_huge(dictionary->texts, sizeof(AdvText) * dictionary->max);
		}
		entry->text.data = copy;
		entry->code = dictionary->n;
		dictionary->texts[dictionary->n++] = entry->text;
	}
	if (added)
		*added = !found;
	return entry->code;
}

int
advpg_dictionary_find(const AdvpgDictionary *dictionary, AdvText text)
{
	Entry *entry = dictionary_lookup(dictionary->hash, text);

	return entry ? entry->code : -1;
}

static int
compare_numbers(const void *a, const void *b, void *arg)
{
	const AdvText *texts = arg;

	return adv_text_compare(texts[*(const int *) a], texts[*(const int *) b]);
}

int *
advpg_text_order(const AdvText *texts, int n)
{
	int *order = palloc_extended(sizeof(int) * ((size_t) n + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < n; i++)
		order[i] = i;
	qsort_interruptible(order, n, sizeof(int), compare_numbers, unconstify(AdvText *, texts));
	return order;
}

char *
advpg_text_cstring(AdvText text)
{
	return pnstrdup(text.data, text.len);
}

Datum
advpg_text_datum(AdvText text)
{
	return PointerGetDatum(cstring_to_text_with_len(text.data, text.len));
}

AdvText
advpg_cstring_text(const char *string)
{
	AdvText text = {string, strlen(string)};

	return text;
}
