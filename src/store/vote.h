/* store/vote.h -- Raft's hard state on disk: term and vote, in a file of their own.
 *
 * Invariants: what was durable once is never older after a crash
 * Thread:     vote_open on the loop at start; vote_write inside the log's job
 * Why:        a vote survives whatever happens to the log
 */
#ifndef STORE_VOTE_H
#define STORE_VOTE_H

#include "store/slot.h"

struct vote {
    uint64_t term;
    uint64_t node; /* voted for in that term; 0: nobody */
};

/* vote_open -- fresh: there is no log yet, so the file may be made; out_vote is zero then.
 *   err  ERR_CORRUPT  damaged, or missing beside a log: a node that forgot its vote must not start
 *        ERR_NEWER_FORMAT, ERR_IO, ERR_NO_SPACE, ERR_SYNC_FAILED */
MUST_CHECK
enum err vote_open(struct os_dir *dir, bool fresh, struct slot_file *out, struct vote *out_vote,
                   struct diag *diag);

/* vote_any -- was one ever written here, damaged or not? A file without any record is none.
 *   err ERR_IO, ERR_SYNC_FAILED */
MUST_CHECK
enum err vote_any(struct os_dir *dir, bool *out);

/* vote_write -- durable on return. err ERR_IO, ERR_SYNC_FAILED. */
MUST_CHECK
enum err vote_write(struct slot_file *s, const struct vote *v);

#endif
