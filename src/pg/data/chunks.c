/*
 * chunks.c
 *		Encoded rows in chunks of shared memory: filling them, making some without a reading, changing and dropping rows.
 *
 * Encoded rows fill a private buffer that becomes a segment of shared memory whenever it is full, so at no time do the data
 * exist twice. What advfair.max_memory has no room for goes to a temporary file of the server instead, and so do chunks that something else needs the
 * room of: rows can be read from a file, what a training changes all the time cannot.
 */
#include "pg/data/load.h"

#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/segment.h"
#include "pg/base/spill.h"

#define CHUNK_BYTES (16 * 1024 * 1024) /* of shared memory, or the size of one row if that is more */

static size_t
rows_per_chunk(size_t row_bytes)
{
	return Max(1, CHUNK_BYTES / row_bytes);
}

/* ---- chunks ---- */

static AdvpgChunks *
make_chunks(MemoryContext context, ResourceOwner owner)
{
	AdvpgChunks *chunks = MemoryContextAllocZero(context, sizeof(AdvpgChunks));

	chunks->context = context;
	chunks->owner = owner;
	return chunks;
}

/* Bytes go to the file. */
static void
spill_chunk(AdvpgChunks *chunks, AdvpgChunk *chunk, const void *bytes)
{
	MemoryContext old = MemoryContextSwitchTo(chunks->context);

	if (chunks->spill == NULL)
		chunks->spill = advpg_spill_create(chunks->owner);
	MemoryContextSwitchTo(old);
	chunk->at = advpg_spill_append(chunks->spill, bytes, chunk->bytes);
	chunk->segment = NULL;
}

static dsm_segment *
make_segment(const AdvpgChunks *chunks, size_t bytes, const char *what)
{
	ResourceOwner owner = CurrentResourceOwner;
	dsm_segment *segment;

	CurrentResourceOwner = chunks->owner; /* the query's own gives back all it has when it ends */
	segment = advpg_segment_create(bytes, what);
	CurrentResourceOwner = owner;
	return segment;
}

/* Room for one more chunk; it is none before it has its memory. */
static AdvpgChunk *
add_chunk(AdvpgChunks *chunks, size_t bytes)
{
	AdvpgChunk *chunk;

	chunks->of = chunks->of ? repalloc(chunks->of, sizeof(AdvpgChunk) * (chunks->n + 1))
							: MemoryContextAlloc(chunks->context, sizeof(AdvpgChunk));
	chunk = &chunks->of[chunks->n];
	*chunk = (AdvpgChunk){.bytes = bytes};
	return chunk;
}

static const unsigned char *
chunk_address(AdvpgChunks *chunks, int i)
{
	AdvpgChunk *chunk = &chunks->of[i];

	if (chunk->segment)
		return dsm_segment_address(chunk->segment);
	if (chunk->mapped == NULL)
		chunk->mapped = advpg_spill_map(chunks->spill, chunk->at, chunk->bytes);
	return chunk->mapped;
}

/* ---- giving up shared memory ---- */

/* All whose segments can be given up, the latest first; each takes itself out when its memory context is reset. */
static dlist_head all_chunks = DLIST_STATIC_INIT(all_chunks);

static void
forget_chunks(void *arg)
{
	dlist_delete(&((AdvpgChunks *) arg)->node);
}

AdvpgChunks *
advpg_load_chunks(MemoryContext context, ResourceOwner owner)
{
	AdvpgChunks *chunks = make_chunks(context, owner);

	dlist_push_head(&all_chunks, &chunks->node);
	chunks->gone.func = forget_chunks;
	chunks->gone.arg = chunks;
	MemoryContextRegisterResetCallback(context, &chunks->gone);
	return chunks;
}

/* Move chunks from shared memory to the file, the last first. */
static void
make_room(size_t bytes)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_chunks)
	{
		AdvpgChunks *chunks = dlist_container(AdvpgChunks, node, iter.cur);

		for (int i = chunks->n; i-- > 0 && !advpg_segment_fits(bytes);)
		{
			AdvpgChunk *chunk = &chunks->of[i];
			dsm_segment *segment = chunk->segment;

			if (segment == NULL)
				continue;
			spill_chunk(chunks, chunk, dsm_segment_address(segment));
			dsm_detach(segment);
		}
	}
}

