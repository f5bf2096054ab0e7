/* tests/unit/sim/trio.h -- a world of three voters that are well, and cases in which their judges
 * are shown what a node never did, or did.
 *
 * Shape:      a case has the words of its finding and a function, which plays in a fresh world: it
 *             changes what a node says of itself (s, s_f), what was seen or promised before, and
 *             asks a judge
 * Invariants: one lie a case; a case without words is the truth beside some lie
 */
#ifndef TESTS_UNIT_SIM_TRIO_H
#define TESTS_UNIT_SIM_TRIO_H

#include "finding.h"

#include "node/frame.h"
#include "raft/raft_codec.h"

static struct sim_world *w;
static struct sim_host *h;    /* leads */
static struct sim_host *f;    /* follows it */
static struct sim_seen *seen; /* of h, and of f */
static struct sim_seen *seen_f;
static struct sim_promise *said;
static struct raft_status s; /* of h, and of f */
static struct raft_status s_f;

static void status_of(const struct sim_host *host, struct raft_status *out)
{
    struct node_look look;
    node_look(host->node, &look);
    raft_status(look.core, out);
}

static void open_world(void)
{
    w = finding_world(3);
    h = finding_leader(w);
    f = &w->host[h->id % 3];
    seen = &w->look.seen[h->index];
    seen_f = &w->look.seen[f->index];
    said = &w->judge.promise[f->index];
    status_of(h, &s);
    status_of(f, &s_f);
    CHECK(s.conf.index < s.commit && said->holds > 1 && seen_f->commit > 1);
}

/* A message as it goes from node to node, but for the first byte of another kind; until the next
 * one. */
__attribute__((unused)) static struct bytes trio_frame(enum frame_kind kind,
                                                       const struct raft_msg *m)
{
    static uint8_t frame[FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX];
    const struct origin none = { 0 };
    struct writer out = writer_of(frame, sizeof frame);
    writer_u8(&out, (uint8_t)kind);
    origin_encode(&none, &out);
    raft_msg_encode(m, &out);
    CHECK(!out.bad);
    return writer_bytes(&out);
}

struct trio_case {
    const char *words; /* of the finding; NULL: there is none */
    void (*play)(void);
};

static void trio_play(const struct trio_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        open_world();
        cases[i].play();
        if (!finding_is(w, cases[i].words)) {
            printf("# case %zu\n", i + 1);
            CHECK(false);
        }
        sim_world_close(w);
    }
}

#endif
