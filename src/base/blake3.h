/* base/blake3.h -- BLAKE3: hash, keyed hash and key derivation, portable, streaming.
 *
 * Shape:      struct blake3 is the whole state (under 2 KiB), no allocation
 * Thread:     the owner's
 */
#ifndef BASE_BLAKE3_H
#define BASE_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

enum {
    BLAKE3_OUT = 32,
    BLAKE3_KEY = 32,
    BLAKE3_BLOCK = 64,
    BLAKE3_CHUNK = 1024,
    BLAKE3_DEPTH = 54
};

struct blake3 {
    uint32_t key[8];
    uint32_t cv[8];
    uint64_t chunk;
    uint8_t block[BLAKE3_BLOCK];
    uint8_t block_count;
    uint8_t blocks_done;
    uint8_t flags;
    uint8_t depth;
    uint32_t stack[BLAKE3_DEPTH + 1][8];
};

/* blake3_init, blake3_init_keyed, blake3_init_derive -- begin a plain hash, a keyed one (a MAC)
 * or a key derivation; context is a constant text, unique to its use. */
void blake3_init(struct blake3 *h);
void blake3_init_keyed(struct blake3 *h, const uint8_t key[BLAKE3_KEY]);
void blake3_init_derive(struct blake3 *h, const char *context);

/* blake3_update -- hash the next count bytes; any number of calls. */
void blake3_update(struct blake3 *h, const void *data, size_t count);

/* blake3_final -- any number of output bytes; the state may go on being updated. */
void blake3_final(const struct blake3 *h, uint8_t *out, size_t count);

/* blake3_hash -- one shot, 32 bytes. */
void blake3_hash(const void *data, size_t count, uint8_t out[BLAKE3_OUT]);

#endif
