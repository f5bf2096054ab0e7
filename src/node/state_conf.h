/* node/state_conf.h -- the configuration that moves with the state machine, as bytes: which
 * cluster, which entry, and what that entry says, with the endpoints of its members.
 *
 * Shape:  cluster 16 | index u64 | entry
 * Owns:   nothing; entry points into the bytes
 * Thread: any, pure
 */
#ifndef NODE_STATE_CONF_H
#define NODE_STATE_CONF_H

#include "base/bytes.h"
#include "base/ids.h"

struct state_conf {
    struct cluster_id cluster;
    uint64_t index;
    struct bytes entry; /* as a configuration's entry in the log */
};

enum {
    STATE_CONF_HEAD_BYTES = CLUSTER_ID_BYTES + 8
};

/* state_conf_head -- everything but the entry, which follows. */
static inline void state_conf_head(const struct cluster_id *cluster, uint64_t index,
                                   struct writer *w)
{
    writer_put(w, bytes_of(cluster->b, CLUSTER_ID_BYTES));
    writer_u64(w, index);
}

/* state_conf_decode -- err ERR_MALFORMED. */
MUST_CHECK
static inline enum err state_conf_decode(struct bytes b, struct state_conf *out)
{
    if (b.count <= STATE_CONF_HEAD_BYTES) {
        return ERR_MALFORMED;
    }
    struct reader r = reader_of(bytes_of(b.data + CLUSTER_ID_BYTES, 8));
    memcpy(out->cluster.b, b.data, CLUSTER_ID_BYTES);
    out->index = reader_u64(&r);
    out->entry = bytes_of(b.data + STATE_CONF_HEAD_BYTES, b.count - STATE_CONF_HEAD_BYTES);
    return out->index > 0 ? ERR_OK : ERR_MALFORMED;
}

#endif
