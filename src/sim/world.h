/* sim/world.h -- a cluster in one thread under one seed: one clock, one queue of what comes next.
 *
 * Shape:      nodes on machines of their own (host.h), a network between them (net.h), clients
 *             (client.h), things that go wrong (fault.h), what is seen of the nodes (look.h), and
 *             judges of all of it (judge.h). The world holds them, moves the clock from event to
 *             event, and keeps the story.
 * Invariants: the same options give the same story; each part draws its chances from a generator of
 *             its own, so that switching one part off leaves the others nearly as they were
 * Order:      sim_world_open, sim_world_run, sim_world_close
 * Owns:       everything, counted in one account
 * Thread:     one
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/heap.h"
#include "base/list.h"
#include "base/prng.h"
#include "sim/admin.h"
#include "sim/begin.h"
#include "sim/client.h"
#include "sim/fault.h"
#include "sim/flood.h"
#include "sim/foreign.h"
#include "sim/host.h"
#include "sim/judge.h"
#include "sim/look.h"
#include "sim/net.h"
#include "sim/story.h"
#include "sim/wire.h"

enum {
    SIM_QUEUE_MAX = 65536,
    SIM_INSTANT_EVENTS_MAX = 100000, /* without the clock moving: ten times what a flood causes */
    SIM_FAILURE_BYTES = 512
};
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

struct sim_world;
struct sim_event;

typedef void (*sim_event_fn)(struct sim_world *w, struct sim_event *e);

/* One thing that will happen. */
struct sim_event {
    struct heap_item item; /* key: world time, ns */
    struct list free;
    sim_event_fn fn;
    uint32_t a;
    uint32_t b;
    uint64_t n;
    void *ptr;
};

struct sim_options {
    uint64_t seed;
    uint32_t nodes;      /* 0: drawn, 1..SIM_NODES_MAX */
    uint64_t virtual_ns; /* how long things go wrong; what follows is the end game */
    uint64_t events_max; /* stop after so many events of the story; 0: no bound */
    uint64_t faults_off; /* bits of enum sim_fault_class that this run does without */
    bool faults_all;     /* no class is switched off by the draw */
    bool quic;           /* real QUIC over simulated UDP */
    /* told of a world's seed and clock, NULL at its end: for what libraries draw; or NULL */
    void (*chance)(uint64_t seed, const uint64_t *now_ns);
    FILE *trace;    /* NULL: no lines */
    FILE *node_log; /* the nodes' own log lines; NULL: none */
};

struct sim_world {
    struct sim_options options;
    struct mem mem;
    uint64_t now_ns;
    uint32_t instant_events; /* that happened now */
    struct heap queue;
    struct list free_events;
    uint32_t event_blocks;
    void *event_block[SIM_QUEUE_MAX / 256];
    struct prng prng; /* of set-up and machines */
    uint64_t election_ns_min;
    uint64_t election_ns_max;
    uint64_t heartbeat_ns;
    uint32_t node_count;
    uint32_t drift_ppm; /* leaders read by lease, and clocks differ by no more; 0: no leases */
    uint64_t founders;  /* nodes (bits) that are the first members; node 1 is one */
    struct node_key key[SIM_NODES_MAX];
    struct sim_host host[SIM_NODES_MAX];
    struct sim_net net;
    struct sim_wire wire; /* with --quic */
    struct sim_clients clients;
    struct sim_flood flood;
    struct sim_admin admin;
    struct sim_faults faults;
    struct sim_look look;
    struct sim_judge judge;
    struct sim_begin begin;
    struct sim_foreign foreign;
    struct sim_story story;
    bool failed;
    char failure[SIM_FAILURE_BYTES]; /* the first one */
};

/* sim_world_open -- draw the world of a seed; nothing runs yet. NULL: no memory. */
struct sim_world *sim_world_open(const struct sim_options *options);

/* sim_world_run -- let things go wrong for the time asked, then heal and judge; false: a finding,
 * in failure. */
bool sim_world_run(struct sim_world *w);

/* sim_world_index -- of the machine that has this key; node_count: it is nobody's here. */
uint32_t sim_world_index(const struct sim_world *w, const struct node_key *key);

/* sim_world_close -- end every process that is left, and give everything back. */
void sim_world_close(struct sim_world *w);

/* sim_world_until -- run until the clock says at_ns, or the world is over. */
void sim_world_until(struct sim_world *w, uint64_t at_ns);

/* sim_world_over -- a failure, or the bound of events: the clock stands from here on. Whoever waits
 * for a time or a state asks for it too. */
bool sim_world_over(const struct sim_world *w);

/* sim_world_at -- have fn called at a time, with the numbers in the event; the event belongs to the
 * world and is free again when fn returns. */
struct sim_event *sim_world_at(struct sim_world *w, uint64_t at_ns, sim_event_fn fn);

/* sim_world_drop -- an event that will not happen after all. */
void sim_world_drop(struct sim_world *w, struct sim_event *e);

/* sim_world_fail -- a finding; only the first one is kept. */
__attribute__((format(printf, 2, 3))) void sim_world_fail(struct sim_world *w, const char *format,
                                                          ...);

/* sim_world_tell -- an event of the story, with the state of the node (id, 0: none) if there is
 * one. */
void sim_world_tell(struct sim_world *w, uint64_t node, const char *what, uint64_t a, uint64_t b);

/* sim_chance -- true once in one_in times; 0: never. */
bool sim_chance(struct prng *p, uint64_t one_in);

/* sim_between -- uniform in least..most. */
uint64_t sim_between(struct prng *p, uint64_t least, uint64_t most);

/* sim_wait -- a waiting time with this mean: mostly shorter, now and then several times as long,
 * without floating point. */
uint64_t sim_wait(struct prng *p, uint64_t mean_ns);

#endif
