/*
 * segment.h
 *		Dynamic shared memory with an error message that helps.
 */
#ifndef ADVPG_SEGMENT_H
#define ADVPG_SEGMENT_H

#include "postgres.h"

#include "storage/dsm.h"

/* dsm_create, with a hint where the operating system has no room (53200) or PostgreSQL no slot (53400). */
extern dsm_segment *advpg_segment_create(size_t size);

/* Have all of a segment mapped at once, where the operating system can: a fault for each page costs more than copying it. */
extern void advpg_segment_map(dsm_segment *segment, bool write);

#endif
