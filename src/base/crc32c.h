/* base/crc32c.h -- CRC-32C (Castagnoli); by instruction where the processor has it, tables
 * elsewhere.
 *
 * Thread: any, pure
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc32c -- checksum of count bytes; crc is 0 at first, or the result so far to go on with. */
uint32_t crc32c(uint32_t crc, const void *data, size_t count);

/* crc32c_table -- the same by tables on every machine; for the test that compares both ways. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t count);

#endif
