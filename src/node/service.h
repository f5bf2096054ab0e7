/* node/service.h -- what the API may ask of a node; the only header of node that api includes.
 *
 * Shape:      a table of functions per backend (raft, deterministic); every operation takes a call
 *             that the asker owns and that is answered exactly once
 * Order:      the answer comes later, from the loop, never from inside the asking function
 * Owns:       the call and the request's bytes belong to the asker until the answer; what an answer
 *             points to is valid until the callback returns
 * Thread:     the loop's
 */
#ifndef NODE_SERVICE_H
#define NODE_SERVICE_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"
#include "os/io.h"

enum service_consistency {
    SERVICE_LINEARIZABLE,
    SERVICE_SERIALIZABLE
};

struct service_pair {
    struct bytes key;
    struct bytes value;
};

/* One member as `init` and `add-learner` name it; texts are borrowed. */
struct service_member {
    uint64_t id;
    struct bytes addr;      /* where its HTTP or host address is, informative */
    struct bytes raft_addr; /* count 0: null */
};

/* A key's record as a read answers it. */
struct service_record {
    struct bytes value;
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    int64_t lease;
};

enum {
    SERVICE_MEMBERS_MAX = RAFT_VOTERS_MAX + RAFT_LEARNERS_MAX
};

struct service_members {
    uint64_t index; /* of the configuration that names them; 0: none */
    uint32_t count;
    struct {
        uint64_t id;
        bool voter;
        char addr[NODE_ADDR_BYTES_MAX];
        char raft_addr[NODE_ADDR_BYTES_MAX]; /* empty: null */
    } member[SERVICE_MEMBERS_MAX];
};

struct service_call;

/* What came of a call. Which fields are set depends on what was asked. */
struct service_reply {
    enum err code;
    const char *detail; /* more than err_text, or NULL */
    int64_t revision;   /* write: its revision; read: the store's */
    uint64_t term;
    uint64_t node;                /* id of the node that answered (the leader for a write) */
    uint64_t leader_hint;         /* 0: unknown */
    struct service_record record; /* read */
    const struct service_members *members; /* init and every change of the cluster */
    uint64_t snapshot_term;                /* trigger-snapshot; 0: none */
    uint64_t snapshot_index;
};

typedef void (*service_done_fn)(struct service_call *call, const struct service_reply *reply);

/* Embedded in the asker's request object. */
#define SERVICE_EXPECT_NONE UINT64_MAX /* an index that no configuration has */

struct service_call {
    struct list link; /* the service's while it works on it */
    service_done_fn done;
    /* request id of a write that is done once however often it is asked for; 0: none. The HTTP
     * routes set none yet: over HTTP a write that is sent again may be done again. */
    uint64_t client;
    uint64_t sequence;
    /* change-membership, add-learner, remove: only if this is still the index of the configuration;
     * 0: any */
    uint64_t expect;
    /* change-membership: learners that are to be the voters again that they were stay so, though
     * they are not named */
    bool keep_rejoining;
    uint64_t ticket;      /* the service's */
    uint64_t deadline_ns; /* absolute; 0: the default */
};

enum service_role {
    SERVICE_LEARNER,
    SERVICE_FOLLOWER,
    SERVICE_CANDIDATE,
    SERVICE_LEADER,
    SERVICE_SHUTDOWN,
};

/* Replication state of one peer, as the leader sees it. */
struct service_peer_status {
    uint64_t id;
    uint64_t match_term;
    uint64_t match_index;
    int64_t contact_ms; /* since it last answered; -1: never in this term */
};

/* A picture of the node now; cheap, no round trip. */
struct service_status {
    uint64_t node_id;
    enum service_role role;
    bool initialized;
    uint64_t leader; /* 0: unknown */
    uint64_t term;
    uint64_t vote; /* 0: none */
    uint64_t last_index, last_term;
    uint64_t committed_index, committed_term;
    uint64_t applied_index, applied_term;
    uint64_t snapshot_index, snapshot_term; /* 0: none */
    uint64_t purged_index, purged_term;     /* 0: none */
    int64_t quorum_ack_ms;                  /* since the quorum answered; -1: not leader */
    uint32_t peer_count;                    /* leader only */
    struct service_peer_status peer[SERVICE_MEMBERS_MAX];
    uint32_t voter_count, learner_count;
    uint64_t voter[SERVICE_MEMBERS_MAX];
    uint64_t learner[SERVICE_MEMBERS_MAX];
    uint32_t wiped_count; /* voters that lost their disk: not counted */
    uint64_t wiped[SERVICE_MEMBERS_MAX];
    bool wiped_majority;      /* without them nothing can be decided */
    uint32_t rejoining_count; /* learners that are to be the voters again that they were */
    uint64_t rejoining[SERVICE_MEMBERS_MAX];
    bool auto_rejoin;        /* while this node leads */
    uint64_t incarnation;    /* of this node's data; 0: not told apart */
    uint64_t conf_index;     /* of the configuration in force */
    bool conf_joint;         /* a change of voters is under way */
    uint32_t outgoing_count; /* voters of the half that is left, while joint */
    uint64_t outgoing[RAFT_VOTERS_MAX];
    uint64_t transfer_to; /* leader: to whom it gives its office; 0: nobody */
    int64_t revision;
    uint64_t state_hash; /* of the data, equal on all nodes at equal applied index */
    uint16_t node_port;  /* as configured, for /health; nothing listens there yet */
    const char *backend; /* "raft" or "deterministic" */
    struct node_key key;
    struct cluster_id cluster;                  /* zeros: not begun, or that is not decided */
    uint32_t log_terms;                         /* in the log, which keeps RAFT_TERM_RUNS_MAX */
    uint64_t disk_total_bytes, disk_free_bytes; /* of the fullest file system it writes to */
    bool disk_full;
    bool storage_failed;
};

struct service;

struct service_table {
    /* KeyValueStore */
    enum err (*write)(struct service *s, const struct service_pair *pairs, uint32_t count,
                      struct service_call *call);
    enum err (*read)(struct service *s, struct bytes key, enum service_consistency how,
                     struct service_call *call);
    /* ClusterController */
    enum err (*init)(struct service *s, const struct service_member *members, uint32_t count,
                     struct service_call *call);
    enum err (*add_learner)(struct service *s, const struct service_member *member,
                            struct service_call *call);
    enum err (*change_membership)(struct service *s, const uint64_t *ids, uint32_t count,
                                  struct service_call *call);
    enum err (*remove_member)(struct service *s, uint64_t id, struct service_call *call);
    /* to another voter; 0: whoever is best. Answered when somebody leads the next term */
    enum err (*transfer)(struct service *s, uint64_t to, struct service_call *call);
    enum err (*trigger_snapshot)(struct service *s, struct service_call *call);
    enum err (*add_peer)(struct service *s, uint64_t id, const struct node_key *key,
                         const struct os_addr *addrs, uint32_t count);
    void (*status)(struct service *s, struct service_status *out);
    uint32_t (*addrs)(struct service *s, struct os_addr *out, uint32_t max);
    /* metrics: appends Prometheus text of what status does not hold; see node/metrics.h */
    void (*metrics)(struct service *s, struct writer *out);
    void (*transport_metrics)(struct service *s, struct writer *out);
    uint32_t (*members)(struct service *s, struct service_members *out);
    /* forget a call: its asker is gone; done is not called any more */
    void (*forget)(struct service *s, struct service_call *call);
};

/* First member of every backend. An operation that returns an error was not begun and its call is
 * not answered; ERR_OK means that done comes later, exactly once, unless forgotten. */
struct service {
    const struct service_table *table;
};

#endif
