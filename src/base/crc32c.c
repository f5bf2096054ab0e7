/* base/crc32c.c -- CRC-32C, reflected polynomial 0x82f63b78; SSE4.2 or ARMv8 where present. */
#include "base/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* Remainders of all values of four bits: 64 bytes of table, two steps a byte. */
static const uint32_t crc_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_table(uint32_t crc, const void *data, size_t count)
{
    const uint8_t *at = data;
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        crc ^= at[i];
        crc = (crc >> 4) ^ crc_nibble[crc & 15u];
        crc = (crc >> 4) ^ crc_nibble[crc & 15u];
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *at,
                                                                 size_t count)
{
    uint64_t wide = ~crc;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t v;
        memcpy(&v, at, 8);
        wide = _mm_crc32_u64(wide, v);
    }
    uint32_t c = (uint32_t)wide;
    for (; count > 0; count--, at++) {
        c = _mm_crc32_u8(c, *at);
    }
    return ~c;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t count)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, count)
                                            : crc32c_table(crc, data, count);
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *at,
                                                               size_t count)
{
    uint32_t c = ~crc;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t v;
        memcpy(&v, at, 8);
        c = __crc32cd(c, v);
    }
    for (; count > 0; count--, at++) {
        c = __crc32cb(c, *at);
    }
    return ~c;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t count)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0 ? by_instruction(crc, data, count)
                                                    : crc32c_table(crc, data, count);
}
#else
uint32_t crc32c(uint32_t crc, const void *data, size_t count)
{
    return crc32c_table(crc, data, count);
}
#endif
