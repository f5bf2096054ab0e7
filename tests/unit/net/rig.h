/* tests/unit/net/rig.h -- several links in one process, and what each of their owners saw.
 *
 * Shape:  struct rig is a loop or a hub; struct side is one link with a record of its callbacks
 * Method: RIG_UNTIL turns the loop until a condition holds, and fails when it does not in
 * RIG_MS_MAX
 */
#ifndef TESTS_NET_RIG_H
#define TESTS_NET_RIG_H

#include "base/prng.h"
#include "net/identity.h"
#include "net/mem_link.h"
#include "net/quic_link.h"
#include "os/linux/linux.h"

#include "tap.h"

enum {
    RIG_SIDES_MAX = 8,
    RIG_EVENTS_MAX = 64,
    RIG_MS_MAX = 8000,
    RIG_STEPS_MAX = 200000
};

/* What an owner does when a frame arrives. */
enum answer {
    ANSWER_NOTHING,
    ANSWER_ECHO,
    ANSWER_FORGET,
    ANSWER_CLOSE,
};

/* What an owner saw, in order: 'u' up, 'd' down, a digit for a frame of that class. */
struct side {
    struct rig *rig;
    struct link *link;
    struct mem mem;
    struct node_key key;
    uint8_t seed;
    char events[RIG_EVENTS_MAX + 1];
    uint32_t event_count;
    uint32_t ups;
    uint32_t downs;
    uint64_t epoch; /* of the newest connection */
    uint64_t frames[LINK_CLASS_COUNT];
    uint64_t bytes[LINK_CLASS_COUNT];
    uint32_t wrong; /* callbacks that break the contract */
    struct node_key from;
    uint8_t last[64]; /* beginning of the newest frame */
    size_t last_count;
    uint64_t sum; /* of all bytes of all frames */
    enum answer answer;
    uint64_t next[LINK_CLASS_COUNT]; /* number that the next numbered frame must carry */
    uint64_t out_of_order;
    uint64_t notices[QUIC_LINK_REFUSAL_COUNT];
    struct quic_link_notice notice[QUIC_LINK_REFUSAL_COUNT]; /* the newest of each kind */
};

struct rig {
    struct mem mem;
    struct os_linux *loop; /* NULL: links in memory */
    struct os *os;
    struct mem_hub *hub;
    struct prng prng;
    uint32_t count;
    struct side sides[RIG_SIDES_MAX];
};

static void side_event(struct side *s, char what)
{
    if (s->event_count < RIG_EVENTS_MAX) {
        s->events[s->event_count++] = what;
    }
}

static void side_up(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct side *s = arg;
    side_event(s, 'u');
    s->wrong += epoch <= s->epoch ? 1 : 0;
    s->epoch = epoch;
    s->from = *peer;
    s->ups++;
}

static void side_down(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct side *s = arg;
    (void)peer;
    side_event(s, 'd');
    s->wrong += epoch > s->epoch ? 1 : 0;
    s->downs++;
}

static void side_frame(void *arg, const struct node_key *peer, uint64_t epoch,
                       enum link_class class, struct bytes frame)
{
    struct side *s = arg;
    side_event(s, (char)('0' + (int)class));
    s->wrong += s->ups == 0 || epoch > s->epoch ? 1 : 0;
    s->frames[class]++;
    s->bytes[class] += frame.count;
    s->last_count = frame.count;
    memcpy(s->last, frame.data, frame.count < sizeof s->last ? frame.count : sizeof s->last);
    for (size_t i = 0; i < frame.count; i++) {
        s->sum = s->sum * 31 + frame.data[i];
    }
    if (frame.count >= 8) {
        struct reader r = reader_of(frame);
        s->out_of_order += reader_u64(&r) == s->next[class]++ ? 0 : 1;
    }
    if (s->answer == ANSWER_ECHO) {
        IGNORE(link_send(s->link, peer, class, frame, bytes_of(NULL, 0)));
    } else if (s->answer == ANSWER_FORGET) {
        link_peer_forget(s->link, peer);
    } else if (s->answer == ANSWER_CLOSE && s->link != NULL) {
        link_close(s->link);
        s->link = NULL;
    }
}

static void side_notice(void *arg, const struct quic_link_notice *notice)
{
    struct side *s = arg;
    s->notices[notice->what]++;
    s->notice[notice->what] = *notice;
}

static const struct link_handler side_handler = { side_up, side_down, side_frame };

__attribute__((unused)) static void rig_open_memory(struct rig *r)
{
    memset(r, 0, sizeof *r);
    prng_seed(&r->prng, 1);
    mem_init(&r->mem, "hub", 256u << 20);
    CHECK(mem_hub_open(&r->mem, &r->hub) == ERR_OK);
}

static void rig_open(struct rig *r)
{
    struct diag diag;
    memset(r, 0, sizeof *r);
    mem_init(&r->mem, "loop", OS_LINUX_MEM_BYTES);
    CHECK(os_linux_open(&r->mem, &r->loop, &diag) == ERR_OK);
    r->os = os_linux_os(r->loop);
}

static struct os_addr loopback(uint16_t port)
{
    struct os_addr a = { .family = 4, .ip = { 127, 0, 0, 1 }, .port = port };
    return a;
}

