/*
 * attach.h
 *		A run's segment as those see it that attach to it: arrays and rows by the names under which the leader has stated them.
 */
#ifndef ADVPG_ATTACH_H
#define ADVPG_ATTACH_H

#include "postgres.h"

#include "storage/dsm.h"
#include "storage/shm_toc.h"

#include "core/network/dataset.h"

/* A name's key in the table of contents. */
extern uint64 advpg_attach_key(const char *name);

/* An array that is there in every run of the kind, and one that need not be: NULL then. */
extern void *advpg_attach(shm_toc *toc, const char *name);
extern void *advpg_attach_optional(shm_toc *toc, const char *name);

/* What a worker must know to rebuild an AdvDataset: the data set's own array. Those it has beside are called name.fields and so on. */
typedef struct AdvpgSharedSet
{
	uint64 n_rows;
	uint64 rows_per_chunk;
	uint64 row_bytes;
	AdvShape shape;
	int32 n_fields;
	int32 n_chunks;
} AdvpgSharedSet;

/* Where a chunk is. */
typedef struct AdvpgSharedChunk
{
	dsm_handle segment; /* DSM_HANDLE_INVALID: in the file, at */
	uint64 at;
	uint64 bytes;
} AdvpgSharedChunk;

#define ADVPG_SET_FIELDS "fields" /* AdvField (n_fields) */
#define ADVPG_SET_CHUNKS "chunks" /* AdvpgSharedChunk (n_chunks) */
#define ADVPG_SET_FILE   "file"   /* char (MAXPGPATH), of chunks that are in no segment */
#define ADVPG_SET_LABEL  "label"  /* int32 (n_rows), if there are labels */

extern char *advpg_attach_part(const char *set, const char *part);

/* Rebuild a data set, attaching to its chunks; false when the leader is gone. It must be there. */
extern bool advpg_attach_rows(shm_toc *toc, const char *name, AdvDataset *data);

/* The same for one that need not be there: *data is then set to NULL, else to into. */
extern bool advpg_attach_optional_rows(shm_toc *toc, const char *name, AdvDataset *into,
									   const AdvDataset **data);

/* Memory of a worker's own, aligned to 64 bytes; NULL, with err filled, when there is none. */
extern void *advpg_attach_memory(size_t size, AdvError *err);

#endif
