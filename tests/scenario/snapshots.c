/* tests/scenario/snapshots.c -- snapshots on their way between nodes: of many parts, and the
 * connection, the sender or the receiver gives out in the middle of them. */
#include "play.h"

#include "node/snapshot_codec.h"

enum {
    SMALL = 0, /* a key; all others have large values: seven parts and some more */
    VALUE_BYTES = KV_VALUE_BYTES_MAX,
    PART_MS = 40 /* that the receiver's disk takes for one */
};

/* What went over the wire. */
static struct spy {
    uint64_t to;     /* node that is sent snapshots */
    uint64_t bytes;  /* of parts, to it */
    uint64_t parts;  /* likewise */
    uint64_t offers; /* likewise */
    uint64_t refused;
    uint64_t damaged;
    uint64_t done;
    uint64_t spoils; /* so many parts more are sent with a wrong byte */
    uint64_t names;  /* different ones among the offers */
    struct snap_offer offer;
} spy;

static void look(void *arg, uint32_t from, uint32_t to, enum link_class class, uint8_t *bytes,
                 size_t *count)
{
    struct bytes frame = bytes_of(bytes, *count);
    struct snap_offer o;
    struct snap_part part;
    struct snap_want want;
    (void)arg;
    (void)class;
    if (to + 1 == spy.to && snapshot_offer_decode(frame, &o) == ERR_OK) {
        spy.names += !snap_id_equal(&o.id, &spy.offer.id);
        spy.offers++;
        spy.offer = o;
    } else if (to + 1 == spy.to && snapshot_part_decode(frame, &part) == ERR_OK) {
        spy.parts++;
        spy.bytes += part.data.count;
        bytes[*count - 1] ^= spy.spoils > 0;
        spy.spoils -= spy.spoils > 0;
    } else if (from + 1 == spy.to && snapshot_want_decode(frame, &want) == ERR_OK) {
        spy.refused += want.verdict == SNAP_REFUSED;
        spy.damaged += want.verdict == SNAP_DAMAGED;
        spy.done += want.verdict == SNAP_DONE;
    }
}

static void spy_on(struct play *p, uint64_t receiver)
{
    spy = (struct spy){ .to = receiver };
    p->world->net.lie = look;
}

/* ---- a node that has fallen behind ---- */

/* Logs that are soon shortened. */
static uint64_t begin(struct play *p)
{
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        play_host(p, n)->bounds.snap_entries = 8;
        play_host(p, n)->bounds.keep_entries = 4;
    }
    return play_begin(p);
}

static bool log_begins_behind(const struct play *p, uint64_t node, uint64_t index)
{
    return play_status(p, node).snap_index > index;
}

static void write_much(struct play *p, uint64_t leader)
{
    for (uint32_t key = SMALL + 1; key < PLAY_KEYS; key++) {
        play_expect_ok(p, play_write_large(p, leader, key, VALUE_BYTES));
    }
}

static void write_on(struct play *p, uint64_t leader, uint32_t entries)
{
    for (uint32_t i = 0; i < entries; i++) {
        play_writes(p, leader, SMALL);
    }
}

static void fall_behind(struct play *p, uint64_t leader, uint64_t slow)
{
    play_isolate(p, slow);
    write_much(p, leader);
    write_on(p, leader, 20); /* more than any log keeps */
    play_await(p, log_begins_behind, leader, play_seen(p, slow)->last, "its log to be shortened");
    spy_on(p, slow);
    play_disk_slow(p, slow, PART_MS);
    play_heal(p);
}

static bool parts_sent(const struct play *p, uint64_t node, uint64_t parts)
{
    (void)p;
    (void)node;
    return spy.parts >= parts;
}

static void await_half(struct play *p)
{
    play_await(p, parts_sent, spy.to, 4, "half of a snapshot to be sent");
    play_expect(p, spy.done == 0, "the rest is not sent yet");
}

