/* bench/protocols.h -- the requests that the load generator sends, and where an answer ends.
 *
 * Shape: one table a system; a request is text in a buffer of the caller's
 */
#ifndef BENCH_PROTOCOLS_H
#define BENCH_PROTOCOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_KEY_BYTES = 9, /* "k" and eight digits */
    PROTOCOL_VALUE_BYTES_MAX = 4096,
    PROTOCOL_REQUEST_BYTES_MAX = 8192,
    PROTOCOL_ANSWER_BYTES_MAX = 16384
};

/* What the next request is about. */
struct protocol_op {
    bool write;
    uint32_t key;
    const char *value; /* printable ASCII without quotes; for a write */
    size_t value_bytes;
    const char *host; /* "127.0.0.1:8080" */
};

struct protocol {
    const char *name;
    /* the request's bytes to out (PROTOCOL_REQUEST_BYTES_MAX of them); returns how many */
    size_t (*request)(const struct protocol_op *op, char *out);
    /* the size of the answer that in begins with; 0: not whole yet; -1: not this protocol.
     * out_good: it says done, and has a value where one was read */
    long (*answer)(bool write, const char *in, size_t count, bool *out_good);
};

/* protocol_find -- "aspen", "etcd" or "redis"; NULL for any other name. */
const struct protocol *protocol_find(const char *name);

#endif
