/*
 * order.c
 *		Canonical order: by keys, not by arrival. Classes by their type, rows by key and content, draws by seed and key.
 *
 * The order in which rows arrive means nothing: a scan may start anywhere and run in parallel. What could depend on it goes by
 * each row's key instead: the hash of its id, or of its content where there is none.
 */
#include "pg/data/load.h"

#include "catalog/pg_collation.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "core/base/rng.h"
#include "pg/data/charset.h"
#include "pg/base/advpg.h"

void
advpg_fail_classes(const AdvpgLoad *load)
{
	ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			errmsg("label column \"%s\" has more than %d classes", load->label.name, ADV_MAX_CLASSES));
	pg_unreachable();
}

typedef struct LabelOrder
{
	TypeCacheEntry *type;
	AdvpgDictionary *labels;
	Datum *values;
	bool is_text;
} LabelOrder;

/* Classes are ordered by their type (text: bytes in UTF-8), not by their text: 2 comes before 10, enums in their own order. */
static int
compare_labels(const void *a, const void *b, void *arg)
{
	LabelOrder *order = arg;
	int x = *(const int *) a;
	int y = *(const int *) b;
	int result = 0;

	if (order->is_text)
		return adv_text_compare(advpg_utf8(order->labels->texts[x]), advpg_utf8(order->labels->texts[y]));
	if (OidIsValid(order->type->cmp_proc_finfo.fn_oid))
		result = DatumGetInt32(FunctionCall2Coll(&order->type->cmp_proc_finfo, C_COLLATION_OID,
												 order->values[x], order->values[y]));
	return result != 0 ? result : adv_text_compare(order->labels->texts[x], order->labels->texts[y]);
}

/* Classes are those of the rows that are fitted on: what was held out judges them and adds none. */
static void
check_classes(const AdvpgLoad *load)
{
	const AdvpgRows *rows = load->rows;
	const AdvpgDictionary *labels = &rows->labels;
	bool *fitted = palloc0(sizeof(bool) * (labels->n + 1));

	if (labels->n > ADV_MAX_CLASSES)
		advpg_fail_classes(load);
	if (rows->n >= ADVPG_MANY_ROWS && (size_t) labels->n > rows->n / 2)
		ereport(
			NOTICE,
			errmsg("label column \"%s\" has %d classes in the %zu rows of data \"%s\"", load->label.name,
				   labels->n, rows->n, rows->source),
			errhint("A model tells classes apart and knows no order of them: make ranges of a number, for "
					"instance with width_bucket."));
	if (labels->n < 2)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("label column \"%s\" of data \"%s\" has only one class, \"%s\"", load->label.name,
					   rows->source, advpg_text_cstring(labels->texts[0])));
	ADVPG_EACH (i, rows->n_fitted)
	{
		fitted[rows->label[rows->fitted[i]]] = true;
	}
	for (int i = 0; i < labels->n; i++)
		if (!fitted[i])
			ereport(
				ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("class \"%s\" of label column \"%s\" occurs only in rows held out for validation",
					   advpg_text_cstring(labels->texts[i]), load->label.name),
				errhint("Choose another seed or validation fraction, leave rows of this class out, or give a "
						"relation or query of validation rows."));
	pfree(fitted);
}

/* Number the labels, each with one of its values, in their order. Returns the new number of each. */
static int *
order_classes(AdvpgLoad *load, Datum *values)
{
	AdvpgRows *rows = load->rows;
	AdvpgDictionary *labels = &rows->labels;
	const AdvpgValueType *type = &load->label.reader.value;
	LabelOrder order = {lookup_type_cache(type->type, TYPECACHE_CMP_PROC_FINFO), labels, values,
						type->is_text && type->normal};
	int *place = palloc(sizeof(int) * (labels->n + 1));
	int *code = palloc(sizeof(int) * (labels->n + 1));
	AdvpgDictionary sorted;

	check_classes(load);
	for (int i = 0; i < labels->n; i++)
		place[i] = i;
	qsort_interruptible(place, labels->n, sizeof(int), compare_labels, &order);
	advpg_dictionary_init(&sorted, load->context);
	for (int i = 0; i < labels->n; i++)
		code[place[i]] = advpg_dictionary_add(&sorted, labels->texts[place[i]], NULL);
	*labels = sorted;
	rows->n_classes = sorted.n;
	return code;
}

static void
recode_labels(AdvpgRows *rows, const int *code)
{
	ADVPG_EACH (i, rows->n)
	{
		if (rows->label[i] >= 0)
			rows->label[i] = code[rows->label[i]];
	}
}

/* Give rows whose labels are equal one code: that of the class known, if there is one. */
void
advpg_settle_labels(AdvpgLoad *load)
{
	Datum *values;

	if (load->label.place < 0)
		return;
	recode_labels(load->rows, advpg_distinct_settle(&load->label.reader.value, &load->label_images,
													&load->rows->labels, &values));
	if (!load->spec->encoder)
		recode_labels(load->rows, order_classes(load, values));
}

