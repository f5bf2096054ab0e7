/* node/origin.c -- ids of clusters, and when two of them exclude each other. */
#include "node/origin.h"

#include "base/blake3.h"
#include "raft/raft_codec.h"

enum {
    ORIGIN_DECIDED = 1,
    ORIGIN_VOTERS_BYTES = 6,              /* in front: of the hash of who decides, in which life */
    ORIGIN_TERM_AT = CLUSTER_ID_BYTES - 1 /* ranks are small: one byte has room for the term */
};

struct cluster_id origin_begun(struct bytes entry, uint64_t term)
{
    struct cluster_id id;
    uint8_t hash[BLAKE3_OUT];
    blake3_hash(entry.data, entry.count, hash);
    memcpy(id.b, hash, CLUSTER_ID_BYTES);
    struct raft_conf c;
    if (raft_conf_decode(entry, &c, NULL) == ERR_OK) {
        uint8_t room[RAFT_CONF_BYTES_MAX];
        struct writer w = writer_of(room, sizeof room);
        raft_conf_encode(&c, &w);
        blake3_hash(room, w.offset, hash);
        memcpy(id.b, hash, ORIGIN_VOTERS_BYTES);
    }
    id.b[ORIGIN_TERM_AT] = term < UINT8_MAX ? (uint8_t)term : UINT8_MAX;
    return id;
}

bool origin_known(const struct origin *o)
{
    static const struct cluster_id none;
    return memcmp(&o->cluster, &none, sizeof none) != 0;
}

uint64_t origin_term(const struct origin *o)
{
    return o->cluster.b[ORIGIN_TERM_AT];
}

bool origin_differs(const struct origin *a, const struct origin *b)
{
    return origin_known(a) && origin_known(b) &&
           memcmp(&a->cluster, &b->cluster, sizeof a->cluster) != 0;
}

bool origin_foreign(const struct origin *a, const struct origin *b)
{
    return origin_differs(a, b) && ((a->decided && b->decided) || origin_term(a) == origin_term(b));
}

bool origin_rivals(const struct origin *a, const struct origin *b)
{
    return origin_differs(a, b) && memcmp(a->cluster.b, b->cluster.b, ORIGIN_VOTERS_BYTES) != 0;
}

void origin_encode(const struct origin *o, struct writer *w)
{
    writer_u8(w, o->decided ? ORIGIN_DECIDED : 0);
    writer_put(w, bytes_of(o->cluster.b, CLUSTER_ID_BYTES));
}

enum err origin_decode(struct reader *r, struct origin *out)
{
    struct origin o;
    uint8_t flags = reader_u8(r);
    reader_copy(r, o.cluster.b, CLUSTER_ID_BYTES);
    o.decided = flags == ORIGIN_DECIDED;
    if (r->bad || flags > ORIGIN_DECIDED || (o.decided && !origin_known(&o))) {
        return ERR_MALFORMED;
    }
    *out = o;
    return ERR_OK;
}
