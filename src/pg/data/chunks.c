/*
 * chunks.c
 *		Encoded rows in chunks of shared memory: filling them, making some without a reading, changing and dropping rows.
 *
 * Encoded rows fill a private buffer that becomes a segment of shared memory whenever it is full, so at no time do the data
 * exist twice.
 */
#include "pg/data/load.h"

#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/segment.h"

#define CHUNK_BYTES (16 * 1024 * 1024) /* of shared memory, or the size of one row if that is more */

static size_t
rows_per_chunk(size_t row_bytes)
{
	return Max(1, CHUNK_BYTES / row_bytes);
}

void
advpg_load_flush(AdvpgLoad *load)
{
	AdvpgRows *rows = load->rows;
	size_t bytes = load->buffered * rows->layout.row_bytes;
	ResourceOwner owner = CurrentResourceOwner;
	dsm_segment *segment;

	if (load->buffered == 0)
		return;
	CurrentResourceOwner = load->owner; /* the query's own gives back all it has when it ends */
	segment = advpg_segment_create(bytes, "the rows");
	CurrentResourceOwner = owner;
	memcpy(dsm_segment_address(segment), load->buffer, bytes);
	rows->segments = rows->segments ? repalloc(rows->segments, sizeof(dsm_segment *) * (rows->n_chunks + 1))
									: MemoryContextAlloc(load->context, sizeof(dsm_segment *));
	rows->segments[rows->n_chunks++] = segment;
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
AdvDataset
advpg_rows_dataset(const AdvpgRows *rows)
{
	AdvDataset data = {0};
	const unsigned char **chunks = palloc(sizeof(*chunks) * (rows->n_chunks + 1));

	for (int i = 0; i < rows->n_chunks; i++)
		chunks[i] = dsm_segment_address(rows->segments[i]);
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
	rows->segments = palloc(sizeof(dsm_segment *) * (n / rows->rows_per_chunk + 1));
	for (size_t first = 0; first < n; first += rows->rows_per_chunk)
		rows->segments[rows->n_chunks++] =
			advpg_segment_create(Min(n - first, rows->rows_per_chunk) * rows->layout.row_bytes, what);
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
	int n_segments = 0;
	dsm_segment **segments =
		palloc_extended(sizeof(dsm_segment *) * (n / rows->rows_per_chunk + 1), MCXT_ALLOC_HUGE);

	ADVPG_EACH (i, n)
	{
		size_t place = i % rows->rows_per_chunk;

		if (place == 0)
			segments[n_segments++] =
				advpg_segment_create(Min(n - i, rows->rows_per_chunk) * row_bytes, "the rows");
		memcpy((char *) dsm_segment_address(segments[n_segments - 1]) + place * row_bytes,
			   adv_dataset_row(&all, rows->held[i]), row_bytes);
	}
	pick(rows->label, sizeof(int32_t), rows->held, n);
	pick(rows->key, sizeof(uint64_t), rows->held, n);
	pick(rows->content, sizeof(uint64_t), rows->held, n);
	pick(rows->id, sizeof(Datum), rows->held, n);
	pick(rows->name, sizeof(Datum), rows->held, n);
	pick(rows->attribute, sizeof(int32_t), rows->held, n);
	advpg_rows_release(rows);
	rows->segments = segments;
	rows->n_chunks = n_segments;
	rows->bytes = n * row_bytes;
	rows->n = n;
	rows->n_fitted = rows->n_held = 0;
	ADVPG_EACH (i, n)
		rows->canonical[i] = i;
}

static unsigned char *
stored_field(const AdvpgRows *rows, int column, size_t row)
{
	unsigned char *chunk = dsm_segment_address(rows->segments[row / rows->rows_per_chunk]);

	return chunk + (row % rows->rows_per_chunk) * rows->layout.row_bytes +
		   adv_layout_row_bytes(rows->layout.fields, column);
}

void
advpg_rows_get_field(const AdvpgRows *rows, int column, size_t row, void *field)
{
	memcpy(field, stored_field(rows, column, row), adv_layout_row_bytes(&rows->layout.fields[column], 1));
}

void
advpg_rows_fill_field(AdvpgRows *rows, int column, const void *field)
{
	size_t bytes = adv_layout_row_bytes(&rows->layout.fields[column], 1);

	ADVPG_EACH (row, rows->n)
		memcpy(stored_field(rows, column, row), field, bytes);
}

void
advpg_rows_release(AdvpgRows *rows)
{
	for (int i = 0; i < rows->n_chunks; i++)
		dsm_detach(rows->segments[i]);
	rows->n_chunks = 0;
}
