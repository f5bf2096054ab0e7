/* store/vote.c -- the record's bytes. */
#include "store/vote.h"

#include "base/mark.h"

enum {
    VOTE_FORMAT = 2,
    VOTE_BYTES = 49
};
#define VOTE_MAGIC 0x45544f56u /* "VOTE" */
static const char vote_name[] = "vote";

static enum err vote_decode(struct bytes payload, struct vote_file *f, struct diag *diag)
{
    struct reader r = reader_of(payload);
    uint8_t format = reader_u8(&r);
    uint64_t theirs = reader_u64(&r);
    f->vote.term = reader_u64(&r);
    f->vote.node = reader_u64(&r);
    f->segment = reader_u64(&r);
    f->segment_bytes = reader_u64(&r);
    f->batch_durable = reader_u64(&r);
    if (r.bad || format != VOTE_FORMAT) {
        return diag_set(diag, ERR_NEWER_FORMAT, "vote: format %u is not known here", format);
    }
    if (theirs != f->salt) {
        MARK("store: a vote of another directory");
        return diag_set(diag, ERR_WRONG_NODE,
                        "vote: it belongs to another data directory; nothing was changed");
    }
    return ERR_OK;
}

static enum err vote_encode(struct vote_file *f)
{
    uint8_t payload[VOTE_BYTES];
    struct writer w = writer_of(payload, sizeof payload);
    writer_u8(&w, VOTE_FORMAT);
    writer_u64(&w, f->salt);
    writer_u64(&w, f->vote.term);
    writer_u64(&w, f->vote.node);
    writer_u64(&w, f->segment);
    writer_u64(&w, f->segment_bytes);
    writer_u64(&w, f->batch_durable);
    return slot_write(&f->slot, writer_bytes(&w));
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

enum err vote_open(struct os_dir *dir, uint64_t salt, bool fresh, struct vote_file *out,
                   struct diag *diag)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct vote_file f = { .salt = salt };
    enum err e = slot_open(dir, vote_name, VOTE_MAGIC, fresh, &f.slot, payload, &count);
    const char *what = e == ERR_NO_FILE ? "the file is missing" : err_text(e);
    if (e == ERR_NO_FILE || (e == ERR_OK && count == 0 && !fresh)) {
        MARK("store: a vote is forgotten");
        what = e == ERR_OK ? "no record is in the file" : what;
        e = ERR_CORRUPT;
    } else if (e == ERR_OK && count == 0) {
        e = vote_encode(&f); /* from now on an empty file is a damaged one */
        what = err_text(e);
    }
    if (e != ERR_OK) {
        vote_close(&f);
        return diag_set(diag, e,
                        "vote: %s; a node that forgot its vote must not start. A log that another "
                        "data directory left, at --log-path, has to be put aside with it",
                        what);
    }
    if (count > 0) {
        e = vote_decode(bytes_of(payload, count), &f, diag);
        if (e != ERR_OK) {
            vote_close(&f);
            return e;
        }
    }
    *out = f;
    return ERR_OK;
}

enum err vote_write(struct vote_file *f, const struct vote *v)
{
    f->vote = *v;
    return vote_encode(f);
}

enum err vote_begun(struct vote_file *f, uint64_t segment, uint64_t bytes, uint64_t batch_durable)
{
    f->segment = segment;
    f->segment_bytes = bytes;
    f->batch_durable = batch_durable;
    return vote_encode(f);
}

void vote_close(struct vote_file *f)
{
    slot_close(&f->slot);
}