/* The receiver has it all, and what came twice is little. */
static void expect_resumed(struct play *p)
{
    play_await_agree(p);
    printf("# %llu bytes in %llu parts of a snapshot of %llu, %llu offers of %llu names\n",
           (unsigned long long)spy.bytes, (unsigned long long)spy.parts,
           (unsigned long long)spy.offer.bytes, (unsigned long long)spy.offers,
           (unsigned long long)spy.names);
    play_expect(p, spy.offer.bytes > 6 * MIB, "it is a snapshot of many parts");
    play_expect(p, spy.done > 0, "a snapshot was taken");
    play_expect(p, spy.names == 1, "it is the same snapshot to the end");
    play_expect(p, spy.bytes < spy.offer.bytes + 4 * MIB, "little of it was sent twice");
}

/* The log grows meanwhile, so that the core has a newer one to offer. */
static void broken_connection(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    await_half(p);
    play_break(p, leader, slow);
    write_on(p, leader, 20);
    expect_resumed(p);
    play_reads(p, slow, SMALL, play_writes(p, leader, SMALL));
}

/* It is away for as long as its peers take to give the connection up, and longer. */
static void long_break(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    await_half(p);
    play_isolate(p, slow);
    for (int i = 0; i < 10; i++) {
        write_on(p, leader, 4);
        play_elections_pass(p, 4);
    }
    play_heal(p);
    expect_resumed(p);
}

/* Writes go on from the first part to the last. */
static void writes_go_on(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    for (int i = 0; i < 30 && spy.done == 0; i++) {
        write_on(p, leader, 4);
    }
    expect_resumed(p);
}

static void receiver_stops(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    await_half(p);
    play_stop(p, slow);
    write_on(p, leader, 20);
    play_start(p, slow);
    expect_resumed(p);
}

/* The file of what is not whole; NULL: there is none. */
static struct sim_file *part_file(const struct play *p, uint64_t node)
{
    struct sim_disk *d = &play_host(p, node)->disk;
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        size_t n = strlen(d->name[i].name);
        if (n > 5 && strcmp(d->name[i].name + n - 5, ".part") == 0 && d->name[i].now >= 0) {
            return &d->file[d->name[i].now];
        }
    }
    return NULL;
}

static uint64_t bytes_of_parts(const struct play *p, uint64_t node)
{
    const struct sim_file *f = part_file(p, node);
    return f != NULL ? f->now_bytes : 0;
}

/* What came rots while it is down: from there on it comes again, and nothing wrong is believed. */
static void part_rots(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    await_half(p);
    play_stop(p, slow);
    play_expect(p, bytes_of_parts(p, slow) > 2 * MIB, "what came is kept");
    /* in the second chunk of many */
    sim_file_flip(&play_host(p, slow)->disk_mem, part_file(p, slow), MIB + MIB / 2);
    play_start(p, slow);
    play_await_agree(p);
    play_expect(p, spy.names == 1 && spy.done == 1 && spy.refused + spy.damaged == 0,
                "one is taken");
    play_expect(p, spy.bytes > spy.offer.bytes + 2 * MIB, "what had rotted was sent again");
    play_reads(p, slow, SMALL, play_writes(p, leader, SMALL));
}

/* Killed, not cut off from power: what it wrote is there, synced or not. */
static void receiver_killed(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    await_half(p);
    play_host(p, slow)->spared = true;
    play_crash(p, slow);
    write_on(p, leader, 20);
    play_start(p, slow);
    expect_resumed(p);
}

/* Nobody else can lead, so it is the same one that goes on. */
static void sender_ends(struct play *p, void (*end)(struct play *p, uint64_t node))
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    fall_behind(p, leader, slow);
    await_half(p);
    write_on(p, leader, 20);
    play_stop(p, other);
    end(p, leader);
    play_start(p, leader);
    play_expect(p, play_leader(p) == leader, "it leads again");
    play_start(p, other);
    expect_resumed(p);
}

static void sender_stops(struct play *p)
{
    sender_ends(p, play_stop);
}

