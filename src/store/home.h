/* store/home.h -- whose data directory this is, and its secret key.
 *
 * Invariants: node id and key never change in a directory's life, nor does the incarnation unless
 *             vote and log are gone (home_renew)
 * Order:      identity is the first thing read at start and the first thing written in a new
 *             directory
 * Thread:     the loop's, at start
 */
#ifndef STORE_HOME_H
#define STORE_HOME_H

#include "base/ids.h"
#include "os/io.h"

enum {
    HOME_SECRET_BYTES = 32
};

struct home {
    uint64_t node_id;
    struct node_key key;
    struct incarnation incarnation; /* drawn when the directory was made */
    bool fresh;                     /* made just now */
};

/* home_open -- read the directory's identity, or make one for a new directory.
 *   err  ERR_WRONG_NODE    it belongs to another node id or key
 *        ERR_CORRUPT       damaged, or missing in a directory in which a node has lived
 *        ERR_OUTDATED      home_disown was called
 *        ERR_NEWER_FORMAT, ERR_IO, ERR_NO_SPACE; diag says which and what to do */
MUST_CHECK
enum err home_open(struct os *os, struct os_dir *dir, uint64_t node_id, const struct node_key *key,
                   struct home *out, struct diag *diag);

/* Where the rest of a node is. */
struct home_rest {
    struct os_dir *log;
    struct os_dir *state;
    struct os_dir *snaps;
};

/* home_renew -- vote and log are not there (log_any): what the incarnation has promised is
 * forgotten, if it had come so far as to promise anything, so the directory gets another one,
 * before a vote is made. One that was made just now stays. Durable on return; a crash before leaves
 * the old one, and the next start comes here again.
 *   io   home  of home_open; the new incarnation
 *   err  ERR_CORRUPT  something that only the old one can use is left, diag says what; nothing was
 *                     changed
 *        ERR_IO, ERR_SYNC_FAILED */
MUST_CHECK
enum err home_renew(struct os *os, struct os_dir *dir, const struct home_rest *rest,
                    struct home *home, struct diag *diag);

/* home_disown -- the directory is older than what its node has promised to others: nobody may start
 * on it again, for those who remember may forget. A file of text says so; durable on return.
 *   err  ERR_IO, ERR_NO_SPACE, ERR_SYNC_FAILED */
MUST_CHECK
enum err home_disown(struct os_dir *dir);

/* home_secret -- the seed kept in secret.key, made from the system's entropy when there is none.
 *   err  ERR_BAD_PERMISSIONS  others may read it
 *        ERR_WRONG_NODE       there is none, but an identity
 *        ERR_CORRUPT, ERR_IO, ERR_NO_SPACE */
MUST_CHECK
enum err home_secret(struct os *os, struct os_dir *dir, uint8_t out[HOME_SECRET_BYTES],
                     struct diag *diag);

#endif
