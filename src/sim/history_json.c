/* sim/history_json.c -- histories as JSON lines, both ways. */
#include "sim/history.h"
#include "sim/history_scan.h"

#include "base/panic.h"

#include <inttypes.h>

enum {
    LINE_FIXED_BYTES = 160, /* all of a line but its texts, with the longest numbers */
    NAMES = 4
};

/* ---- Writing ---- */

static void put_member(struct writer *w, const char *name, struct bytes text)
{
    writer_text(w, ",\"%s\":", name);
    if (text.data == NULL) {
        writer_text(w, "null");
    } else {
        history_scan_put_text(w, text);
    }
}

static void put_row(struct writer *w, const struct history_row *r)
{
    bool inv = r->event == HISTORY_INV;
    writer_text(w, "{\"t\":%" PRIu64 ",\"p\":%" PRIu32 ",\"e\":\"%s\",\"f\":\"%s\"", r->t_ns,
                r->process, history_event_name(r->event), history_op_name(r->op));
    put_member(w, "k", r->key);
    if ((inv && (r->op == HISTORY_PUT || r->op == HISTORY_CAS)) ||
        (r->event == HISTORY_OK && r->op == HISTORY_GET)) {
        put_member(w, "v", r->value);
    }
    if (inv && r->op == HISTORY_CAS) {
        put_member(w, "old", r->old);
    }
    if (r->revision != 0) {
        writer_text(w, ",\"rev\":%" PRId64, r->revision);
    }
    writer_text(w, "}");
    writer_u8(w, '\n');
}

enum err history_write(const struct history *h, history_write_fn fn, void *arg)
{
    uint8_t *line = NULL;
    size_t room = 0;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < h->row_count && e == ERR_OK; i++) {
        const struct history_row *r = &h->rows[i];
        size_t most = LINE_FIXED_BYTES +
                      HISTORY_ESCAPE_BYTES_MAX * (r->key.count + r->value.count + r->old.count);
        if (most > room) {
            uint8_t *more = mem_resize(h->mem, line, 2 * most);
            if (more == NULL) {
                e = ERR_NO_MEMORY;
                break;
            }
            line = more;
            room = 2 * most;
        }
        struct writer w = writer_of(line, room);
        put_row(&w, r);
        ASSERT(!w.bad);
        e = fn(arg, writer_bytes(&w));
    }
    mem_free(h->mem, line);
    return e;
}

/* ---- One line ---- */

enum member {
    MEMBER_T,
    MEMBER_P,
    MEMBER_E,
    MEMBER_F,
    MEMBER_K,
    MEMBER_V,
    MEMBER_OLD,
    MEMBER_REV,
    MEMBER_OTHER,
};

#define HAS(members, m) (((members)&1u << (m)) != 0)

static enum member member_of(struct bytes name)
{
    static const char *const names[] = { "t", "p", "e", "f", "k", "v", "old", "rev" };
    int m = MEMBER_T;
    while (m < MEMBER_OTHER && !bytes_equal(name, bytes_text(names[m]))) {
        m++;
    }
    return (enum member)m;
}

static bool wrong(struct history_scan *s, const char *what)
{
    s->wrong = s->wrong != NULL ? s->wrong : what;
    return false;
}

