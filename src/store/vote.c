/* store/vote.c -- payload: format u8 | term u64 | node u64. */
#include "store/vote.h"

#include "base/mark.h"

enum {
    VOTE_FORMAT = 1,
    VOTE_BYTES = 17
};
#define VOTE_MAGIC 0x45544f56u /* "VOTE" */
static const char vote_name[] = "vote";

static enum err vote_read(struct bytes payload, struct vote *out, struct diag *diag)
{
    struct reader r = reader_of(payload);
    uint8_t format = reader_u8(&r);
    out->term = reader_u64(&r);
    out->node = reader_u64(&r);
    return r.bad || format != VOTE_FORMAT
               ? diag_set(diag, ERR_NEWER_FORMAT, "vote: format %u is not known here", format)
               : ERR_OK;
}

enum err vote_any(struct os_dir *dir, bool *out)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct slot_file s = { 0 };
    enum err e = slot_open(dir, vote_name, VOTE_MAGIC, false, &s, payload, &count);
    *out = e == ERR_CORRUPT || count > 0;
    slot_close(&s);
    return e == ERR_CORRUPT || e == ERR_NO_FILE ? ERR_OK : e;
}

enum err vote_open(struct os_dir *dir, bool fresh, struct slot_file *out, struct vote *out_vote,
                   struct diag *diag)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct slot_file s = { 0 };
    struct vote v = { 0 };
    enum err e = slot_open(dir, vote_name, VOTE_MAGIC, fresh, &s, payload, &count);
    const char *what = e == ERR_NO_FILE ? "the file is missing" : err_text(e);
    if (e == ERR_NO_FILE || (e == ERR_OK && count == 0 && !fresh)) {
        MARK("store: a vote is forgotten");
        what = e == ERR_OK ? "no record is in the file" : what;
        e = ERR_CORRUPT;
    } else if (e == ERR_OK && count == 0) {
        e = vote_write(&s, &v); /* from now on an empty file is a damaged one */
        what = err_text(e);
    }
    if (e != ERR_OK) {
        slot_close(&s);
        return diag_set(diag, e, "vote: %s; a node that forgot its vote must not start", what);
    }
    if (count > 0) {
        e = vote_read(bytes_of(payload, count), &v, diag);
        if (e != ERR_OK) {
            slot_close(&s);
            return e;
        }
    }
    *out = s;
    *out_vote = v;
    return ERR_OK;
}

enum err vote_write(struct slot_file *s, const struct vote *v)
{
    uint8_t payload[VOTE_BYTES];
    struct writer w = writer_of(payload, sizeof payload);
    writer_u8(&w, VOTE_FORMAT);
    writer_u64(&w, v->term);
    writer_u64(&w, v->node);
    return slot_write(s, writer_bytes(&w));
}
