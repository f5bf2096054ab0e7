/* tests/scenario/liars.c -- a member that lies inside an admitted session: honest nodes neither
 * break nor pass it on. What Raft cannot withstand at all is written down in docs/WIRE.md; those
 * plays say which findings are the liar's doing, and all others are judged. */
#include "play.h"

#include "node/call_codec.h"
#include "raft/raft_codec.h"

#include <stdlib.h>

enum {
    LIES = 300,
    RUNS = 4096
};

static struct raft_msg says(struct play *p, uint64_t from, uint64_t to, enum raft_msg_type type)
{
    return (struct raft_msg){ .type = type,
                              .from = from,
                              .to = to,
                              .life = play_status(p, from).life,
                              .term = play_seen(p, to)->term,
                              .first = 1 }; /* first > last: no entries */
}

static const struct bytes no_entries;

/* What comes of entries that nobody has: they count as committed on the word of one. */
static const char *const invented_entries[] = { "committed", NULL };

/* Terms beyond those that judges keep a place for, so that they do not know who leads. */
static const char *const invented_terms[] = { "terms run away", "leads though no majority answers",
                                              NULL };

/* A flipped bit of a value, of an answer, of a promise; not of who leads, votes or is answered. */
static const char *const flipped[] = { "has another state than others",
                                       "bytes that nobody wrote",
                                       "an answer says revision",
                                       "wrote value",
                                       "took effect at revisions",
                                       "was created at revision",
                                       "has version",
                                       "which was written to others",
                                       "more than what is committed can have made",
                                       "had what was there before",
                                       "was not there in a store",
                                       "as leader of term",
                                       "the data is older than what this node has promised",
                                       "is committed, but no majority has it on disk",
                                       NULL };

/* Acknowledgements and promises in another one's name, and configurations of nobody. */
static const char *const forged[] = { "the data is older than what this node has promised",
                                      "is committed, but no majority has it on disk",
                                      "configuration of entry", NULL };

static const char *const invented_members[] = { "configuration of entry", NULL };

static void put_entry(struct writer *w, uint64_t term, uint8_t kind, struct bytes data)
{
    raft_entry_encode(term, kind, (uint32_t)data.count, w);
    writer_put(w, data);
}

