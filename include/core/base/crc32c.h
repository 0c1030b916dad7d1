/*
 * crc32c.h
 *		The checksum of model bytes.
 */
#ifndef ADV_CRC32C_H
#define ADV_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli), as in RFC 3720: "123456789" gives 0xe3069283. */
extern uint32_t adv_crc32c(const void *data, size_t size);

#endif
