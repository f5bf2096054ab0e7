/* tests/unit/raft/alone.h -- one core alone, node 1, for tests that play its peers, disk and clock.
 *
 * Shape:      a test boots t.core in its own way, steps it, and looks at the effects in t.out and
 *             at t.status
 * Owns:       the core; whoever boots the next one frees it
 * Thread:     one
 */
#ifndef RAFT_ALONE_H
#define RAFT_ALONE_H

#include "tap.h"

#include "raft/raft.h"
#include "raft/raft_codec.h"

#define ALONE_UNUSED __attribute__((unused))

enum {
    ELECTION = 1000,
    HEARTBEAT = 100
};

static struct {
    struct raft *core;
    struct raft_out out;
    struct raft_status status;
    uint64_t now;
    uint64_t last_ticket; /* newest WRITE seen */
    uint64_t seed;
    struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
} t;

/* Its driver draws a new seed for every boot. */
ALONE_UNUSED static struct raft_config config(void)
{
    struct raft_config c = { .id = 1 };
    c.election_ns_min = ELECTION;
    c.election_ns_max = 2 * ELECTION;
    c.heartbeat_ns = HEARTBEAT;
    c.seed = ++t.seed;
    return c;
}

/* So many voters, 1 on, by entry 1. */
ALONE_UNUSED static struct raft_conf conf_of(uint8_t voters)
{
    struct raft_conf c = { .index = 1, .voter_count = voters };
    for (uint8_t i = 0; i < voters; i++) {
        c.voter[i] = i + 1u;
    }
    return c;
}

/* On such a disk, at time 1. */
ALONE_UNUSED static void boot_on(const struct raft_config *c, struct raft_boot *b)
{
    b->now_ns = 1;
    free(t.core);
    t.core = NULL;
    t.now = 1;
    t.last_ticket = 0;
    void *mem = calloc(1, raft_size());
    CHECK(raft_init(mem, c, b, &t.core) == ERR_OK);
}

ALONE_UNUSED static void step(struct raft_event ev)
{
    ev.now_ns = t.now;
    raft_step(t.core, &ev, &t.out);
    for (uint32_t i = 0; i < t.out.count; i++) {
        if (t.out.effect[i].type == RAFT_DO_WRITE) {
            t.last_ticket = t.out.effect[i].ticket;
        }
    }
    raft_status(t.core, &t.status);
}

ALONE_UNUSED static void message(struct raft_msg m)
{
    m.to = 1;
    step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
}

/* An append of entries with these terms, one byte each. */
ALONE_UNUSED static void append(uint64_t from, uint64_t term, uint64_t prev, uint64_t prev_term,
                                const uint64_t *terms, uint32_t count)
{
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = from, .term = term, .epoch = 1 };
    m.index = prev;
    m.log_term = prev_term;
    m.count = count;
    m.entries = t.entries;
    for (uint32_t i = 0; i < count; i++) {
        t.entries[i] = (struct raft_entry){ terms[i], 1, RAFT_ENTRY_COMMAND, (const uint8_t *)"" };
    }
    message(m);
}

ALONE_UNUSED static void persisted(uint64_t ticket, uint64_t index, uint64_t term)
{
    step((struct raft_event){
        .type = RAFT_EV_PERSISTED, .ticket = ticket, .index = index, .term = term });
}

/* The nth effect of a type, from 0; for SEND of a message type, 0: any. NULL: none. */
ALONE_UNUSED static const struct raft_effect *find(enum raft_effect_type type, int msg_type,
                                                   uint32_t nth)
{
    for (uint32_t i = 0; i < t.out.count; i++) {
        const struct raft_effect *e = &t.out.effect[i];
        bool fits = e->type == type && (msg_type == 0 || (int)e->msg.type == msg_type);
        if (fits && nth-- == 0) {
            return e;
        }
    }
    return NULL;
}

/* Elected by just enough of the voters; its own entry is not written yet. */
ALONE_UNUSED static void lead(uint8_t voters)
{
    uint64_t round = 0;
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    for (int type = RAFT_MSG_PREVOTE; type <= RAFT_MSG_VOTE; type += 2) {
        const struct raft_effect *ask = find(RAFT_DO_SEND, type, 0);
        CHECK(ask != NULL);
        struct raft_msg ballot = { .type = (enum raft_msg_type)(type + 1),
                                   .term = ask->msg.term,
                                   .id = ask->msg.id };
        round = ask->msg.id;
        for (ballot.from = 2; ballot.from <= voters / 2u + 1; ballot.from++) {
            message(ballot);
        }
        if (type == RAFT_MSG_VOTE) {
            persisted(t.last_ticket, 0, 0);
        }
    }
    CHECK(round != 0 && t.status.role == RAFT_LEADER);
}

ALONE_UNUSED static void append_reply(uint64_t from, uint64_t index, bool reject, uint64_t hint)
{
    struct raft_msg m = { .type = RAFT_MSG_APPEND_REPLY, .from = from, .epoch = 1 };
    m.term = t.status.term;
    m.index = index;
    m.reject = reject;
    m.hint = hint;
    message(m);
}

ALONE_UNUSED static void heartbeat_reply(uint64_t from)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT_REPLY, .from = from, .epoch = 1 };
    m.term = t.status.term;
    message(m);
}

#endif