/* In the name of the leader, on its own session. */
static void impostor(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    struct raft_msg m = says(p, leader, victim, RAFT_MSG_HEARTBEAT);
    static const struct origin unsaid;
    uint8_t frame[FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    m.term += 5;
    writer_u8(&w, FRAME_RAFT);
    origin_encode(&unsaid, &w);
    raft_msg_encode(&m, &w);
    uint64_t term = play_seen(p, victim)->term;
    play_say_bytes(p, liar, victim, writer_bytes(&w));
    play_expect(p, play_seen(p, victim)->term == term, "the frame was refused");
    play_expect(p, play_leader(p) == leader, "and nothing has changed");
    play_reads(p, victim, 0, kept);
    EXPECT_MARK("node: a peer takes the number of another");
    EXPECT_MARK("node: a raft message is refused");
}

/* It says that it leads the term that another one leads. */
static void second_leader(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    struct raft_msg m = says(p, liar, victim, RAFT_MSG_HEARTBEAT);
    m.index = play_seen(p, victim)->last;
    play_say(p, &m, no_entries);
    play_expect(p, play_seen(p, victim)->leader == leader, "a term has one leader");
    m = says(p, liar, leader, RAFT_MSG_APPEND);
    play_say(p, &m, no_entries);
    play_expect(p, play_leader(p) == leader, "and the leader goes on");
    play_reads(p, victim, 0, kept);
    EXPECT_MARK("raft: a second leader in a term");
}

/* A snapshot is a message to the core alone: over the wire it is bytes that are checked first. */
static void snapshot_from_nowhere(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    uint8_t bytes[2 * RAFT_CONF_BYTES_MAX];
    uint8_t conf[RAFT_CONF_BYTES_MAX];
    struct writer c = writer_of(conf, sizeof conf);
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf members = { .voter_count = 3, .voter = { 1, 2, 3 } };
    struct raft_msg m = says(p, liar, victim, RAFT_MSG_SNAPSHOT);
    raft_conf_encode(&members, &c);
    put_entry(&w, m.term, RAFT_ENTRY_CONF, writer_bytes(&c));
    m.term++;
    m.index = play_seen(p, victim)->last + 10;
    m.log_term = m.term;
    m.hint = 1;
    play_say(p, &m, writer_bytes(&w));
    play_expect(p, play_seen(p, victim)->commit < m.index, "it is not believed");
    play_reads(p, victim, 0, kept);
}

/* A higher term has to be believed: it costs an election, not more. */
static void forged_term(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    for (int i = 0; i < 5; i++) {
        uint64_t liar = play_follower(p, leader, 1);
        struct raft_msg m = says(p, liar, leader, RAFT_MSG_HEARTBEAT_REPLY);
        m.term += 100;
        play_say(p, &m, no_entries);
        play_expect(p, play_seen(p, leader)->term == m.term, "it has to be believed");
        leader = play_leader(p);
        play_reads(p, leader, 0, kept);
    }
    play_await_agree(p);
    EXPECT_MARK("raft: a candidate learns of a newer term");
    EXPECT_MARK("raft: a pre-vote of an old term");
}

/* But not one that no cluster could have reached: the next election would have no number left. */
static void forged_term_out_of_reach(struct play *p)
{
    static const enum raft_msg_type types[] = { RAFT_MSG_PREVOTE_REPLY,   RAFT_MSG_VOTE_REPLY,
                                                RAFT_MSG_APPEND,          RAFT_MSG_APPEND_REPLY,
                                                RAFT_MSG_HEARTBEAT_REPLY, RAFT_MSG_HEARTBEAT,
                                                RAFT_MSG_READ_REPLY,      RAFT_MSG_VOTE };
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t term = play_seen(p, leader)->term;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (uint64_t to = 1; to <= 3; to++) {
            struct raft_msg m = says(p, liar, to, types[i]);
            m.term = UINT64_MAX / 2;
            m.reject = types[i] == RAFT_MSG_PREVOTE_REPLY || types[i] == RAFT_MSG_VOTE_REPLY;
            if (to != liar) {
                play_say(p, &m, no_entries);
            }
        }
    }
    play_expect(p, play_leader(p) == leader, "nobody believes it");
    play_expect(p, play_seen(p, leader)->term == term, "the term is the same");
    play_writes(p, leader, 0);
}

/* Its own vote many times, and votes in the name of others. */
static void ballot_stuffing(struct play *p)
{
    static const enum raft_msg_type types[] = { RAFT_MSG_PREVOTE_REPLY, RAFT_MSG_VOTE_REPLY };
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t fool = play_follower(p, leader, 2);
    for (uint64_t n = 1; n <= 5; n++) {
        if (n != liar && n != fool) {
            play_cut(p, fool, n);
            play_cut(p, liar, n);
        }
    }
    play_cut_way(p, fool, liar); /* its honest half would deny, and be reminded */
    for (int i = 0; i < 400; i++) {
        for (uint64_t k = 0; k < 80; k++) {
            struct raft_msg m = says(p, liar, fool, types[k % 2]);
            m.term += k % 2 == 0 ? 1 : 0;
            m.id = k / 2;
            play_say(p, &m, no_entries);
        }
        play_step(p);
        play_step(p);
        play_step(p);
        play_expect(p, play_seen(p, fool)->role != RAFT_LEADER, "two of five elect nobody");
    }
    play_host(p, liar)->restored = true;
    play_host(p, liar)->reminded = true; /* it is reminded of votes that it never gave, and stops */
}

static void false_reminder(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    struct raft_msg m = says(p, liar, victim, RAFT_MSG_REMINDER);
    m.log_term = m.term + 1;
    m.index = 1000;
    m.hint = play_status(p, victim).life;
    play_host(p, victim)->reminded = true; /* it may stop so, for once */
    play_say(p, &m, no_entries);
    play_await_stopped(p, victim, ERR_OUTDATED);
    uint32_t kept = play_writes(p, leader, 0);
    play_start(p, victim); /* it takes the lie for the truth, and stays away */
    play_await_stopped(p, victim, ERR_OUTDATED);
    play_disk_wipe(p, victim);
    play_start(p, victim); /* all is well */
    play_await_agree(p);
    play_reads(p, victim, 0, kept);
}

