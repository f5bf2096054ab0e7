/* sim/history.h -- what clients asked and were told: in memory, and as JSON lines.
 *
 * Shape:      rows in the order in which they happened; a process has one open operation: inv, then
 *             ok, fail (certainly no effect) or info (may take effect at any later time, or never),
 *             after which it may begin another one
 * Invariants: row_count <= HISTORY_ROWS_MAX; whether rows make sense together is lincheck's matter
 * Owns:       rows and copies of all texts, counted in the given account
 * Thread:     the owner's
 * Why:        one format for simulated and real clusters, so that one judge serves both
 *
 * One line a row, an object; other members are passed over:
 *   t  ns, integer >= 0        p  process, integer 0..2^32-1    e  inv | ok | fail | info
 *   f  get | put | del | cas   k  key, text, not empty
 *   v  text or null (absent): inv of put (a text) and of cas (null: remove), ok of get
 *   old  text or null: inv of cas
 *   rev  integer >= 0, ok only, 0 as if not given: of put and cas the revision that it made, of del
 *        the store's after it (its own when it found something), of get the record's mod revision;
 *        with a get that found nothing it is not looked at
 * A byte that is not part of UTF-8 stands as \udc80 to \udcff (Python's surrogateescape).
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "base/bytes.h"
#include "base/mem.h"

enum {
    HISTORY_ROWS_MAX = 16 * 1000 * 1000,
    HISTORY_LINE_BYTES_MAX = 16 * 1024 * 1024 /* a value and an old one, every byte escaped */
};

enum history_event {
    HISTORY_INV,
    HISTORY_OK,
    HISTORY_FAIL,
    HISTORY_INFO,
};

enum history_op {
    HISTORY_GET,
    HISTORY_PUT,
    HISTORY_DEL,
    HISTORY_CAS,
};

/* The members v, old and rev count only where the format has them. */
struct history_row {
    uint64_t t_ns;
    uint32_t process;
    enum history_event event;
    enum history_op op;
    struct bytes key;
    struct bytes value; /* data NULL: absent */
    struct bytes old;   /* cas; data NULL: absent */
    int64_t revision;   /* 0: not given */
};

struct history_chunk;

struct history {
    struct mem *mem;
    struct history_row *rows;
    uint32_t row_count;
    uint32_t row_capacity;
    struct history_chunk *texts; /* newest first */
};

/* history_init -- no rows yet; all that comes is counted in mem. */
void history_init(struct history *h, struct mem *mem);

/* history_done -- give everything back; no rows then, as after history_init: ready for new ones. */
void history_done(struct history *h);

/* history_add -- append a row; its texts are copied. An empty text needs a data pointer that is not
 * NULL.
 *   err  ERR_QUEUE_FULL (HISTORY_ROWS_MAX), ERR_NO_MEMORY (the account)  nothing changed */
MUST_CHECK
enum err history_add(struct history *h, const struct history_row *row);

/* A place to write to; anything but ERR_OK ends the writing. */
typedef enum err (*history_write_fn)(void *arg, struct bytes line);

/* history_write -- every row as a line, the newline included, one call a line.
 *   err  ERR_NO_MEMORY (no room for a line), or what fn said */
MUST_CHECK
enum err history_write(const struct history *h, history_write_fn fn, void *arg);

/* history_read -- append the rows of a whole text. A last line without newline is a line; a line of
 * blanks is none.
 *   out  diag  "line N: what is wrong"; untouched on success
 *   err  ERR_MALFORMED, ERR_QUEUE_FULL, ERR_NO_MEMORY  the rows before that line stay */
MUST_CHECK
enum err history_read(struct history *h, struct bytes text, struct diag *diag);

/* Reads a text that arrives in pieces. */
struct history_reader {
    struct history *history;
    uint8_t *rest; /* of a line that has not ended, in the history's account */
    size_t rest_count;
    size_t rest_capacity;
    uint64_t line; /* lines seen so far */
};

/* history_reader_init, history_reader_done -- rows go to the end of h; done gives back the rest of
 * a line that was not ended. */
void history_reader_init(struct history_reader *r, struct history *h);
void history_reader_done(struct history_reader *r);

/* history_reader_feed -- the next piece, cut anywhere. Errors as history_read; none may follow. */
MUST_CHECK
enum err history_reader_feed(struct history_reader *r, struct bytes piece, struct diag *diag);

/* history_reader_end -- nothing follows: what is left is the last line. Errors as history_read. */
MUST_CHECK
enum err history_reader_end(struct history_reader *r, struct diag *diag);

/* history_op_name, history_event_name -- as the format spells them. */
const char *history_op_name(enum history_op op);
const char *history_event_name(enum history_event event);

#endif
