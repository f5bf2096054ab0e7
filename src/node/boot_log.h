/* node/boot_log.h -- what reading the log at a start tells the core: which configurations it holds,
 * and how large its newest entries are.
 *
 * Shape:      fed with what the log finds, in order (store/log.h), then asked
 * Invariants: newest is the configuration in force in what was read so far, older the one before it
 * Owns:       itself
 * Thread:     any, pure
 */
#ifndef NODE_BOOT_LOG_H
#define NODE_BOOT_LOG_H

#include "raft/raft.h"
#include "store/log.h"

struct boot_log {
    struct raft_conf newest; /* configuration in the log */
    struct raft_conf older;  /* the one before it */
    struct raft_conf oldest; /* before that: the older one's, should the newest be truncated */
    uint32_t sizes[RAFT_SIZE_RING];
};

/* boot_log_found -- the next entry. */
void boot_log_found(struct boot_log *b, const struct log_entry *e);

/* boot_log_truncated -- the entries behind `to` are gone again. */
void boot_log_truncated(struct boot_log *b, uint64_t to);

/* boot_log_installed -- what was found so far is in a snapshot. */
void boot_log_installed(struct boot_log *b);

/* boot_log_sizes -- of the newest `count` entries of a log that ends with `last`. */
void boot_log_sizes(const struct boot_log *b, uint64_t last, uint32_t *out, uint32_t count);

/* boot_log_conf -- effective and committed configuration, from those in the log and the one that
 * the state machine knows at its index.
 *   pre  out->applied is set */
void boot_log_conf(const struct boot_log *b, const struct raft_conf *known, struct raft_boot *out);

#endif