/* Counts and lengths that point far beyond the frame, and no frame at all. */
static void huge_counts(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    struct raft_msg m = says(p, liar, victim, RAFT_MSG_APPEND);
    uint8_t frame[RAFT_MSG_BYTES_MAX + 64];
    for (uint32_t kind = 0; kind < 256; kind++) {
        struct writer w = writer_of(frame, sizeof frame);
        writer_u8(&w, (uint8_t)kind);
        raft_msg_encode(&m, &w);
        w.offset--; /* the count of entries */
        writer_varint(&w, kind % 2 == 0 ? UINT64_MAX : 4096);
        writer_varint(&w, 1);
        writer_u8(&w, RAFT_ENTRY_CONF);
        writer_varint(&w, UINT64_MAX / 3);
        for (size_t n = 0; n <= w.offset; n++) {
            play_say_bytes(p, liar, victim, bytes_of(frame, n));
            play_say_bytes(p, liar, leader, bytes_of(frame, n));
        }
    }
    play_expect(p, play_leader(p) == leader, "nothing has changed");
    play_writes(p, leader, 0);
    EXPECT_MARK("node: a forwarded write that makes no sense");
    EXPECT_MARK("node: an answer after its deadline");
}

/* Nine megabytes of nothing in one message, from one who has made itself leader. */
static void largest_append(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    size_t room = 9u * MIB;
    uint8_t *bytes = calloc(1, room);
    struct writer w = writer_of(bytes, room);
    struct raft_msg m = says(p, liar, victim, RAFT_MSG_APPEND);
    p->borne = invented_entries;
    m.term += 1;
    m.index = play_seen(p, victim)->last;
    m.log_term = play_seen(p, victim)->last_term;
    m.first = m.index + 1;
    m.last = m.index;
    uint8_t *zeroes = calloc(1, MIB);
    for (int i = 0; i < 8; i++) {
        put_entry(&w, m.term, RAFT_ENTRY_COMMAND, bytes_of(zeroes, MIB));
        m.last++;
    }
    m.commit = m.last;
    play_say(p, &m, writer_bytes(&w));
    free(zeroes);
    free(bytes);
    play_elections_pass(p, 10);
    play_expect_up(p, victim);
    play_expect_up(p, leader);
}

/* A log with as many terms as one may have, then more. */
static void too_many_terms(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    uint8_t *bytes = calloc(RUNS, RAFT_ENTRY_HEAD_BYTES_MAX);
    struct raft_msg m = says(p, liar, victim, RAFT_MSG_APPEND);
    p->borne = invented_terms;
    uint64_t index = play_seen(p, victim)->last;
    uint64_t term = play_seen(p, victim)->last_term;
    m.term = 20 * RUNS;
    for (int round = 0; round < 3; round++) {
        uint64_t step = round < 2 ? 10 : 1; /* at last up to the same term, through all between */
        struct writer w = writer_of(bytes, (size_t)RUNS * RAFT_ENTRY_HEAD_BYTES_MAX);
        uint64_t count = round == 0 ? RUNS - 4 : 10;
        uint64_t before = round == 0 ? 0 : RUNS - 4 - (round == 2);
        m.index = index + before;
        m.log_term = term + 10 * before;
        m.first = m.index + 1;
        m.last = m.index + count;
        for (uint64_t i = 1; i <= count; i++) {
            put_entry(&w, m.log_term + step * i, RAFT_ENTRY_NOOP, no_entries);
        }
        play_say(p, &m, writer_bytes(&w));
    }
    free(bytes);
    play_elections_pass(p, 5);
    play_expect_up(p, victim);
    EXPECT_MARK("raft: an answer of an older connection");
}

/* Configurations that nobody decided, taken back again. */
/* Of three configurations in one append the victim keeps two: when all are taken back it knows of
 * none, until the next one or its next start. */