/* One of NAMES words, in the order of their enum. */
static bool scan_name(struct history_scan *s, const char *(*name_of)(int), int *out)
{
    struct bytes text;
    if (!history_scan_text(s, &text)) {
        return false;
    }
    for (int i = 0; i < NAMES; i++) {
        if (bytes_equal(text, bytes_text(name_of(i)))) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *event_name(int i)
{
    return history_event_name((enum history_event)i);
}

static const char *op_name(int i)
{
    return history_op_name((enum history_op)i);
}

static bool scan_member(struct history_scan *s, enum member m, struct history_row *row)
{
    uint64_t v = 0;
    int name = 0;
    switch (m) {
    case MEMBER_T:
        return history_scan_u64(s, UINT64_MAX, &row->t_ns);
    case MEMBER_P:
        if (!history_scan_u64(s, UINT32_MAX, &v)) {
            return false;
        }
        row->process = (uint32_t)v;
        return true;
    case MEMBER_E:
        if (!scan_name(s, event_name, &name)) {
            return wrong(s, "\"e\" is not inv, ok, fail or info");
        }
        row->event = (enum history_event)name;
        return true;
    case MEMBER_F:
        if (!scan_name(s, op_name, &name)) {
            return wrong(s, "\"f\" is not get, put, del or cas");
        }
        row->op = (enum history_op)name;
        return true;
    case MEMBER_K:
        return history_scan_text(s, &row->key);
    case MEMBER_V:
        return history_scan_text_or_null(s, &row->value);
    case MEMBER_OLD:
        return history_scan_text_or_null(s, &row->old);
    case MEMBER_REV:
        if (history_scan_word(s, "null")) {
            return true;
        }
        if (!history_scan_u64(s, INT64_MAX, &v)) {
            return false;
        }
        row->revision = (int64_t)v;
        return true;
    case MEMBER_OTHER:
        break;
    }
    return history_scan_skip(s);
}

/* What a row of this kind must have. */
static bool complete(struct history_scan *s, const struct history_row *row, uint32_t members)
{
    static const char *const missing[] = { "\"t\" is missing", "\"p\" is missing",
                                           "\"e\" is missing", "\"f\" is missing",
                                           "\"k\" is missing" };
    for (int m = MEMBER_T; m <= MEMBER_K; m++) {
        if (!HAS(members, m)) {
            return wrong(s, missing[m]);
        }
    }
    if (row->key.count == 0) {
        return wrong(s, "\"k\" is empty");
    }
    bool inv = row->event == HISTORY_INV;
    if (inv && row->op == HISTORY_PUT && row->value.data == NULL) {
        return wrong(s, "a put needs \"v\", a text");
    }
    if (inv && row->op == HISTORY_CAS && !(HAS(members, MEMBER_V) && HAS(members, MEMBER_OLD))) {
        return wrong(s, "a cas needs \"v\" and \"old\", each a text or null");
    }
    if (row->event == HISTORY_OK && row->op == HISTORY_GET && !HAS(members, MEMBER_V)) {
        return wrong(s, "an answered get needs \"v\", a text or null");
    }
    return true;
}

static bool scan_row(struct history_scan *s, struct history_row *row)
{
    uint32_t members = 0;
    memset(row, 0, sizeof *row);
    if (!history_scan_mark(s, '{')) {
        return wrong(s, "the line is not an object");
    }
    bool more = !history_scan_mark(s, '}');
    while (more) {
        struct bytes name;
        if (!history_scan_text(s, &name)) {
            return false;
        }
        enum member m = member_of(name);
        if (m != MEMBER_OTHER && HAS(members, m)) {
            return wrong(s, "a member is there twice");
        }
        members |= 1u << m;
        if (!history_scan_mark(s, ':')) {
            return wrong(s, "':' is missing");
        }
        if (!scan_member(s, m, row)) {
            return false;
        }
        more = history_scan_mark(s, ',');
        if (!more && !history_scan_mark(s, '}')) {
            return wrong(s, "',' or '}' is missing");
        }
    }
    history_scan_next(s);
    if (s->at != s->end) {
        return wrong(s, "something follows the object");
    }
    return complete(s, row, members);
}

static enum err line_error(const struct history_reader *r, enum err e, const char *what,
                           struct diag *diag)
{
    return diag_set(diag, e, "line %" PRIu64 ": %s", r->line, what);
}

static enum err take_line(struct history_reader *r, struct bytes line, struct diag *diag)
{
    r->line++;
    if (line.count > HISTORY_LINE_BYTES_MAX) {
        return line_error(r, ERR_MALFORMED, "the line is too long", diag);
    }
    struct history_scan s = { .at = line.data, .end = line.data + line.count };
    history_scan_next(&s);
    if (s.at == s.end) {
        return ERR_OK;
    }
    struct history_row row;
    uint8_t *scratch = NULL;
    bool good = scan_row(&s, &row);
    if (!good && s.needs_scratch) {
        scratch = mem_alloc(r->history->mem, line.count);
        if (scratch == NULL) {
            return line_error(r, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY), diag);
        }
        s = (struct history_scan){ .at = line.data, .end = line.data + line.count };
        s.scratch = scratch;
        good = scan_row(&s, &row);
    }
    enum err e = good ? history_add(r->history, &row) : ERR_MALFORMED;
    mem_free(r->history->mem, scratch);
    return e == ERR_OK ? e : line_error(r, e, good ? err_text(e) : s.wrong, diag);
}

/* ---- Pieces ---- */

void history_reader_init(struct history_reader *r, struct history *h)
{
    memset(r, 0, sizeof *r);
    r->history = h;
}

void history_reader_done(struct history_reader *r)
{
    mem_free(r->history->mem, r->rest);
    history_reader_init(r, r->history);
}

static enum err keep_rest(struct history_reader *r, struct bytes piece, struct diag *diag)
{
    size_t count = r->rest_count + piece.count;
    if (count > HISTORY_LINE_BYTES_MAX) {
        r->line++;
        return line_error(r, ERR_MALFORMED, "the line is too long", diag);
    }
    if (count > r->rest_capacity) {
        uint8_t *more = mem_resize(r->history->mem, r->rest, 2 * count);
        if (more == NULL) {
            r->line++;
            return line_error(r, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY), diag);
        }
        r->rest = more;
        r->rest_capacity = 2 * count;
    }
    memcpy(r->rest + r->rest_count, piece.data, piece.count);
    r->rest_count = count;
    return ERR_OK;
}

enum err history_reader_feed(struct history_reader *r, struct bytes piece, struct diag *diag)
{
    while (piece.count > 0) {
        const uint8_t *end = memchr(piece.data, '\n', piece.count);
        if (end == NULL) {
            return keep_rest(r, piece, diag);
        }
        struct bytes line = bytes_of(piece.data, (size_t)(end - piece.data));
        piece = bytes_of(end + 1, piece.count - line.count - 1);
        if (r->rest_count > 0) {
            TRY(keep_rest(r, line, diag));
            line = bytes_of(r->rest, r->rest_count);
            r->rest_count = 0;
        }
        TRY(take_line(r, line, diag));
    }
    return ERR_OK;
}

enum err history_reader_end(struct history_reader *r, struct diag *diag)
{
    struct bytes line = bytes_of(r->rest, r->rest_count);
    r->rest_count = 0;
    return line.count > 0 ? take_line(r, line, diag) : ERR_OK;
}

enum err history_read(struct history *h, struct bytes text, struct diag *diag)
{
    struct history_reader r;
    history_reader_init(&r, h);
    enum err e = history_reader_feed(&r, text, diag);
    if (e == ERR_OK) {
        e = history_reader_end(&r, diag);
    }
    history_reader_done(&r);
    return e;
}