static struct quic_link_options side_options(struct side *s)
{
    struct quic_link_options o = { .cookie = bytes_text("a cookie"),
                                   .bind = { loopback(0) },
                                   .bind_count = 1,
                                   .notice = side_notice,
                                   .notice_arg = s };
    memset(o.seed, s->seed, sizeof o.seed);
    return o;
}

/* A side that is not open yet. */
__attribute__((unused)) static struct side *side_new(struct rig *r, uint8_t seed)
{
    struct side *s = &r->sides[r->count++];
    struct identity id;
    uint8_t bytes[IDENTITY_SEED_BYTES];
    CHECK(r->count <= RIG_SIDES_MAX);
    memset(s, 0, sizeof *s);
    s->rig = r;
    s->seed = seed;
    memset(bytes, seed, sizeof bytes);
    identity_from_seed(bytes, &id);
    s->key = id.key;
    mem_init(&s->mem, "link", QUIC_LINK_MEM_BYTES);
    return s;
}

__attribute__((unused)) static void side_open_with(struct side *s,
                                                   const struct quic_link_options *o)
{
    struct diag diag;
    enum err e = quic_link_open(s->rig->os, &s->mem, o, &side_handler, s, &s->link, &diag);
    if (e != ERR_OK) {
        printf("# %s\n", diag.text);
    }
    CHECK(e == ERR_OK);
}

/* Open it, for the first time or again. */
__attribute__((unused)) static void side_start(struct side *s)
{
    if (s->rig->hub != NULL) {
        CHECK(mem_link_open(s->rig->hub, &s->key, &side_handler, s, &s->link) == ERR_OK);
        return;
    }
    struct quic_link_options o = side_options(s);
    side_open_with(s, &o);
}

/* An open side on 127.0.0.1 and any port. */
__attribute__((unused)) static struct side *side_open(struct rig *r, uint8_t seed)
{
    struct side *s = side_new(r, seed);
    side_start(s);
    return s;
}

__attribute__((unused)) static struct os_addr side_addr(struct side *s)
{
    struct os_addr a;
    CHECK(link_addrs(s->link, &a, 1) == 1);
    return a;
}

__attribute__((unused)) static void side_dial(struct side *from, struct side *to)
{
    struct os_addr a = side_addr(to);
    CHECK(link_peer_set(from->link, &to->key, &a, 1) == ERR_OK);
}

__attribute__((unused)) static void side_close(struct side *s)
{
    if (s->link != NULL) {
        link_close(s->link);
        s->link = NULL;
    }
}

__attribute__((unused)) static struct link_stats side_stats(struct side *s)
{
    struct link_stats stats;
    link_stats(s->link, &stats);
    return stats;
}

__attribute__((unused)) static enum err side_send(struct side *from, struct side *to,
                                                  enum link_class class, const char *text)
{
    return link_send(from->link, &to->key, class, bytes_text(text), bytes_of(NULL, 0));
}

/* Close everything; all memory must have come back. */
__attribute__((unused)) static void rig_close(struct rig *r)
{
    size_t left = 0;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        side_close(&r->sides[i]);
        left += r->sides[i].mem.used;
        wrong += r->sides[i].wrong;
    }
    if (r->hub != NULL) {
        mem_hub_close(r->hub);
        left += r->mem.used;
    } else {
        os_linux_turn(r->loop, 0);
        os_linux_close(r->loop);
    }
    CHECK_U64(left, 0);
    CHECK_U64(wrong, 0);
}

/* One turn of the loop, or one step of the hub. */
__attribute__((unused)) static void rig_turn(struct rig *r, uint64_t wait_ns)
{
    if (r->hub != NULL) {
        mem_hub_step(r->hub, (uint32_t)prng_next(&r->prng));
    } else {
        os_linux_turn(r->loop, wait_ns);
    }
}

/* Turn the loop for so long, or the hub until nothing moves. */
__attribute__((unused)) static void rig_run_ms(struct rig *r, uint64_t ms)
{
    if (r->hub != NULL) {
        CHECK(mem_hub_run(r->hub, RIG_STEPS_MAX));
        return;
    }
    uint64_t until = os_now(r->os) + ms * 1000000;
    while (os_now(r->os) < until) {
        os_linux_turn(r->loop, until - os_now(r->os));
    }
}

/* RIG_UNTIL -- turn until cond holds. */
#define RIG_UNTIL(r, cond)                                                                         \
    do {                                                                                           \
        uint64_t rig_left_ = RIG_STEPS_MAX;                                                        \
        uint64_t rig_end_ = (r)->hub != NULL ? 0 : os_now((r)->os) + RIG_MS_MAX * 1000000ull;      \
        while (!(cond) && ((r)->hub != NULL ? rig_left_-- > 0 : os_now((r)->os) < rig_end_)) {     \
            rig_turn((r), 10 * 1000000ull);                                                        \
        }                                                                                          \
        CHECK(cond);                                                                               \
    } while (0)

/* A loop with two links in it, of which the first has dialled the second and both are up. */
__attribute__((unused)) static void rig_open_pair(struct rig *r, struct side **a, struct side **b)
{
    rig_open(r);
    *a = side_open(r, 1);
    *b = side_open(r, 2);
    side_dial(*a, *b);
    RIG_UNTIL(r, (*a)->ups == 1 && (*b)->ups == 1);
}

#endif
