/* base/blake3.c -- BLAKE3 as its specification describes it; portable, one block at a time.
 *
 * Shape: chunks of 1024 bytes are chains of 16 compressions; their chaining values are the leaves
 *        of a binary tree, kept as a stack of finished left subtrees
 */
#include "base/blake3.h"

#include "base/panic.h"

#include <stdbool.h>
#include <string.h>

enum {
    CHUNK_START = 1,
    CHUNK_END = 2,
    PARENT = 4,
    ROOT = 8,
    KEYED_HASH = 16,
    DERIVE_KEY_CONTEXT = 32,
    DERIVE_KEY_MATERIAL = 64,
    ROUNDS = 7,
};

static const uint32_t iv[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static const uint8_t permutation[16] = { 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 };

/* Input of one compression, kept until it is known whether it is the root. */
struct node {
    uint32_t cv[8];
    uint32_t block[16];
    uint64_t counter;
    uint32_t block_count;
    uint32_t flags;
};

static uint32_t rotr(uint32_t x, int n)
{
    return (x >> n) | (x << (32 - n));
}

static void mix(uint32_t v[16], const int at[4], uint32_t x, uint32_t y)
{
    uint32_t a = v[at[0]];
    uint32_t b = v[at[1]];
    uint32_t c = v[at[2]];
    uint32_t d = v[at[3]];
    a = a + b + x;
    d = rotr(d ^ a, 16);
    c = c + d;
    b = rotr(b ^ c, 12);
    a = a + b + y;
    d = rotr(d ^ a, 8);
    c = c + d;
    b = rotr(b ^ c, 7);
    v[at[0]] = a;
    v[at[1]] = b;
    v[at[2]] = c;
    v[at[3]] = d;
}

static const int lanes[8][4] = { { 0, 4, 8, 12 },  { 1, 5, 9, 13 },  { 2, 6, 10, 14 },
                                 { 3, 7, 11, 15 }, { 0, 5, 10, 15 }, { 1, 6, 11, 12 },
                                 { 2, 7, 8, 13 },  { 3, 4, 9, 14 } };

static void compress(const struct node *n, uint64_t counter, uint32_t flags, uint32_t out[16])
{
    uint32_t v[16];
    uint32_t m[16];
    memcpy(v, n->cv, 32);
    memcpy(v + 8, iv, 16);
    v[12] = (uint32_t)counter;
    v[13] = (uint32_t)(counter >> 32);
    v[14] = n->block_count;
    v[15] = flags;
    memcpy(m, n->block, sizeof m);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 8; i++) {
            mix(v, lanes[i], m[2 * i], m[2 * i + 1]);
        }
        uint32_t moved[16];
        for (int i = 0; i < 16; i++) {
            moved[i] = m[permutation[i]];
        }
        memcpy(m, moved, sizeof m);
    }
    for (int i = 0; i < 8; i++) {
        out[i] = v[i] ^ v[i + 8];
        out[i + 8] = v[i + 8] ^ n->cv[i];
    }
}

static void words_of(const uint8_t block[BLAKE3_BLOCK], uint32_t out[16])
{
    for (int i = 0; i < 16; i++) {
        out[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
                 (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
    }
}

/* The last block of the current chunk, as far as it is filled. */
static void chunk_node(const struct blake3 *h, struct node *out)
{
    uint8_t block[BLAKE3_BLOCK] = { 0 };
    memcpy(block, h->block, h->block_count);
    memcpy(out->cv, h->cv, 32);
    words_of(block, out->block);
    out->counter = h->chunk;
    out->block_count = h->block_count;
    out->flags = (uint32_t)(h->flags | CHUNK_END | (h->blocks_done == 0 ? CHUNK_START : 0));
}

static void parent_node(const struct blake3 *h, const uint32_t left[8], const uint32_t right[8],
                        struct node *out)
{
    memcpy(out->cv, h->key, 32);
    memcpy(out->block, left, 32);
    memcpy(out->block + 8, right, 32);
    out->counter = 0;
    out->block_count = BLAKE3_BLOCK;
    out->flags = (uint32_t)(h->flags | PARENT);
}

static void node_cv(const struct node *n, uint32_t out[8])
{
    uint32_t full[16];
    compress(n, n->counter, n->flags, full);
    memcpy(out, full, 32);
}

static void init(struct blake3 *h, const uint32_t key[8], uint8_t flags)
{
    memset(h, 0, sizeof *h);
    memcpy(h->key, key, 32);
    memcpy(h->cv, key, 32);
    h->flags = flags;
}

void blake3_init(struct blake3 *h)
{
    init(h, iv, 0);
}

static void key_words(const uint8_t key[BLAKE3_KEY], uint32_t out[8])
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint32_t)key[4 * i] | (uint32_t)key[4 * i + 1] << 8 |
                 (uint32_t)key[4 * i + 2] << 16 | (uint32_t)key[4 * i + 3] << 24;
    }
}

