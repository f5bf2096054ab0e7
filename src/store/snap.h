/* store/snap.h -- the snapshots of one node: made from its tables, sent, received, kept.
 *
 * Shape:      snap_make writes a file from a view of the tables, chunk by chunk on a worker, at
 *             most SNAP_BYTES_PER_S fast; a reader gives its bytes by offset; snap_receive takes
 *             them elsewhere, in order, and counts them as a snapshot when the whole is right. The
 *             bytes are in snap_format.h. Without a directory they are kept in memory.
 * Invariants: what is listed is whole: a file gets its name when it was checked or written to its
 *             end, and synced. At most SNAP_KEPT of them and one that is not whole are there.
 *             Bytes of others are never believed: what is wrong is ERR_MALFORMED, never a panic
 * Order:      events come from the loop, later; one making and one receiving at a time
 * Owns:       the files of its directory, a worker, its memory; the tables belong to the caller and
 *             outlive a making
 * Thread:     the loop's
 */
#ifndef STORE_SNAP_H
#define STORE_SNAP_H

#include "os/io.h"
#include "store/log.h"
#include "store/snap_format.h"
#include "store/table.h"

struct snap;
struct snap_reader;

/* What rows have to be besides well-formed and in order, in the eyes of whoever knows what they
 * mean: looked at while they are put beside the old ones, on a worker or, without a backing, on the
 * loop. begin may be NULL: nothing is asked. */
struct snap_check {
    void (*begin)(void *arg);
    enum err (*row)(void *arg, enum table_id id, struct bytes key, struct bytes value);
    enum err (*end)(void *arg, const struct snap_meta *meta); /* ERR_MALFORMED: they deny it */
    void *arg;
};

/* What became of what was asked for; any may be NULL. meta is valid during the call, and NULL
 * unless e is ERR_OK. */
struct snap_handler {
    /* snap_make has ended. ERR_SHUTTING_DOWN: it was cancelled; ERR_NO_SPACE, ERR_NO_MEMORY,
     * ERR_IO, ERR_SYNC_FAILED: nothing is left of it; ERR_CORRUPT: a row of the tables has rotted
     */
    void (*made)(void *arg, enum err e, const struct snap_meta *meta);
    /* the bytes before offset are here: after snap_receive, and after each chunk. ERR_NO_SPACE:
     * none is any more, their room was given back; ERR_NO_MEMORY, ERR_IO: the last chunk is not, it
     * may be given again; at the beginning, with any error: nothing is received */
    void (*stored)(void *arg, enum err e, const struct snap_id *id, uint64_t offset);
    /* all bytes came, and were looked at. ERR_MALFORMED, ERR_NEWER_FORMAT: this is no snapshot, or
     * another one than was asked for: it is gone; ERR_IO, ERR_SYNC_FAILED */
    void (*received)(void *arg, enum err e, const struct snap_meta *meta);
    /* the rows of a snapshot are there beside the old ones, durable and not in force.
     * ERR_SHUTTING_DOWN: it was cancelled; ERR_MALFORMED, ERR_NEWER_FORMAT: the snapshot is damaged
     * and not listed any more; ERR_NO_SPACE, ERR_NO_MEMORY, ERR_IO, ERR_SYNC_FAILED; in each case
     * nothing is left of it */
    void (*built)(void *arg, enum err e, const struct snap_meta *meta);
    /* they have taken the place of the old ones, for reads and for restarts. Any error: it is not
     * known which rows a restart will find: stop the node */
    void (*swapped)(void *arg, enum err e, const struct snap_meta *meta);
    /* snap_open has found a file that does not count. ERR_MALFORMED: its head is none, or denies
     * its name: it is removed; ERR_NEWER_FORMAT: it is left alone; ERR_NOT_FOUND: it is of an entry
     * that the log does not have: it is kept as a part of what is received */
    void (*dismissed)(void *arg, enum err e, const char *name);
    void *arg;
    struct snap_check check;
};

/* snap_open -- list what is there, by names that its heads bear out; what is left of a making is
 * removed, what is left of a receiving stays for snap_receive.
 *   in   dir  of snapshots alone, outlives it; NULL: in memory
 *        most newest entry of the log: what is above came before its install was durable, if at all
 *        mem  of buffers (some 5 MiB while something is under way) and, in memory, of the snapshots
 *   err  ERR_IO, ERR_NO_MEMORY; diag tells */
MUST_CHECK
enum err snap_open(struct os *os, struct os_dir *dir, struct mem *mem, uint64_t most,
                   const struct snap_handler *handler, struct snap **out, struct diag *diag);

/* snap_close -- what is under way ends, what is not whole is left for the next start or removed; no
 * event comes any more. Before the tables are closed. */
void snap_close(struct snap *s);

/* snap_newest -- the one of the highest index that is at most this; false: there is none. */
bool snap_newest(const struct snap *s, uint64_t most, struct snap_id *out);

/* snap_at -- the one after entry (index, term); false: there is none. */
bool snap_at(const struct snap *s, uint64_t index, uint64_t term, struct snap_id *out);

/* snap_forget -- it cannot be read, or somebody who was sent it says that it is damaged: it is not
 * listed any more, and its file is removed. Nothing when it is not listed. */
void snap_forget(struct snap *s, const struct snap_id *id);

/* snap_meta -- what a snapshot's head says.
 *   in   room  SNAP_HEAD_BYTES_MAX, which out->conf is a view of
 *   err  ERR_NOT_FOUND, ERR_MALFORMED, ERR_NEWER_FORMAT, ERR_IO */
MUST_CHECK
enum err snap_meta(struct snap *s, const struct snap_id *id, uint8_t *room, struct snap_meta *out);

/* ---- Making ---- */

