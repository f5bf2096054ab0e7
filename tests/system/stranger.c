/* tests/system/stranger.c -- somebody who holds the cookie and no place in the cluster, and what it
 * says then; or a crowd that does not hold it.
 *
 * usage: stranger IP:PORT KEY-HEX COOKIE WHAT SEED COUNT
 * Shape: an honest link (net/quic_link.h) that is admitted, and frames made by the tables of
 *        docs/WIRE.md alone: rude (no message at all), forged (terms, leaders, entries that never
 *        were), calls (writes forwarded to whoever listens, and answers that nobody asked for)
 *        flood: FLOOD_LINKS links with another cookie, each dialling again at once, for COUNT
 *        milliseconds
 * Ends:  0 when all was sent, 1 when it was not let in
 */
#include "base/prng.h"
#include "net/identity.h"
#include "net/quic_link.h"
#include "os/linux/linux.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FRAME_BYTES_MAX = 8192,
    OWN_ID = 9,
    FLOOD_LINKS = 16,
    UP_MS_MAX = 2000
};

struct stranger {
    struct prng prng;
    struct node_key target;
    struct link *link;
    uint64_t replies;
    bool up;
    uint32_t downs;
};

static void on_up(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct stranger *s = arg;
    (void)peer;
    (void)epoch;
    s->up = true;
}

static void on_down(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct stranger *s = arg;
    (void)peer;
    (void)epoch;
    s->up = false;
    s->downs++;
}

static void on_frame(void *arg, const struct node_key *peer, uint64_t epoch, enum link_class class,
                     struct bytes frame)
{
    (void)peer;
    (void)epoch;
    (void)class;
    (void)frame;
    ((struct stranger *)arg)->replies++;
}

static uint64_t one_of(struct stranger *s, const uint64_t *list, size_t count)
{
    return list[prng_below(&s->prng, count)];
}

/* Numbers where things go wrong, and ordinary ones. */
static uint64_t number(struct stranger *s)
{
    static const uint64_t odd[] = {
        0,
        1,
        2,
        3,
        4,
        5,
        100,
        4095,
        4096,
        65535,
        65536,
        UINT32_MAX,
        1ull << 33,
        1ull << 62,
        INT64_MAX,
        1ull << 63,
        UINT64_MAX - 1,
        UINT64_MAX,
    };
    return prng_below(&s->prng, 3) == 0 ? one_of(s, odd, sizeof odd / sizeof odd[0])
                                        : prng_below(&s->prng, 64);
}

static void noise(struct stranger *s, struct writer *w, size_t count)
{
    uint8_t bytes[512];
    count = count < sizeof bytes ? count : sizeof bytes;
    prng_fill(&s->prng, bytes, count);
    writer_put(w, bytes_of(bytes, count));
}

/* Before a message of consensus: mostly of no cluster, as who has no entry says. */
static void origin(struct stranger *s, struct writer *w)
{
    static const uint8_t none[16];
    bool wild = prng_below(&s->prng, 8) == 0;
    writer_u8(w, wild ? (uint8_t)prng_below(&s->prng, 4) : 0);
    if (wild) {
        noise(s, w, sizeof none);
    } else {
        writer_put(w, bytes_of(none, sizeof none));
    }
}

/* Nothing that a node would send. */
static void rude(struct stranger *s, struct writer *w)
{
    switch (prng_below(&s->prng, 4)) {
    case 0:
        break; /* an empty frame */
    case 1:
        writer_u8(w, (uint8_t)(4 + prng_below(&s->prng, 252))); /* a kind of tomorrow */
        noise(s, w, prng_below(&s->prng, 100));
        break;
    case 2:
        writer_u8(w, 1);
        origin(s, w);
        writer_u8(w, (uint8_t)(11 + prng_below(&s->prng, 245))); /* a message of tomorrow */
        noise(s, w, prng_below(&s->prng, 100));
        break;
    default:
        writer_u8(w, (uint8_t)(1 + prng_below(&s->prng, 3)));
        noise(s, w, prng_below(&s->prng, 300));
    }
}