void blake3_init_keyed(struct blake3 *h, const uint8_t key[BLAKE3_KEY])
{
    uint32_t words[8];
    key_words(key, words);
    init(h, words, KEYED_HASH);
}

void blake3_init_derive(struct blake3 *h, const char *context)
{
    uint8_t context_key[BLAKE3_KEY];
    uint32_t words[8];
    init(h, iv, DERIVE_KEY_CONTEXT);
    blake3_update(h, context, strlen(context));
    blake3_final(h, context_key, sizeof context_key);
    key_words(context_key, words);
    init(h, words, DERIVE_KEY_MATERIAL);
}

/* A chunk is complete: its value joins the stack, merging equal subtrees (trailing zero bits). */
static void chunk_close(struct blake3 *h)
{
    struct node n;
    uint32_t cv[8];
    chunk_node(h, &n);
    node_cv(&n, cv);
    for (uint64_t total = h->chunk + 1; (total & 1) == 0; total >>= 1) {
        ASSERT(h->depth > 0);
        h->depth--;
        parent_node(h, h->stack[h->depth], cv, &n);
        node_cv(&n, cv);
    }
    ASSERT(h->depth < BLAKE3_DEPTH);
    memcpy(h->stack[h->depth++], cv, 32);
    h->chunk++;
    memcpy(h->cv, h->key, 32);
    h->block_count = 0;
    h->blocks_done = 0;
}

/* The block is full and more input follows. */
static void block_close(struct blake3 *h)
{
    if (h->blocks_done == BLAKE3_CHUNK / BLAKE3_BLOCK - 1) {
        chunk_close(h);
        return;
    }
    struct node n;
    chunk_node(h, &n);
    n.flags &= ~(uint32_t)CHUNK_END;
    node_cv(&n, h->cv);
    h->blocks_done++;
    h->block_count = 0;
}

void blake3_update(struct blake3 *h, const void *data, size_t count)
{
    const uint8_t *at = data;
    while (count > 0) {
        if (h->block_count == BLAKE3_BLOCK) {
            block_close(h);
        }
        size_t room = (size_t)BLAKE3_BLOCK - h->block_count;
        size_t n = count < room ? count : room;
        memcpy(h->block + h->block_count, at, n);
        h->block_count = (uint8_t)(h->block_count + n);
        at += n;
        count -= n;
    }
}

void blake3_final(const struct blake3 *h, uint8_t *out, size_t count)
{
    struct node n;
    chunk_node(h, &n);
    for (uint32_t i = h->depth; i > 0; i--) {
        uint32_t cv[8];
        node_cv(&n, cv);
        parent_node(h, h->stack[i - 1], cv, &n);
    }
    for (uint64_t block = 0; count > 0; block++) {
        uint32_t full[16];
        compress(&n, block, n.flags | ROOT, full);
        size_t take = count < BLAKE3_BLOCK ? count : BLAKE3_BLOCK;
        for (size_t i = 0; i < take; i++) {
            *out++ = (uint8_t)(full[i / 4] >> (8 * (i % 4)));
        }
        count -= take;
    }
}

void blake3_hash(const void *data, size_t count, uint8_t out[BLAKE3_OUT])
{
    struct blake3 h;
    blake3_init(&h);
    blake3_update(&h, data, count);
    blake3_final(&h, out, BLAKE3_OUT);
}