/* One more chunk of rows that only this process writes. */
static void
add_rows(AdvpgChunks *chunks, const void *bytes, size_t n)
{
	AdvpgChunk *chunk = add_chunk(chunks, n);

	if (advpg_segment_fits(n))
	{
		chunk->segment = make_segment(chunks, n, "the rows");
		memcpy(dsm_segment_address(chunk->segment), bytes, n);
		advpg_segment_can_go(chunk->segment, make_room);
	}
	else
		spill_chunk(chunks, chunk, bytes);
	chunks->n++;
}

static void
release_chunks(AdvpgChunks *chunks)
{
	for (int i = 0; i < chunks->n; i++)
		if (chunks->of[i].segment)
			dsm_detach(chunks->of[i].segment);
	if (chunks->spill)
		advpg_spill_release(chunks->spill);
	chunks->spill = NULL;
	chunks->n = 0;
}

/* ---- filling them ---- */

void
advpg_load_flush(AdvpgLoad *load)
{
	AdvpgRows *rows = load->rows;
	size_t bytes = load->buffered * rows->layout.row_bytes;

	if (load->buffered == 0)
		return;
	add_rows(rows->chunks, load->buffer, bytes);
	rows->bytes += bytes;
	load->buffered = 0;
}

/* Memory for one more encoded row. */
unsigned char *
advpg_load_next(AdvpgLoad *load)
{
	size_t row_bytes = load->rows->layout.row_bytes;

	if (load->buffered == load->rows->rows_per_chunk)
		advpg_load_flush(load);
	if (load->buffered == load->buffer_rows)
	{
		load->buffer_rows = Min(Max(64, load->buffer_rows * 2), load->rows->rows_per_chunk);
		load->buffer = load->buffer ? repalloc_huge(load->buffer, load->buffer_rows * row_bytes)
									: MemoryContextAllocHuge(load->context, load->buffer_rows * row_bytes);
	}
	return load->buffer + load->buffered++ * row_bytes;
}

/* From now on rows can be encoded: fix the layout of stored rows. */
void
advpg_load_set_encoder(AdvpgLoad *load, AdvEncoder *encoder)
{
	AdvpgRows *rows = load->rows;
	AdvField *fields = palloc(sizeof(AdvField) * encoder->n_columns);
	size_t offset = 0;

	adv_encoder_fields(encoder, fields);
	for (int i = 0; i < load->n_features; i++)
	{
		load->features[i].stored_offset = offset;
		offset += adv_layout_row_bytes(&fields[i], 1);
	}
	rows->layout.fields = fields;
	rows->layout.n_fields = encoder->n_columns;
	rows->layout.shape = encoder->shape;
	rows->layout.row_bytes = offset;
	rows->rows_per_chunk = rows_per_chunk(offset);
	rows->encoder = load->encoder = encoder;
}

/* ---- as others see them ---- */

AdvDataset
advpg_rows_dataset(const AdvpgRows *rows)
{
	AdvDataset data = {0};
	const unsigned char **chunks = palloc(sizeof(*chunks) * (rows->chunks->n + 1));

	for (int i = 0; i < rows->chunks->n; i++)
		chunks[i] = chunk_address(rows->chunks, i);
	data.layout = rows->layout;
	data.n_rows = rows->n;
	data.rows_per_chunk = rows->rows_per_chunk;
	data.chunks = chunks;
	data.label = rows->label;
	return data;
}

AdvpgRows *
advpg_rows_floats(size_t n, AdvShape shape)
{
	const char *what = "the adversarial examples";
	AdvpgRows *rows = palloc0(sizeof(AdvpgRows));
	AdvField *field = palloc(sizeof(AdvField));

	field->kind = ADV_FIELD_FLOAT;
	field->count = adv_shape_size(shape);
	rows->n = n;
	rows->layout.fields = field;
	rows->layout.n_fields = 1;
	rows->layout.shape = shape;
	rows->layout.row_bytes = adv_layout_row_bytes(field, 1);
	rows->rows_per_chunk = rows_per_chunk(rows->layout.row_bytes);
	rows->bytes = mul_size(n, rows->layout.row_bytes);
	advpg_check_memory(rows->bytes, what);
	rows->chunks = make_chunks(CurrentMemoryContext, CurrentResourceOwner);
	for (size_t first = 0; first < n; first += rows->rows_per_chunk)
	{
		size_t bytes = Min(n - first, rows->rows_per_chunk) * rows->layout.row_bytes;

		add_chunk(rows->chunks, bytes)->segment = make_segment(rows->chunks, bytes, what);
		rows->chunks->n++;
	}
	return rows;
}