static void sender_crashes(struct play *p)
{
    sender_ends(p, play_crash);
}

/* ---- refused, and asked again ---- */

static void for_seconds(struct play *p, uint64_t seconds)
{
    uint64_t end = p->world->now_ns + seconds * SIM_S;
    while (p->world->now_ns < end) {
        play_step(p);
    }
}

static bool is_refused(const struct play *p, uint64_t node, uint64_t unused)
{
    (void)p;
    (void)node;
    (void)unused;
    return spy.refused > 0;
}

/* What came is given back, votes and entries may need the room; it is asked again, more and more
 * seldom, and goes on when there is space. */
static void receiver_full(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    await_half(p);
    play_disk_full(p, slow, true);
    play_await(p, is_refused, slow, 0, "it to refuse what it has no room for");
    play_expect(p, bytes_of_parts(p, slow) == 0, "what came was given back");
    for_seconds(p, 20);
    play_expect_up(p, slow);
    play_expect(p, spy.refused >= 3 && spy.refused <= 8, "it is asked again after pauses");
    play_expect(p, bytes_of_parts(p, slow) == 0, "nothing stays on a disk that is full");
    play_disk_full(p, slow, false);
    play_await_agree(p);
    play_reads(p, slow, SMALL, play_writes(p, leader, SMALL));
    EXPECT_MARK("node: no room for a snapshot");
    EXPECT_MARK("node: a peer that has refused a snapshot is left alone");
}

/* A file that has rotted at its sender: who gets it says so, and another one is made. */
static void damaged_file(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    fall_behind(p, leader, slow);
    spy.spoils = 1;
    play_await_agree(p);
    play_expect(p, spy.damaged == 1 && spy.names == 2 && spy.done == 1, "the next one is another");
    play_reads(p, slow, SMALL, play_writes(p, leader, SMALL));
    EXPECT_MARK("node: a peer calls a snapshot damaged");
}

/* The sender has no room to make one: the peer waits, and nobody breaks. */
static void sender_full(struct play *p)
{
    uint64_t leader = begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    play_isolate(p, slow);
    write_much(p, leader);
    write_on(p, leader, 20);
    play_await(p, log_begins_behind, leader, play_seen(p, slow)->last, "its log to be shortened");
    spy_on(p, slow);
    play_disk_full(p, leader, true);
    play_heal(p);
    for_seconds(p, 20);
    play_expect_up(p, leader);
    play_expect(p, spy.offers == 0, "none was made");
    play_expect(p, bytes_of_parts(p, leader) == 0, "nothing stays of one that could not be made");

    play_disk_full(p, leader, false);
    play_await_agree(p);
    play_expect(p, spy.done == 1, "one was taken");
    EXPECT_MARK("node: a snapshot cannot be made");
}

int main(void)
{
    PLAY(3, "snapshots: writes go on while one is sent (R=3, one is enough)", writes_go_on);
    PLAY(3, "snapshots: connection broken half way (R=3, it goes on there)", broken_connection);
    PLAY(3, "snapshots: cut off for 24 s half way (R=3, it goes on there)", long_break);
    PLAY(3, "snapshots: receiver restarted half way (R=3, it goes on there)", receiver_stops);
    PLAY(3, "snapshots: what came rots half way (R=3, it comes again from there)", part_rots);
    PLAY(3, "snapshots: receiver killed half way (R=3, it goes on there)", receiver_killed);
    PLAY(3, "snapshots: sender restarted half way (R=3, it goes on there)", sender_stops);
    PLAY(3, "snapshots: sender crashes half way (R=3, it goes on there)", sender_crashes);
    PLAY(3, "snapshots: receiver's disk full half way (R=3, up, gives back, goes on)",
         receiver_full);
    PLAY(3, "snapshots: damaged at its sender (R=3, another one is made)", damaged_file);
    PLAY(3, "snapshots: sender's disk full (R=3, up, made when there is room)", sender_full);
    return tap_done();
}