static void forged_members(struct play *p)
{
    static const char *const forgotten[] = { "are of two clusters", NULL };
    p->borne = forgotten;
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    uint64_t victim = play_follower(p, leader, 2);
    uint8_t conf[RAFT_CONF_BYTES_MAX];
    uint8_t bytes[4 * RAFT_CONF_BYTES_MAX];
    p->borne = invented_members;
    for (uint8_t k = 1; k < 6; k++) {
        struct raft_conf c = { .voter_count = k, .learner_count = 1, .learner = { 99 } };
        struct writer cw = writer_of(conf, sizeof conf);
        struct writer w = writer_of(bytes, sizeof bytes);
        for (uint8_t i = 0; i < k; i++) {
            c.voter[i] = i + 1u;
        }
        raft_conf_encode(&c, &cw);
        struct raft_msg m = says(p, liar, victim, RAFT_MSG_APPEND);
        m.term += 1;
        m.index = play_seen(p, victim)->commit;
        m.log_term = p->world->judge.committed_term[m.index];
        m.first = m.index + 1;
        m.last = m.index + k % 3;
        for (uint64_t i = m.first; i <= m.last; i++) {
            put_entry(&w, m.term, RAFT_ENTRY_CONF, writer_bytes(&cw));
        }
        play_say(p, &m, writer_bytes(&w));
        play_step(p);
        play_expect_up(p, victim);
    }
    play_elections_pass(p, 5);
    play_expect_up(p, victim);
    EXPECT_MARK("raft: two configurations are truncated");
}

struct flips {
    struct prng prng;
    uint64_t liar;
};

static void flip(void *arg, uint32_t from, uint32_t to, enum link_class class, uint8_t *bytes,
                 size_t *count)
{
    struct flips *f = arg;
    (void)to;
    (void)class;
    if (from + 1 == f->liar && *count > 0 && prng_below(&f->prng, 3) == 0) {
        size_t at = (size_t)prng_below(&f->prng, *count < 40 ? *count : 40);
        bytes[at] ^= (uint8_t)(1u << prng_below(&f->prng, 8));
    }
}

/* The leader or a follower, by the number of the play. */
static void flipped_bits(struct play *p)
{
    uint64_t leader = play_begin(p);
    struct flips f = { .liar = play_number(p) % 2 == 0 ? leader : play_follower(p, leader, 1) };
    prng_seed(&f.prng, play_number(p));
    p->borne = flipped;
    p->world->net.lie = flip;
    p->world->net.lie_arg = &f;
    for (uint32_t i = 0; i < 100; i++) {
        for (uint64_t n = 1; n <= 3; n++) {
            if (play_host(p, n)->state == SIM_HOST_UP && i % 3 == n - 1) {
                play_write(p, n, i % PLAY_KEYS);
                play_read(p, n, i % PLAY_KEYS);
            }
        }
        for (int k = 0; k < 20; k++) {
            play_step(p);
        }
    }
    p->world->net.lie = NULL;
    for (uint64_t n = 1; n <= 3; n++) {
        bool fits = play_host(p, n)->state == SIM_HOST_UP || n == f.liar ||
                    play_host(p, n)->reason == ERR_OUTDATED; /* reminded falsely */
        play_expect(p, fits, "honest nodes are up");
    }
    EXPECT_MARK("node: a forwarded write finds no leader");
}

/* Near the truth, so that it passes the first checks. */
static uint64_t near(struct prng *r, uint64_t truth)
{
    uint64_t how = prng_below(r, 16);
    if (how == 0) {
        return prng_next(r);
    }
    if (how == 1) {
        return 0;
    }
    uint64_t off = prng_below(r, 4);
    return how < 9 ? truth + off : truth > off ? truth - off : 0;
}

static void forge_entries(struct prng *r, struct raft_msg *m, struct writer *w)
{
    uint64_t count = prng_below(r, 4);
    m->first = m->index + 1;
    m->last = m->index + count;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t conf[RAFT_CONF_BYTES_MAX];
        struct writer c = writer_of(conf, sizeof conf);
        struct raft_conf members = { .voter_count = (uint8_t)(1 + prng_below(r, 5)) };
        for (uint8_t k = 0; k < members.voter_count; k++) {
            members.voter[k] = k + 1u;
        }
        raft_conf_encode(&members, &c);
        uint8_t kind = (uint8_t)(1 + prng_below(r, 3));
        struct bytes data = kind == RAFT_ENTRY_NOOP ? no_entries : writer_bytes(&c);
        put_entry(w, near(r, m->term), kind, data);
    }
}