/* Move the listed elements of an array to its front; the list is in any order, so by way of a copy. */
static void
pick(void *array, size_t size, const uint32_t *listed, size_t n)
{
	char *copy;

	if (array == NULL)
		return;
	copy = palloc_extended(n * size + 1, MCXT_ALLOC_HUGE);
	ADVPG_EACH (i, n)
		memcpy(copy + i * size, (char *) array + listed[i] * size, size);
	memcpy(array, copy, n * size);
	pfree(copy);
}

void
advpg_rows_keep_held(AdvpgRows *rows)
{
	size_t n = rows->n_held;
	size_t row_bytes = rows->layout.row_bytes;
	AdvDataset all = advpg_rows_dataset(rows);
	AdvpgChunks *kept = advpg_load_chunks(rows->chunks->context, rows->chunks->owner);
	char *buffer = palloc_extended(Min(n, rows->rows_per_chunk) * row_bytes + 1, MCXT_ALLOC_HUGE);

	ADVPG_EACH (i, n)
	{
		size_t place = i % rows->rows_per_chunk;

		memcpy(buffer + place * row_bytes, adv_dataset_row(&all, rows->held[i]), row_bytes);
		if (place + 1 == rows->rows_per_chunk || i + 1 == n)
			add_rows(kept, buffer, (place + 1) * row_bytes);
	}
	pfree(buffer);
	pick(rows->label, sizeof(int32_t), rows->held, n);
	pick(rows->key, sizeof(uint64_t), rows->held, n);
	pick(rows->content, sizeof(uint64_t), rows->held, n);
	pick(rows->id, sizeof(Datum), rows->held, n);
	pick(rows->name, sizeof(Datum), rows->held, n);
	pick(rows->attribute, sizeof(int32_t), rows->held, n);
	advpg_rows_release(rows);
	rows->chunks = kept;
	rows->bytes = n * row_bytes;
	rows->n = n;
	rows->n_fitted = rows->n_held = 0;
	ADVPG_EACH (i, n)
		rows->canonical[i] = i;
}

/* Where field column of row number row lies in its chunk. */
static size_t
field_place(const AdvpgRows *rows, int column, size_t row)
{
	return row % rows->rows_per_chunk * rows->layout.row_bytes +
		   adv_layout_row_bytes(rows->layout.fields, column);
}

void
advpg_rows_get_field(const AdvpgRows *rows, int column, size_t row, void *field)
{
	memcpy(field, chunk_address(rows->chunks, row / rows->rows_per_chunk) + field_place(rows, column, row),
		   adv_layout_row_bytes(&rows->layout.fields[column], 1));
}

/* In a chunk that is in the file by way of a copy: nothing is written to a mapping. */
void
advpg_rows_fill_field(AdvpgRows *rows, int column, const void *field)
{
	size_t bytes = adv_layout_row_bytes(&rows->layout.fields[column], 1);

	for (int i = 0; i < rows->chunks->n; i++)
	{
		AdvpgChunk *chunk = &rows->chunks->of[i];
		size_t n = chunk->bytes / rows->layout.row_bytes;
		char *copy = NULL, *to;

		if (chunk->segment == NULL)
		{
			copy = palloc_extended(chunk->bytes, MCXT_ALLOC_HUGE);
			memcpy(copy, chunk_address(rows->chunks, i), chunk->bytes);
		}
		to = copy ? copy : dsm_segment_address(chunk->segment);
		ADVPG_EACH (row, n)
			memcpy(to + field_place(rows, column, row), field, bytes);
		if (copy)
		{
			advpg_spill_write(rows->chunks->spill, chunk->at, copy, chunk->bytes);
			pfree(copy);
		}
	}
}

void
advpg_rows_release(AdvpgRows *rows)
{
	release_chunks(rows->chunks);
}
