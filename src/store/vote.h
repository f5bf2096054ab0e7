/* store/vote.h -- Raft's hard state on disk: term and vote, in a file of their own; and how far the
 * log beside it had come.
 *
 * Shape:      two slots (slot.h); payload: format u8 | salt u64 | term, node u64 | segment, its
 *             bytes, batch durable u64 each
 * Invariants: what was durable once is never older after a crash; nothing is acknowledged in a
 *             segment that the file does not know of
 * Thread:     vote_open on the loop at start; the writing ones there too, then in the log's job
 * Why:        a vote survives whatever happens to the log, so it can say what the log has lost: the
 *             newest segment has no later one that would miss it, nor the end of it
 */
#ifndef STORE_VOTE_H
#define STORE_VOTE_H

#include "store/slot.h"

struct vote {
    uint64_t term;
    uint64_t node; /* voted for in that term; 0: nobody */
};

/* The file, and what is in it. */
struct vote_file {
    struct slot_file slot;
    uint64_t salt; /* of the data directory */
    struct vote vote;
    uint64_t segment;       /* newest one of the log that was begun; 0: none */
    uint64_t segment_bytes; /* of it */
    uint64_t batch_durable; /* newest batch that was durable when it was begun */
};

/* vote_open -- fresh: there is no log yet, so the file may be made; all but the salt is zero then.
 *   err  ERR_CORRUPT  damaged, or missing beside a log: a node that forgot its vote must not start
 *        ERR_WRONG_NODE  another data directory's
 *        ERR_NEWER_FORMAT, ERR_IO, ERR_NO_SPACE, ERR_SYNC_FAILED */
MUST_CHECK
enum err vote_open(struct os_dir *dir, uint64_t salt, bool fresh, struct vote_file *out,
                   struct diag *diag);

/* vote_any -- was one ever written here, damaged or not? A file without any record is none.
 *   err ERR_IO, ERR_SYNC_FAILED */
MUST_CHECK
enum err vote_any(struct os_dir *dir, bool *out);

/* vote_write -- durable on return. err ERR_IO, ERR_SYNC_FAILED. */
MUST_CHECK
enum err vote_write(struct vote_file *f, const struct vote *v);

/* vote_begun -- from now on this is the newest segment, and a log without it is not whole. Durable
 * on return. err ERR_IO, ERR_SYNC_FAILED. */
MUST_CHECK
enum err vote_begun(struct vote_file *f, uint64_t segment, uint64_t bytes, uint64_t batch_durable);

/* vote_close -- what is in it stays. */
void vote_close(struct vote_file *f);

#endif
