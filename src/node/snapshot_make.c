/* node/snapshot_make.c -- the node's store of snapshots: opened, and one made of what is on disk.
 *
 * Why: the log may go as soon as the state machine is on disk, so what the core calls a snapshot is
 *      a flush; a file of it is made when a peer needs one, and then of the newest flush
 */
#include "base/mark.h"
#include "node/impl.h"

static void made(void *arg, enum err e, const struct snap_meta *meta)
{
    struct node *n = arg;
    if (e == ERR_OK) {
        metrics_add(&n->metrics, METRICS_SNAPSHOTS_BUILT, 1);
        logger_log(n->logger, LOGGER_INFO, "snapshot made", logger_u64("index", meta->id.index),
                   logger_u64("term", meta->id.term));
    } else if (e != ERR_SHUTTING_DOWN) {
        MARK("node: a snapshot cannot be made");
        metrics_add(&n->metrics, METRICS_STORAGE_ERRORS, 1);
        logger_log(n->logger, LOGGER_WARN, "a snapshot could not be made", logger_err(e));
        if (e == ERR_CORRUPT) {
            node_fail(n, NODE_PART_KV, e, "a row of the state machine has rotted");
            return;
        }
        snapshot_send_failed(n);
    }
    state_moved(n);
}

static void dismissed(void *arg, enum err e, const char *name)
{
    struct node *n = arg;
    const char *what = e == ERR_NEWER_FORMAT ? "a snapshot of a newer version is left alone"
                       : e == ERR_NOT_FOUND  ? "a snapshot ahead of the log does not count"
                                             : "a file that is no snapshot is removed";
    logger_log(n->logger, LOGGER_WARN, what, logger_text("file", name));
}

enum err snapshot_make_open(struct node *n, uint64_t most, struct diag *diag)
{
    struct snap_handler h = { .made = made,
                              .stored = snapshot_receive_stored,
                              .received = snapshot_receive_whole,
                              .built = snapshot_receive_built,
                              .swapped = snapshot_receive_swapped,
                              .dismissed = dismissed,
                              .arg = n,
                              .check = { .begin = snapshot_receive_check,
                                         .row = snapshot_receive_check_row,
                                         .end = snapshot_receive_check_end,
                                         .arg = &n->snap_check } };
    if (n->config->storage_backend != CONFIG_STORAGE_INMEMORY) {
        TRY(node_dir_open(n, "", "snap", &n->snap_dir, diag));
    }
    n->snap_room = mem_take(&n->mem, SNAP_CHUNK_BYTES_MAX);
    TRY(snap_open(n->os, n->snap_dir, &n->store_mem, most, &h, &n->snaps, diag));
    struct snap_id id;
    if (snap_newest(n->snaps, most, &id)) {
        snapshot_send_hold(n, &id); /* it may have been on its way when this node went down */
    }
    return ERR_OK;
}

enum err snapshot_make_file(struct node *n)
{
    struct state *s = &n->state;
    uint64_t bytes = 0;
    if (snap_making(n->snaps, &bytes)) {
        return ERR_OK;
    }
    if (s->backing == NULL) {
        TRY(state_mark_now(n, &s->flushed)); /* of all rows as they are */
    }
    const struct state_mark *m = &s->flushed;
    struct snap_meta meta = { .id = { .index = m->applied, .term = m->term },
                              .cluster = n->cluster,
                              .revision = (uint64_t)m->revision,
                              .hash = m->hash,
                              .rows = SNAP_ROWS_UNKNOWN,
                              .conf = bytes_of(m->bytes, m->count) };
    return snap_make(n->snaps, &s->tables, &meta);
}
