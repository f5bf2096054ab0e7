/* store/snap_impl.h -- what the files of struct snap share; this folder only.
 *
 * Shape:      one worker; a job for each thing that can be under way. A job does what touches
 *             files, its end what touches memory accounts, lists and handlers.
 * Thread:     the loop's; a job's fields are the worker's while it flies
 */
#ifndef STORE_SNAP_IMPL_H
#define STORE_SNAP_IMPL_H

#include "store/snap.h"
#include "store/snap_scan.h"

enum {
    SNAP_NAME_BYTES = 64,
    SNAP_ITEMS_MAX = 16
};

/* A snapshot that is whole. */
struct snap_item {
    struct list link; /* newest first */
    struct snap_id id;
    struct snap_blob blob; /* in memory: its bytes */
    uint32_t users;
    bool dropped; /* goes with its last user */
};

enum snap_make_phase {
    SNAP_MAKE_HEAD,
    SNAP_MAKE_ROWS,
    SNAP_MAKE_END,
    SNAP_MAKE_WHOLE,
    SNAP_MAKE_ABANDON
};

struct snap_make {
    bool busy;
    bool flying;
    bool cancelled;
    enum snap_make_phase phase;
    struct os_job job;
    struct os_timer timer; /* the next step has to wait for its time */
    struct tables_view view;
    struct snap_meta meta; /* conf is in room->head */
    struct snap_room *room;
    struct snap_blob blob;
    struct bytes out; /* what this step adds to the blob */
    uint64_t began_ns;
    uint64_t told; /* bytes written when the newest job was submitted */
    struct blake3 hash;
    uint64_t sequence;
    uint64_t rows;
    enum table_id table;
    bool row;         /* one is under way */
    struct bytes key; /* of it */
    struct bytes value;
    size_t row_at;     /* so much of it is in chunks */
    size_t last_bytes; /* key of the row before, in room->last */
    enum err result;
    enum err why; /* it was given up */
};

enum snap_receive_phase {
    SNAP_RECEIVE_RESUME,
    SNAP_RECEIVE_READY,
    SNAP_RECEIVE_APPEND,
    SNAP_RECEIVE_VERIFY
};

struct snap_receive {
    bool busy;
    bool flying;
    bool cancelled;
    enum snap_receive_phase phase;
    struct os_job job;
    struct snap_id id;
    uint64_t bytes;
    uint64_t offset;        /* bytes here when the newest job was submitted */
    struct snap_room *room; /* chunk: bytes to append */
    size_t count;           /* of them */
    struct snap_blob blob;
    struct snap_scan scan;
    bool others; /* parts of others are to be removed first */
    enum err result;
};

enum snap_build_phase {
    SNAP_BUILD_OPEN,
    SNAP_BUILD_ROWS,
    SNAP_BUILD_BUILT, /* beside the old rows */
    SNAP_BUILD_SWAP
};

struct snap_build {
    bool busy;
    bool flying;
    bool cancelled;
    enum snap_build_phase phase;
    struct os_job job;
    struct tables *tables;
    struct snap_item *item;
    struct snap_blob file; /* on disk: a handle of its own */
    struct snap_room *room;
    struct snap_scan scan;
    struct btree next[TABLE_COUNT]; /* without a backing */
    struct snap_check check;        /* the handler's, which the end of all takes away */
    enum err result;
    bool alone; /* at start: nobody hears of it */
};

struct snap {
    struct os *os;
    struct os_dir *dir;
    struct mem *mem;
    struct snap_handler handler;
    struct os_worker *worker;
    bool closing;
    struct list items;
    struct list dropped; /* in memory: still read by somebody */
    struct snap_make make;
    struct snap_receive receive;
    struct snap_build build;
    struct os_job prune_job;
    bool pruning;
    struct snap_id prune[SNAP_ITEMS_MAX];
    uint32_t prune_count;
};

/* snap_name -- of a file; suffix "snap" or "part". */
void snap_name(const struct snap_id *id, const char *suffix, char out[SNAP_NAME_BYTES]);

/* snap_find -- a snapshot that is listed; NULL: none. */
struct snap_item *snap_find(const struct snap *s, const struct snap_id *id);

/* snap_add -- list a snapshot, and give up those that are more than SNAP_KEPT; blob, in memory, is
 * taken over. err ERR_NO_MEMORY: it is not listed. */
MUST_CHECK
enum err snap_add(struct snap *s, const struct snap_id *id, const struct snap_blob *blob);

/* snap_lose -- a snapshot turned out to be damaged: it is no snapshot any more, so another one of
 * its id can come. */
void snap_lose(struct snap *s, struct snap_item *item);

/* snap_leave -- somebody does not read it any more. */
void snap_leave(struct snap *s, struct snap_item *item);

/* snap_finish -- a part is written: it becomes a snapshot, durable. Worker. err ERR_IO,
 * ERR_SYNC_FAILED. */
MUST_CHECK
enum err snap_finish(struct snap *s, const struct snap_id *id, struct snap_blob *blob);

/* snap_remove_parts -- all but the one of id, or all when id is NULL. Worker, or at start.
 *   err  ERR_IO */
MUST_CHECK
enum err snap_remove_parts(struct snap *s, const struct snap_id *id);

/* snap_make_init, snap_make_close, snap_receive_init, snap_receive_close, snap_build_init,
 * snap_build_close -- at the beginning and, when no job runs any more, at the end. */
void snap_make_init(struct snap *s);
void snap_make_close(struct snap *s);
void snap_receive_init(struct snap *s);
void snap_receive_close(struct snap *s);
void snap_build_init(struct snap *s);
void snap_build_close(struct snap *s);

#endif
