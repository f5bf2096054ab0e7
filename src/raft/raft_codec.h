/* raft/raft_codec.h -- messages and configuration entries as bytes.
 *
 * Shape:      a message is a fixed order of varints; an append's entries follow as term, kind,
 *             length and bytes each. A configuration entry is the configuration, then a tail of
 *             the driver's.
 * Invariants: decode never panics, takes nothing that encode does not give, and bounds every count
 * Thread:     any, pure
 */
#ifndef RAFT_CODEC_H
#define RAFT_CODEC_H

#include "raft/raft.h"

enum {
    RAFT_MSG_BYTES_MAX = 256,
    RAFT_ENTRY_HEAD_BYTES_MAX = 24
};

/* raft_msg_encode -- everything but entries. */
void raft_msg_encode(const struct raft_msg *m, struct writer *w);

/* raft_entry_encode -- the head of one entry; its data follows. */
void raft_entry_encode(uint64_t term, uint8_t kind, uint32_t size, struct writer *w);

/* raft_msg_decode -- entries point into the bytes; max is the room in entries. RAFT_MSG_SNAPSHOT
 * has a form, so that it is refused by name: no honest node sends it so, its driver sends an offer.
 *   err ERR_MALFORMED, ERR_TOO_MANY_OPS (more entries than max): out untouched */
MUST_CHECK
enum err raft_msg_decode(struct bytes b, struct raft_msg *out, struct raft_entry *entries,
                         uint32_t max);

/* raft_conf_encode -- at most RAFT_CONF_BYTES_MAX bytes; the tail follows. */
void raft_conf_encode(const struct raft_conf *c, struct writer *w);

/* raft_conf_decode -- the configuration of an entry, index 0; tail (may be NULL) is what follows.
 *   err ERR_MALFORMED: out untouched */
MUST_CHECK
enum err raft_conf_decode(struct bytes b, struct raft_conf *out, struct bytes *tail);

#endif