/* By key and content; rows that are alike in both may still differ in the attribute they are grouped by. */
static int
compare_rows(const void *a, const void *b, void *arg)
{
	const AdvpgRows *rows = arg;
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	if (rows->key[x] != rows->key[y])
		return rows->key[x] < rows->key[y] ? -1 : 1;
	if (rows->content[x] != rows->content[y])
		return rows->content[x] < rows->content[y] ? -1 : 1;
	if (rows->attribute == NULL || rows->attribute[x] == rows->attribute[y])
		return 0;
	if (rows->attribute[x] < 0 || rows->attribute[y] < 0)
		return rows->attribute[x] < 0 ? -1 : 1;
	return adv_text_compare(rows->attributes.texts[rows->attribute[x]],
							rows->attributes.texts[rows->attribute[y]]);
}

/* The key before, in canonical order, and how many rows with it there were before this one. */
typedef struct Copies
{
	uint64_t key;
	uint64_t n;
} Copies;

#define NO_COPIES ((Copies){0, UINT64_MAX})

/* A row's key, told apart from those of earlier rows with the same one by counting. Keys that are distinct stay as they are. */
static uint64_t
distinct_key(Copies *copies, uint64_t key)
{
	copies->n = key == copies->key ? copies->n + 1 : 0;
	copies->key = key;
	return copies->n > 0 ? hash_combine64(key, copies->n) : key;
}

/* Order rows by key, and make the keys of rows that share one distinct, unless they shall stay as they are. */
void
advpg_order_rows(AdvpgRows *rows, bool shared_keys)
{
	uint32_t *order = palloc_extended(sizeof(uint32_t) * (rows->n + 1), MCXT_ALLOC_HUGE);
	Copies copies = NO_COPIES;

	ADVPG_EACH (i, rows->n)
		order[i] = i;
	qsort_interruptible(order, rows->n, sizeof(uint32_t), compare_rows, rows);
	for (size_t i = 0; i < rows->n && !shared_keys; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rows->key[order[i]] = distinct_key(&copies, rows->key[order[i]]);
	}
	rows->canonical = order;
}

typedef struct Draw
{
	uint64_t value;
	uint32_t row;
} Draw;

static int
compare_draws(const void *a, const void *b, void *arg)
{
	const Draw *x = a;
	const Draw *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

uint32_t *
advpg_rows_draw(const AdvpgRows *rows, const uint32_t *listed, size_t n, uint64 seed, AdvPurpose purpose)
{
	Draw *draws = palloc_extended(sizeof(Draw) * (n + 1), MCXT_ALLOC_HUGE);
	uint32_t *drawn = palloc_extended(sizeof(uint32_t) * (n + 1), MCXT_ALLOC_HUGE);

	ADVPG_EACH (i, n)
	{
		draws[i] = (Draw){adv_random64(seed, purpose, rows->key[listed[i]], 0), listed[i]};
	}
	qsort_interruptible(draws, n, sizeof(Draw), compare_draws, NULL);
	ADVPG_EACH (i, n)
		drawn[i] = draws[i].row;
	pfree(draws);
	return drawn;
}

/*
 * Hold out rows; each one's fate follows from its key alone, made distinct: so it is the same whether or not rows that share a key
 * keep it.
 */
void
advpg_split_rows(AdvpgRows *rows, const AdvpgRowsSpec *spec)
{
	Copies copies = NO_COPIES;

	rows->fitted = palloc_extended(sizeof(uint32_t) * (rows->n + 1), MCXT_ALLOC_HUGE);
	rows->held = palloc_extended(sizeof(uint32_t) * (rows->n + 1), MCXT_ALLOC_HUGE);
	ADVPG_EACH (i, rows->n)
	{
		uint32_t row = rows->canonical[i];
		uint64_t key = distinct_key(&copies, rows->key[row]);
		if (spec->held_out > 0 && adv_uniform(spec->seed, ADV_FOR_VALIDATION, key, 0) < spec->held_out)
			rows->held[rows->n_held++] = row;
		else
			rows->fitted[rows->n_fitted++] = row;
	}
	if (spec->held_out > 0 && (rows->n_held == 0 || rows->n_fitted == 0))
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("validation fraction %g leaves %zu rows for training and %zu for validation",
				   spec->held_out, rows->n_fitted, rows->n_held),
			errhint("Choose another validation fraction, or give a relation or query of validation rows. "
					"Some methods of "
					"robust training hold out a fraction of their own unless validation says otherwise."));
}

char *
advpg_rows_digest(const AdvpgRows *rows)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *text = palloc(2 * sizeof(digest) + 1);
	bool ok = ctx && pg_cryptohash_init(ctx) >= 0;

	for (size_t i = 0; ok && i < rows->n; i++)
	{
		uint32_t row = rows->canonical[i];
		uint64_t pair[2] = {rows->key[row], rows->content[row]};

		CHECK_FOR_INTERRUPTS();
		ok = pg_cryptohash_update(ctx, (const uint8 *) pair, sizeof(pair)) >= 0;
	}
	if (!ok || pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(ctx);
	text[hex_encode((const char *) digest, sizeof(digest), text)] = '\0';
	return text;
}
