/*
 * spill.h
 *		Memory that has no room in dynamic shared memory, in a temporary file of the server.
 */
#ifndef ADVPG_SPILL_H
#define ADVPG_SPILL_H

#include "postgres.h"

#include "utils/resowner.h"

/* A file that grows, and the parts of it that this process has mapped. */
typedef struct AdvpgSpill AdvpgSpill;

/*
 * A file in temp_tablespaces, in the current memory context. It is gone when owner is released, or else, in a job, whose transactions end
 * before it is done with its rows, when the context is; and with the process, whatever ends that.
 */
extern AdvpgSpill *advpg_spill_create(ResourceOwner owner);

/* Append bytes; returns where they begin. An error when the disk is full (53100) or temp_file_limit is reached (53400). */
extern uint64 advpg_spill_append(AdvpgSpill *spill, const void *bytes, size_t n);

/* Overwrite bytes that were appended. */
extern void advpg_spill_write(AdvpgSpill *spill, uint64 at, const void *bytes, size_t n);

/* What was appended at a place, mapped for reading as long as the spill is there; later writes show in it. */
extern const void *advpg_spill_map(AdvpgSpill *spill, uint64 at, size_t n);

/* For other processes: the file's name, and a part of a file of that name, mapped as long as the process lives; NULL when it is gone. */
extern const char *advpg_spill_path(const AdvpgSpill *spill);
extern const void *advpg_spill_map_path(const char *path, uint64 at, size_t n);

/* Have mapped bytes, of a file or not, read into memory while something else goes on. */
extern void advpg_spill_will_need(const void *bytes, size_t n);

extern void advpg_spill_release(AdvpgSpill *spill);

#endif
