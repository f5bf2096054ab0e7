/* sim/client.h -- logical clients: they ask any node, note what they were told, and ask again.
 *
 * Shape:      a client has one open operation; it thinks, picks a node, asks, waits. Every value is
 *             written once: a serial number, and filling that follows from it. With a request id a
 *             client repeats what it does not know the end of, elsewhere.
 * Invariants: every call is answered in its time, or its node died: a client whose patience ends is
 *             a finding
 * Owns:       calls and their bytes
 * Thread:     one
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "base/prng.h"
#include "node/service.h"
#include "sim/history.h"
#include "sim/value.h"

enum {
    SIM_CLIENTS_MAX = 12,
    SIM_KEYS_MAX = 12,
    SIM_PAIRS_MAX = 3, /* keys of one multi-key write */
    SIM_VALUE_BYTES_MAX = KV_VALUE_BYTES_MAX
};

struct sim_world;
struct sim_event;
struct sim_host;

enum sim_client_state {
    SIM_CLIENT_THINKS,
    SIM_CLIENT_WAITS,
    SIM_CLIENT_RESTS /* until it is asked to go on */
};

/* What a client wants; the same in every attempt. */
struct sim_operation {
    bool writes;
    bool serializable;
    uint32_t attempts_max;
    uint32_t key[SIM_PAIRS_MAX];
    uint32_t pair_count;
    uint64_t serial; /* of the value */
    uint32_t value_bytes;
    uint64_t request; /* sequence of an exactly-once write; 0: none */
};

struct sim_client {
    struct service_call call;
    struct sim_world *world;
    uint32_t index;
    enum sim_client_state state;
    struct sim_event *due; /* what it waits for; NULL: nothing */
    struct sim_operation op;
    bool doubtful; /* an attempt of this operation may have taken effect */
    uint32_t attempts;
    struct sim_host *asked;
    uint64_t process; /* of the host that was asked */
    uint64_t patience_ns;
};

/* What the run asks of its clients. */
struct sim_load {
    uint32_t clients;
    uint32_t keys;
    uint32_t pairs_max;
    uint64_t think_ns; /* mean */
    uint64_t deadline_ns_min;
    uint64_t deadline_ns_max;
    uint32_t writes_percent;
    uint32_t serializable_percent;
    uint32_t once_percent; /* writes with a request id */
    uint32_t large_one_in; /* values of many kilobytes; 0: none */
    uint32_t large_bytes_min;
    bool huge;   /* the largest values that the product takes are among them */
    bool sticky; /* a client stays with its node while that answers */
};

struct sim_clients {
    struct sim_world *world;
    struct prng prng;
    struct sim_load load;
    struct sim_client client[SIM_CLIENTS_MAX];
    struct history history;
    uint64_t serial;
    uint32_t written_key; /* of the newest write that was answered */
    uint64_t survivors;   /* bits of the hosts that are asked: all, until the end game draws some */
    bool resting;
    uint64_t writes_ok, writes_failed, writes_unknown, reads_ok, reads_failed;
    uint8_t filling[SIM_VALUE_BYTES_MAX];
};

/* sim_clients_init, sim_clients_done -- all clients rest; the seed draws what load they will be.
 * Their history is in the world's memory. */
void sim_clients_init(struct sim_clients *c, struct sim_world *w, uint64_t seed);
void sim_clients_done(struct sim_clients *c);

/* sim_clients_start -- they begin to think. */
void sim_clients_start(struct sim_clients *c);

/* sim_clients_rest -- no new operations; those under way end. */
void sim_clients_rest(struct sim_clients *c);

/* sim_clients_busy -- clients that wait for an answer. */
uint32_t sim_clients_busy(const struct sim_clients *c);

/* sim_clients_lost -- the process of a host has ended: nobody will answer its calls. */
void sim_clients_lost(struct sim_clients *c, struct sim_host *h);

/* sim_clients_rush -- some of those that think ask this host, all at once.
 * sim_clients_doubt -- some of them read there what was last answered to have been written. */
void sim_clients_rush(struct sim_clients *all, struct sim_host *h);
void sim_clients_doubt(struct sim_clients *all, struct sim_host *h);

/* sim_clients_ask -- one operation now, by a client that rests, of a host: a read of a key, or a
 * write. For end games and scenarios; false: the client is at work, or the host is not up. */
bool sim_clients_ask(struct sim_clients *c, uint32_t client, uint32_t host, bool write,
                     uint32_t key);

#endif
