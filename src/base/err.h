/* base/err.h -- every error of the project, once: name, class, HTTP status, text.
 *
 * Shape:      one X-macro list; the enum, names, texts and statuses are expansions of it
 * Invariants: ERR_OK is 0; a name never changes its meaning (it is the "code" that clients see)
 * Thread:     any, pure
 * Why:        the class says what the caller does, so reactions are written once per class
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))

/* OK nothing to do | AGAIN nothing happened, come back | REFUSED answer the client, state unchanged
 * PEER drop the message or the peer | IO undo and report | FATAL stop the node */
enum err_class {
    ERR_CLASS_OK,
    ERR_CLASS_AGAIN,
    ERR_CLASS_REFUSED,
    ERR_CLASS_PEER,
    ERR_CLASS_IO,
    ERR_CLASS_FATAL,
};

#define ERR_LIST(X)                                                                                \
    X(OK, OK, 200, "ok")                                                                           \
    X(QUEUE_FULL, AGAIN, 503, "queue full, nothing was done")                                      \
    X(WOULD_BLOCK, AGAIN, 503, "not now, nothing was done")                                        \
    X(BUSY, AGAIN, 503, "busy, nothing was done")                                                  \
    X(NO_LEADER, AGAIN, 503, "no leader is known")                                                 \
    X(NO_QUORUM, AGAIN, 503, "no quorum answers")                                                  \
    X(SHUTTING_DOWN, AGAIN, 503, "the node is shutting down")                                      \
    X(TOO_MANY_REQUESTS, AGAIN, 429, "this client's share of the queue is full")                   \
    X(TIMEOUT, AGAIN, 503, "the deadline passed before anything was done")                         \
    X(OUTCOME_UNKNOWN, REFUSED, 502, "the outcome of the operation is unknown")                    \
    X(NOT_LEADER, REFUSED, 503, "this node is not the leader")                                     \
    X(NOT_INITIALIZED, REFUSED, 412, "the cluster is not initialised")                             \
    X(ALREADY_INITIALIZED, REFUSED, 400, "the cluster is already initialised")                     \
    X(UNKNOWN_NODE, REFUSED, 400, "no such node id")                                               \
    X(UNKNOWN_ENDPOINT, REFUSED, 400, "the endpoint of a member is not known")                     \
    X(BAD_REQUEST, REFUSED, 400, "malformed request")                                              \
    X(BAD_JSON, REFUSED, 400, "the body is not valid JSON")                                        \
    X(BAD_CONFIG, REFUSED, 400, "the configuration is not valid")                                  \
    X(KEY_EMPTY, REFUSED, 400, "the key is empty")                                                 \
    X(KEY_TOO_LARGE, REFUSED, 413, "the key is too large")                                         \
    X(VALUE_TOO_LARGE, REFUSED, 413, "the value is too large")                                     \
    X(TXN_TOO_LARGE, REFUSED, 413, "the transaction is too large")                                 \
    X(TOO_MANY_OPS, REFUSED, 400, "too many operations in one transaction")                        \
    X(NOT_FOUND, REFUSED, 404, "key not found")                                                    \
    X(NO_ROUTE, REFUSED, 404, "no such route")                                                     \
    X(BAD_METHOD, REFUSED, 405, "the method is not allowed here")                                  \
    X(COMPARE_FAILED, REFUSED, 409, "the comparison failed")                                       \
    X(COMPACTED, REFUSED, 400, "the revision has been compacted")                                  \
    X(FUTURE_REVISION, REFUSED, 400, "the revision is in the future")                              \
    X(CONF_CHANGED, REFUSED, 409, "the configuration changed meanwhile")                           \
    X(CONF_PENDING, REFUSED, 409, "a membership change is under way")                              \
    X(NOT_CAUGHT_UP, REFUSED, 409, "the learner has not caught up")                                \
    X(NO_MAJORITY, REFUSED, 409, "the voters to be would have no majority")                        \
    X(WRONG_CLUSTER, REFUSED, 409, "the node belongs to another cluster")                          \
    X(BODY_TOO_LARGE, REFUSED, 413, "the body is too large")                                       \
    X(TARGET_TOO_LONG, REFUSED, 414, "the request target is too long")                             \
    X(HEADER_TOO_LARGE, REFUSED, 431, "the header is too large")                                   \
    X(REQUEST_TIMEOUT, REFUSED, 408, "the request took too long to arrive")                        \
    X(NOT_BUILT, REFUSED, 501, "not available in this version")                                    \
    X(DISK_FULL, REFUSED, 507, "the disk is full")                                                 \
    X(MALFORMED, PEER, 400, "malformed bytes")                                                     \
    X(WRONG_IDENTITY, PEER, 403, "the peer's key is not the expected one")                         \
    X(WRONG_COOKIE, PEER, 403, "the peer does not hold the cookie")                                \
    X(FRAME_TOO_LARGE, PEER, 413, "a frame is larger than the limit")                              \
    X(PEER_GONE, PEER, 503, "the peer is not connected")                                           \
    X(IO, IO, 500, "input or output failed")                                                       \
    X(NO_MEMORY, IO, 500, "a memory limit was reached")                                            \
    X(ADDRESS_IN_USE, IO, 500, "the address is in use")                                            \
    X(NO_FILE, IO, 500, "no such file")                                                            \
    X(FILE_EXISTS, IO, 500, "the file exists")                                                     \
    X(NO_SPACE, IO, 507, "no space is left on the device")                                         \
    X(NO_ACCESS, IO, 500, "permission denied")                                                     \
    X(READ_ONLY, IO, 500, "the file system is read-only")                                          \
    X(WRONG_KIND, IO, 500, "not the kind of file that belongs there")                              \
    X(LOCKED, IO, 500, "the data directory is in use by another process")                          \
    X(WRONG_NODE, IO, 500, "the data directory belongs to another node")                           \
    X(NEWER_FORMAT, IO, 500, "the data was written by a newer version")                            \
    X(BAD_PERMISSIONS, IO, 500, "the secret key may be read by others")                            \
    X(CORRUPT, FATAL, 500, "stored data is corrupt")                                               \
    X(OUTDATED, FATAL, 500, "the data is older than what this node has promised to others")        \
    X(SYNC_FAILED, FATAL, 500, "a write could not be made durable")                                \
    X(INTERNAL, FATAL, 500, "internal error")