static void forge(struct play *p, struct prng *r, struct prng *more, uint64_t liar, uint64_t to)
{
    const struct sim_seen *s = play_seen(p, to);
    uint8_t bytes[4 * RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_msg m = { .from = liar, .to = to, .first = 1, .life = play_status(p, liar).life };
    m.type = (enum raft_msg_type)(1 + prng_below(r, RAFT_MSG_READ_REPLY)); /* but reminders */
    m.term = prng_below(r, 8) == 0 ? near(r, s->term) : s->term + (prng_below(r, 20) == 0);
    m.index = near(r, prng_below(r, 2) == 0 ? s->last : s->commit);
    m.log_term = near(r, s->last_term);
    m.hint = near(r, s->last);
    m.commit = near(r, s->last);
    m.epoch = prng_below(r, 8);
    m.read_seq = near(r, 3);
    m.id = prng_below(r, 50);
    m.reject = prng_below(r, 2) == 0;
    m.transfer = prng_below(r, 4) == 0;
    if (m.type == RAFT_MSG_APPEND && m.index < UINT64_MAX / 4) {
        forge_entries(r, &m, &w);
    }
    play_say(p, &m, writer_bytes(&w));
    m.type = RAFT_MSG_SNAPSHOT;
    m.first = 1;
    m.last = 0;
    w = writer_of(bytes, sizeof bytes);
    put_entry(&w, near(more, s->term), RAFT_ENTRY_NOOP, no_entries);
    play_say(p, &m, writer_bytes(&w));
}

static void forged_everything(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t liar = play_follower(p, leader, 1);
    struct prng r;
    struct prng more;
    prng_seed(&r, play_number(p));
    prng_seed(&more, play_number(p));
    p->borne = forged;
    for (int i = 0; i < LIES; i++) {
        for (uint64_t to = 1; to <= 3; to++) {
            bool there = play_host(p, to)->state == SIM_HOST_UP &&
                         p->world->net.link[to - 1].told[liar - 1] != 0;
            if (to != liar && there) {
                forge(p, &r, &more, liar, to);
            }
        }
        if (i % 10 == 0 && play_host(p, leader)->state == SIM_HOST_UP) {
            play_write(p, leader, 0);
            play_read(p, leader, 0);
        }
        for (uint64_t k = prng_below(&r, 20); k > 0; k--) {
            play_step(p);
        }
    }
    play_expect_up(p, leader);
    EXPECT_MARK("node: a forwarded write expires");
    EXPECT_MARK("node: a read expires");
}

int main(void)
{
    PLAY(3, "liars: frames in another one's name (R=3, refused)", impostor);
    PLAY(3, "liars: a second leader in a term (R=3, not followed)", second_leader);
    PLAY(3, "liars: forged higher terms (R=3, an election each)", forged_term);
    PLAY(3, "liars: a snapshot without its bytes (R=3, refused)", snapshot_from_nowhere);
    PLAY(3, "liars: a term that no cluster could reach (R=3, not believed)",
         forged_term_out_of_reach);
    PLAY(5, "liars: votes repeated and invented (R=5, two elect nobody)", ballot_stuffing);
    PLAY(3, "liars: a false reminder (R=3, its victim stops, and starts again)", false_reminder);
    PLAY(3, "liars: huge counts, cut frames (R=3)", huge_counts);
    PLAY(3, "liars: an append of nine megabytes (R=3, nobody breaks)", largest_append);
    PLAY(3, "liars: more terms than a log may have (R=3, nobody breaks)", too_many_terms);
    PLAY(3, "liars: forged configurations, taken back (R=3, nobody breaks)", forged_members);
    PLAY_EACH(3, "liars: flipped bits of leader or follower (R=3, nobody breaks)", flipped_bits, 1,
              20);
    PLAY_EACH(3, "liars: forged messages of every type (R=3, nobody breaks)", forged_everything, 1,
              30);
    return tap_done();
}
