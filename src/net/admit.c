/* net/admit.c -- the proof of the cookie. */
#include "net/admit.h"

#include "base/blake3.h"
#include "base/panic.h"

#include <sodium.h>

enum {
    SAID_BYTES = ADMIT_HELLO_BYTES - ADMIT_PROOF_BYTES, /* in front of the proof */
    ID_OFFSET = 32
};

void admit_key(struct bytes cookie, uint8_t out[ADMIT_KEY_BYTES])
{
    struct blake3 h;
    blake3_init_derive(&h, ADMIT_CONTEXT);
    blake3_update(&h, cookie.data, cookie.count);
    blake3_final(&h, out, ADMIT_KEY_BYTES);
    sodium_memzero(&h, sizeof h);
}

uint64_t admit_id(const struct admit_session *s)
{
    struct reader r =
        reader_of(bytes_of(s->exporter + ID_OFFSET, ADMIT_EXPORTER_BYTES - ID_OFFSET));
    uint64_t id = reader_u64(&r);
    return id == 0 ? 1 : id;
}

static void prove(const uint8_t key[ADMIT_KEY_BYTES], const struct admit_session *s,
                  enum admit_role role, const uint8_t said[SAID_BYTES],
                  uint8_t out[ADMIT_PROOF_BYTES])
{
    struct blake3 h;
    uint8_t role_byte = (uint8_t)role;
    blake3_init_keyed(&h, key);
    blake3_update(&h, s->exporter, ID_OFFSET);
    blake3_update(&h, s->client.b, NODE_KEY_BYTES);
    blake3_update(&h, s->server.b, NODE_KEY_BYTES);
    blake3_update(&h, &role_byte, 1);
    blake3_update(&h, said, SAID_BYTES);
    blake3_final(&h, out, ADMIT_PROOF_BYTES);
    sodium_memzero(&h, sizeof h);
}

void admit_encode(const uint8_t key[ADMIT_KEY_BYTES], const struct admit_session *s,
                  enum admit_role role, const struct admit_hello *hello,
                  uint8_t out[ADMIT_HELLO_BYTES])
{
    struct writer w = writer_of(out, SAID_BYTES);
    writer_u64(&w, hello->instance);
    writer_u64(&w, hello->attempt);
    writer_u64(&w, hello->last);
    writer_put(&w, bytes_of(hello->reset, ADMIT_RESET_BYTES));
    ASSERT(!w.bad && w.offset == SAID_BYTES);
    prove(key, s, role, out, out + SAID_BYTES);
}

enum err admit_check(const uint8_t key[ADMIT_KEY_BYTES], const struct admit_session *s,
                     enum admit_role role, const uint8_t in[ADMIT_HELLO_BYTES],
                     struct admit_hello *out)
{
    uint8_t proof[ADMIT_PROOF_BYTES];
    prove(key, s, role, in, proof);
    if (sodium_memcmp(proof, in + SAID_BYTES, ADMIT_PROOF_BYTES) != 0) {
        return ERR_WRONG_COOKIE;
    }
    struct reader r = reader_of(bytes_of(in, SAID_BYTES));
    out->instance = reader_u64(&r);
    out->attempt = reader_u64(&r);
    out->last = reader_u64(&r);
    reader_copy(&r, out->reset, ADMIT_RESET_BYTES);
    ASSERT(reader_done(&r));
    return ERR_OK;
}
