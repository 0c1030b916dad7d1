/*
 * segment.h
 *		Dynamic shared memory: within advfair.max_memory, and with an error message that helps.
 */
#ifndef ADVPG_SEGMENT_H
#define ADVPG_SEGMENT_H

#include "postgres.h"

#include "storage/dsm.h"

/*
 * dsm_create, refused when this process would then hold more than advfair.max_memory (53400; what says for what), and with a hint where the
 * operating system has no room (53200) or PostgreSQL no slot (53400).
 */
extern dsm_segment *advpg_segment_create(size_t size, const char *what);

/* Whether there is room for so many bytes beside those this process holds. */
extern bool advpg_segment_fits(size_t bytes);

/*
 * From now on a segment can be given up when another one needs its room: make_room (one function for all of them) is then called, and lets go of
 * such segments until advpg_segment_fits(bytes), or none is left.
 */
extern void advpg_segment_can_go(dsm_segment *segment, void (*make_room)(size_t bytes));

/* The same refusal before any of it is taken: for an operation that will need so many bytes beside those it holds. */
extern void advpg_check_memory(size_t bytes, const char *what);

/* Have all of a segment mapped at once, where the operating system can: a fault for each page costs more than copying it. */
extern void advpg_segment_map(dsm_segment *segment, bool write);

/* Copy into one, or without a source set it to 0; looks at interrupts now and then. */
extern void advpg_segment_fill(void *to, const void *from, size_t bytes);

#endif