#define ERR_ENUM(name, class, http, text) ERR_##name,
enum err {
    ERR_LIST(ERR_ENUM)
};
#undef ERR_ENUM

/* err_name -- the stable name without prefix, as clients see it in "code"; "UNKNOWN" if not
 * listed. */
const char *err_name(enum err e);

/* err_text -- one sentence, static storage, never NULL. */
const char *err_text(enum err e);

/* err_class -- what the caller does about it. */
enum err_class err_class(enum err e);

/* err_http -- HTTP status, 200..599. */
int err_http(enum err e);

/* err_count -- how many rows the list has; valid codes are 0..count-1. */
int err_count(void);

/* TRY -- return the error at once; only where nothing is owned that needs undoing. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum err try_err_ = (expr);                                                                \
        if (try_err_ != ERR_OK) {                                                                  \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)

/* IGNORE -- drop a MUST_CHECK result on purpose; the reason stands beside it. */
#define IGNORE(expr)                                                                               \
    do {                                                                                           \
        if ((expr) != ERR_OK) {                                                                    \
        }                                                                                          \
    } while (0)

/* struct diag -- an error with its story; filled on slow paths only: config, open, recovery. */
struct diag {
    enum err code;
    char text[256]; /* NUL-terminated, cut when longer */
};

/* diag_set -- fill code and text (printf form); returns code so that a caller can return it. */
enum err diag_set(struct diag *d, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
