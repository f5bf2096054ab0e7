/* kv/command.h -- what a client asks the state machine to do, as bytes in the log.
 *
 * Shape:      version u8 | client u64 | sequence u64 | count varint | operations;
 *             operation = kind u8 | key blob | value blob (puts only) | lease u64 (puts only)
 * Invariants: canonical: one command has one form; decode never panics and bounds everything
 * Owns:       nothing; views point into the bytes
 * Thread:     any, pure
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include "base/bytes.h"
#include "base/limits.h"

enum command_kind {
    COMMAND_PUT = 1,
    COMMAND_DELETE = 2,
};

struct command_op {
    enum command_kind kind;
    struct bytes key;
    struct bytes value;
    int64_t lease; /* 0: none */
};

struct command {
    uint64_t client; /* who asks; 0: the request has no id */
    uint64_t sequence;
    uint32_t count;
    const struct command_op *ops;
};

/* command_check -- sizes, counts, no key twice.
 *   err ERR_KEY_EMPTY, ERR_KEY_TOO_LARGE, ERR_VALUE_TOO_LARGE, ERR_TXN_TOO_LARGE, ERR_TOO_MANY_OPS,
 *       ERR_BAD_REQUEST (no operation, or a key twice) */
MUST_CHECK
enum err command_check(const struct command *c);

/* command_bytes -- how many bytes encode will write, at most. */
size_t command_bytes(const struct command *c);

/* command_encode -- c has passed command_check. */
void command_encode(const struct command *c, struct writer *w);

/* command_decode -- ops has room for KV_TXN_OPS_MAX. err ERR_MALFORMED, or what command_check
 * says. */
MUST_CHECK
enum err command_decode(struct bytes b, struct command *out, struct command_op *ops);

#endif