/* One entry: a command, an empty one, or a configuration that names the stranger. */
static void entry(struct stranger *s, uint64_t term, struct writer *w)
{
    uint8_t kind = (uint8_t)(1 + prng_below(&s->prng, 3));
    writer_varint(w, prng_below(&s->prng, 8) == 0 ? number(s) : term);
    writer_u8(w, kind);
    if (kind == 2) {
        static const uint8_t conf[] = { 1, 2, OWN_ID, 1, 0, 0 };
        writer_blob(w, bytes_of(conf, prng_below(&s->prng, 2) == 0 ? sizeof conf : 3));
        return;
    }
    uint8_t data[64];
    prng_fill(&s->prng, data, sizeof data);
    writer_blob(w, bytes_of(data, prng_below(&s->prng, sizeof data)));
}

/* A message of consensus with plausible and with wild numbers. Who holds the cookie and speaks as
 * the leader of a plausible term is believed, so leaders are forged in absurd terms only. */
static void forged(struct stranger *s, struct writer *w)
{
    static const uint64_t absurd[] = { 0, 1ull << 40, 1ull << 62, INT64_MAX, UINT64_MAX };
    static const uint64_t ids[] = { OWN_ID, OWN_ID, OWN_ID, 1, 2, 3, 0, UINT64_MAX };
    uint8_t type = (uint8_t)(1 + prng_below(&s->prng, 10));
    bool leads = type == 5 || type == 7;
    uint64_t term = leads ? one_of(s, absurd, sizeof absurd / sizeof absurd[0]) : number(s);
    writer_u8(w, 1);
    origin(s, w);
    writer_u8(w, type);
    writer_u8(w, (uint8_t)prng_below(&s->prng, 4));
    writer_varint(w, one_of(s, ids, sizeof ids / sizeof ids[0]));
    writer_varint(w, 1 + prng_below(&s->prng, 3));
    writer_varint(w, number(s)); /* in some life */
    writer_varint(w, term);
    for (int i = 0; i < 8; i++) { /* index, log term, hint, commit, epoch, read, sent, id */
        writer_varint(w, number(s));
    }
    uint64_t count = type == 5 ? prng_below(&s->prng, 5) : 0;
    writer_varint(w, count);
    for (uint64_t i = 0; i < count; i++) {
        entry(s, term, w);
    }
}

/* Writes that no client asked for, and answers that no node waits for. */
static void calls(struct stranger *s, struct writer *w)
{
    uint8_t data[100];
    prng_fill(&s->prng, data, sizeof data);
    if (prng_below(&s->prng, 4) == 0) {
        writer_u8(w, 3);
        writer_varint(w, number(s));
        writer_blob(w, bytes_text(prng_below(&s->prng, 2) == 0 ? "OK" : "NOVELTY"));
        writer_u64(w, number(s));
        writer_varint(w, number(s));
        writer_varint(w, number(s));
        writer_varint(w, number(s));
        return;
    }
    writer_u8(w, 2);
    writer_varint(w, number(s));
    writer_varint(w, prng_below(&s->prng, 100));
    writer_blob(w, bytes_of(data, prng_below(&s->prng, sizeof data)));
}

static void frame(struct stranger *s, const char *what, struct writer *w)
{
    if (strcmp(what, "rude") == 0) {
        rude(s, w);
    } else if (strcmp(what, "forged") == 0) {
        forged(s, w);
    } else {
        calls(s, w);
    }
}

/* As many frames as the queue takes at a time; false when it is no longer let in. */
static bool talk(struct stranger *s, struct os_linux *loop, const char *what, uint64_t count)
{
    static uint8_t room[FRAME_BYTES_MAX];
    uint64_t until = os_now(os_linux_os(loop)) + UP_MS_MAX * NS_PER_MS;
    for (uint64_t sent = 0; sent < count && os_now(os_linux_os(loop)) < until;) {
        os_linux_turn(loop, s->up ? NS_PER_MS : 10 * NS_PER_MS);
        for (int i = 0; s->up && i < 32 && sent < count; i++, sent++) {
            struct writer w = writer_of(room, sizeof room);
            frame(s, what, &w);
            enum link_class class = (enum link_class)prng_below(&s->prng, LINK_CLASS_COUNT);
            if (link_send(s->link, &s->target, class, writer_bytes(&w), bytes_of(NULL, 0)) !=
                ERR_OK) {
                break;
            }
            until = os_now(os_linux_os(loop)) + UP_MS_MAX * NS_PER_MS;
        }
        if (sent == count) {
            return true;
        }
    }
    return false;
}

