/* store/vote.c -- payload: format u8 | term u64 | node u64. */
#include "store/vote.h"

enum {
    VOTE_FORMAT = 1,
    VOTE_BYTES = 17
};
#define VOTE_MAGIC 0x45544f56u /* "VOTE" */

enum err vote_open(struct os_dir *dir, struct slot_file *out, struct vote *out_vote,
                   struct diag *diag)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct slot_file s;
    enum err e = slot_open(dir, "vote", VOTE_MAGIC, &s, payload, &count);
    if (e != ERR_OK) {
        return diag_set(diag, e, "vote: %s; a node that forgot its vote must not start",
                        err_text(e));
    }
    struct vote v = { 0 };
    if (count > 0) {
        struct reader r = reader_of(bytes_of(payload, count));
        uint8_t format = reader_u8(&r);
        v.term = reader_u64(&r);
        v.node = reader_u64(&r);
        if (r.bad || format != VOTE_FORMAT) {
            slot_close(&s);
            return diag_set(diag, ERR_NEWER_FORMAT, "vote: format %u is not known here", format);
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