/* snap_make -- begin a snapshot of the rows that the newest flush has written or, without a
 * backing, of all rows now: the caller says in meta which state that is; its id.id is drawn here.
 * The view that it needs is held until the event: see backing_view_begin for what that costs.
 *   err  ERR_BUSY (a making or a flush is under way), ERR_NO_MEMORY, ERR_IO: nothing happened */
MUST_CHECK
enum err snap_make(struct snap *s, struct tables *tables, const struct snap_meta *meta);

/* snap_making -- one is under way; out_bytes: so much is written. */
bool snap_making(const struct snap *s, uint64_t *out_bytes);

/* snap_make_cancel -- give it up; the event comes as ever. Nothing when none is under way. */
void snap_make_cancel(struct snap *s);

/* ---- Sending ---- */

/* snap_reader_open -- it can be read to its end even when a newer one takes its place.
 *   err  ERR_NOT_FOUND, ERR_NO_MEMORY, ERR_IO */
MUST_CHECK
enum err snap_reader_open(struct snap *s, const struct snap_id *id, struct snap_reader **out);

/* snap_reader_bytes -- of the whole snapshot, as it was opened. */
uint64_t snap_reader_bytes(const struct snap_reader *r);

/* snap_reader_read -- bytes from an offset on; fewer than count only at the end, and none behind
 * it, however much longer its file is by now.
 *   err  ERR_CORRUPT  its file was cut short
 *        ERR_IO */
MUST_CHECK
enum err snap_reader_read(struct snap_reader *r, uint64_t offset, void *out, size_t count,
                          size_t *out_count);

/* snap_reader_close -- before snap_close. */
void snap_reader_close(struct snap_reader *r);

/* ---- Receiving ---- */

/* snap_receive -- be ready for the bytes of a snapshot; `stored` says where to begin, which is not
 * 0 when a part of it is here already, of before a restart too. Another one that was being received
 * is given up.
 *   in   bytes  of the whole
 *   err  ERR_FILE_EXISTS (it is here as a whole), ERR_MALFORMED (no snapshot has so few bytes, or
 *        none is taken that has more than SNAP_BYTES_MAX), ERR_BUSY (wait for an event),
 *        ERR_NO_MEMORY, ERR_NO_SPACE (the disk has no room for what is missing), ERR_IO: nothing
 *        happened */
MUST_CHECK
enum err snap_receive(struct snap *s, const struct snap_id *id, uint64_t bytes);

/* snap_receive_chunk -- the next bytes, copied. When they were the last, `received` comes after
 * `stored`.
 *   in   data  1 byte to SNAP_CHUNK_BYTES_MAX
 *   err  ERR_NOT_FOUND (this one is not being received), ERR_BUSY (wait for `stored`),
 *        ERR_BAD_REQUEST (another offset is next, see snap_receiving), ERR_MALFORMED (too many):
 *        nothing happened */
MUST_CHECK
enum err snap_receive_chunk(struct snap *s, const struct snap_id *id, uint64_t offset,
                            struct bytes data);

/* snap_receiving -- which one is, and the offset that is next; false: none. */
bool snap_receiving(const struct snap *s, struct snap_id *out_id, uint64_t *out_offset);

/* snap_receive_cancel -- give its memory back; what came stays on disk for the next snap_receive.
 * Nothing more is told of it. */
void snap_receive_cancel(struct snap *s);

/* ---- Installing ----
 *
 * A running node: snap_build; then `built`; then log_install, and its ticket is durable; then
 * snap_swap; then `swapped`, and the state machine is opened anew from the tables. Nothing is
 * applied to the tables and no flush is begun from log_install on. So a crash leaves the old log
 * with the old rows, or the new log with either: then snap_gap says so at the next start, and
 * snap_install does the rest.
 */

/* snap_build -- begin to write the rows of a snapshot beside those in force.
 *   err  ERR_NOT_FOUND, ERR_BUSY (one is built already), ERR_NO_MEMORY: nothing happened */
MUST_CHECK
enum err snap_build(struct snap *s, struct tables *tables, const struct snap_id *id);

/* snap_swap -- what was built takes the place of the rows in force, overlay included. From here to
 * `swapped` flush_busy is true.
 *   pre  `built` has come, and the log's install is durable
 *   err  ERR_BUSY (a flush is under way, or a making needs the old rows: wait for its end, or
 *        cancel it): nothing happened; ERR_NOT_FOUND (nothing is built) */
MUST_CHECK
enum err snap_swap(struct snap *s);

/* snap_build_cancel -- give it up before snap_swap. `built` comes if it has not come yet. */
void snap_build_cancel(struct snap *s);

/* snap_gap -- at start, with a log that begins at `first` behind an entry of before_term: does the
 * state machine, at entry applied, need a snapshot to go on with it? out gets the newest that fits.
 *   out  out_needed  false: the log has all that is missing
 *   err  ERR_CORRUPT  it does, and there is none */
MUST_CHECK
enum err snap_gap(const struct snap *s, const struct log *log, const struct log_recovered *rec,
                  uint64_t applied, bool *out_needed, struct snap_id *out, struct diag *diag);

/* snap_install -- build and swap at once; at start, before the loop runs: it takes as long as it
 * takes, and no event comes.
 *   pre  nothing is under way
 *   err  ERR_CORRUPT (the snapshot is damaged), ERR_NEWER_FORMAT, ERR_NOT_FOUND, ERR_NO_SPACE,
 *        ERR_NO_MEMORY, ERR_SYNC_FAILED, ERR_IO; diag tells */
MUST_CHECK
enum err snap_install(struct snap *s, struct tables *tables, const struct snap_id *id,
                      struct diag *diag);

#endif
