/*
 * distinct.c
 *		Distinct values of an SQL type, and the text that stands for all that are equal.
 */
#include "pg/data/distinct.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/base/hash.h"

/* A value with its text, and its number in the list that it comes from. */
typedef struct Item
{
	uint64 hash;
	Datum value;
	AdvText text;
	int number;
} Item;

struct AdvpgKnown
{
	AdvpgValueType *type;
	int n;
	Item *items; /* (n) by hash; of those with equal hashes, the first come first */
};

static void *
array(size_t n, size_t size)
{
	return palloc_extended(mul_size(n + 1, size), MCXT_ALLOC_HUGE);
}

/* Where values are compared by their texts, these are what is hashed. */
static Item
make_item(AdvpgValueType *type, Datum value, AdvText text, int number)
{
	AdvText copy = {pnstrdup(text.data, text.len), text.len};

	return (Item){type->equal ? advpg_value_hash(type, value, 0) : adv_hash(text.data, text.len, 0), value,
				  copy, number};
}

/* ---- what is known ---- */

static int
compare_known(const void *a, const void *b, void *arg)
{
	const Item *x = a;
	const Item *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

/* Any text is a value of a type of this category: no input function of one says no. */
static bool
takes_any_text(const AdvpgValueType *type)
{
	char category;
	bool preferred;

	get_type_category_preferred(type->type, &category, &preferred);
	return category == TYPCATEGORY_STRING;
}

/* Texts that stand for no value of the type (classes of a model that was trained on another one) are left out. */
AdvpgKnown *
advpg_known_make(AdvpgValueType *type, const AdvText *texts, int n)
{
	AdvpgKnown *known = palloc(sizeof(AdvpgKnown));
	bool any_text = takes_any_text(type);

	known->type = type;
	known->n = 0;
	known->items = array(n, sizeof(Item));
	for (int i = 0; i < n; i++)
	{
		Datum value;

		CHECK_FOR_INTERRUPTS();
		if (any_text)
			value = advpg_value_of_text(type, texts[i]);
		else if (!advpg_value_try_text(type, texts[i], &value))
			continue;
		known->items[known->n++] = make_item(type, value, advpg_value_text(type, value), i);
	}
	qsort_interruptible(known->items, known->n, sizeof(Item), compare_known, NULL);
	return known;
}

static int
find_known(const AdvpgKnown *known, const Item *item)
{
	int low = 0;
	int high = known->n;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (known->items[middle].hash < item->hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < known->n && known->items[low].hash == item->hash; low++)
		if (advpg_value_equal(known->type, known->items[low].value, known->items[low].text, item->value,
							  item->text))
			return known->items[low].number;
	return -1;
}

int
advpg_known_find(const AdvpgKnown *known, Datum value, AdvText text)
{
	Item item = make_item(known->type, value, text, 0);

	return find_known(known, &item);
}

/* ---- what is new ---- */

static int
compare_new(const void *a, const void *b, void *arg)
{
	const Item *x = a;
	const Item *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return adv_text_compare(x->text, y->text);
}

/* Add the texts of n values that no known text stands for. In the order of hash and text the first of equal values comes first. */
static void
add_new(AdvpgValueType *type, Item *items, int n, AdvpgDictionary *texts, Datum *values, int *code)
{
	int run = 0; /* the first of those with the same hash */

	qsort_interruptible(items, n, sizeof(Item), compare_new, NULL);
	for (int i = 0; i < n; i++)
	{
		bool added;
		int found = -1;

		CHECK_FOR_INTERRUPTS();
		if (items[i].hash != items[run].hash)
			run = i;
		for (int k = run; k < i && found < 0; k++)
			if (advpg_value_equal(type, items[k].value, items[k].text, items[i].value, items[i].text))
				found = code[items[k].number];
		if (found < 0)
		{
			found = advpg_dictionary_add(texts, items[i].text, &added);
			/* values that differ but have one text cannot be told apart by a model */
			if (added && values)
				values[found] = items[i].value;
		}
		code[items[i].number] = found;
	}
}

int *
advpg_distinct_settle(AdvpgValueType *type, const AdvpgDictionary *images, AdvpgDictionary *texts,
					  Datum **values)
{
	int n_known = texts->n;
	AdvpgKnown *known = NULL;
	Item *fresh = array(images->n, sizeof(Item));
	int n_fresh = 0;
	int *code = array(images->n, sizeof(int));

	if (values)
		*values = array(n_known + images->n, sizeof(Datum));
	for (int i = 0; i < images->n; i++)
	{
		Datum value = advpg_value_of_image(type, images->texts[i]);
		Item item = make_item(type, value, advpg_value_text(type, value), i);

		CHECK_FOR_INTERRUPTS();
		code[i] = n_known > 0 ? advpg_dictionary_find(texts, item.text) : -1;
		if (code[i] < 0 && n_known > 0)
		{
			/* most often all values are known by their very texts */
			if (known == NULL)
				known = advpg_known_make(type, texts->texts, n_known);
			code[i] = find_known(known, &item);
		}
		if (code[i] < 0)
			fresh[n_fresh++] = item;
	}
	add_new(type, fresh, n_fresh, texts, values ? *values : NULL, code);
	return code;
}