static const struct link_handler handler = { on_up, on_down, on_frame };

/* As many handshakes as there is time for, none of which leads to anything. */
static void flood(struct stranger *s, struct os_linux *loop, struct mem *mem,
                  const struct os_addr *to, uint64_t ms)
{
    struct os *os = os_linux_os(loop);
    struct link *links[FLOOD_LINKS];
    uint64_t attempts = 0;
    uint64_t until = os_now(os) + ms * NS_PER_MS;
    for (uint8_t i = 0; i < FLOOD_LINKS; i++) {
        struct diag diag;
        struct quic_link_options o = { .bind = { { .family = 4, .ip = { 127, 0, 0, 1 } } },
                                       .bind_count = 1,
                                       .cookie = bytes_text("of another house"),
                                       .dial_ns_min = NS_PER_MS,
                                       .dial_ns_max = NS_PER_MS };
        memset(o.seed, 100 + i, sizeof o.seed);
        enum err e = quic_link_open(os, mem, &o, &handler, s, &links[i], &diag);
        e = e == ERR_OK ? link_peer_set(links[i], &s->target, to, 1) : e;
        if (e != ERR_OK) {
            fprintf(stderr, "stranger: %s\n", err_text(e));
            exit(2);
        }
    }
    while (os_now(os) < until) {
        os_linux_turn(loop, NS_PER_MS);
    }
    for (int i = 0; i < FLOOD_LINKS; i++) {
        struct link_stats stats;
        link_stats(links[i], &stats);
        attempts += stats.handshakes;
        link_close(links[i]);
    }
    printf("%llu handshakes\n", (unsigned long long)attempts);
}

int main(int argc, char **argv)
{
    struct stranger s = { 0 };
    struct mem mem;
    struct mem link_mem;
    struct os_linux *loop = NULL;
    struct diag diag = { 0 };
    struct os_addr addr = { 0 };
    struct quic_link_options o = { .bind = { { .family = 4, .ip = { 127, 0, 0, 1 } } },
                                   .bind_count = 1 };
    mem_init(&mem, "loop", OS_LINUX_MEM_BYTES);
    mem_init(&link_mem, "link", QUIC_LINK_MEM_BYTES);
    if (argc != 7 || os_addr_parse(bytes_text(argv[1]), &addr) != ERR_OK ||
        ids_unhex(bytes_text(argv[2]), s.target.b, NODE_KEY_BYTES) != ERR_OK ||
        os_linux_open(&mem, &loop, &diag) != ERR_OK) {
        fprintf(stderr, "usage: stranger IP:PORT KEY-HEX COOKIE WHAT SEED COUNT\n");
        return 2;
    }
    prng_seed(&s.prng, strtoull(argv[5], NULL, 10));
    if (strcmp(argv[4], "flood") == 0) {
        flood(&s, loop, &link_mem, &addr, strtoull(argv[6], NULL, 10));
        os_linux_close(loop);
        return 0;
    }
    o.cookie = bytes_text(argv[3]);
    memset(o.seed, OWN_ID, sizeof o.seed);
    if (quic_link_open(os_linux_os(loop), &link_mem, &o, &handler, &s, &s.link, &diag) != ERR_OK ||
        link_peer_set(s.link, &s.target, &addr, 1) != ERR_OK) {
        fprintf(stderr, "stranger: %s\n", diag.text);
        return 2;
    }
    bool all = talk(&s, loop, argv[4], strtoull(argv[6], NULL, 10));
    for (int i = 0; i < 20; i++) {
        os_linux_turn(loop, 10 * NS_PER_MS);
    }
    printf("%s: lost the connection %u times, %llu replies\n", all ? "all sent" : "not let in",
           s.downs, (unsigned long long)s.replies);
    link_close(s.link);
    os_linux_turn(loop, 0);
    os_linux_close(loop);
    return all ? 0 : 1;
}
