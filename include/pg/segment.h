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

#endif
