/* tests/scenario/forgeries.c -- snapshots whose every checksum is right and that are none all the
 * same: the rows deny the head, or each other. Who is sent one refuses it, stays as it was, and is
 * up. Made of a true one, seen on the wire, and said on the leader's session. */
#include "play.h"

#include "node/snapshot_codec.h"
#include "store/btree.h"
#include "store/snap_format.h"

enum {
    FILE_MAX = 256 * 1024,
    CONF_INDEX_AT = CLUSTER_ID_BYTES, /* in the row `conf`; the entry follows */
    CONF_ENTRY_AT = CONF_INDEX_AT + 8,
    BEYOND = 50 /* entries that nobody has: what is older is not wanted anyway */
};

enum forgery {
    OTHER_STATE = 1, /* than the head says: another index */
    OTHER_TERM,
    OTHER_REVISION,
    OTHER_HASH,
    VALUE_CHANGED,
    ROW_MISSING,
    ROW_TWICE,
    ROWS_MISCOUNTED,
    KEY_TOO_LONG,
    RECORD_UNREADABLE,
    STATE_MISSING,
    CONF_MISSING,
    CONF_OF_ANOTHER_ENTRY,
    CONF_UNREADABLE,
    FORGERIES = CONF_UNREADABLE,
    NOTHING, /* is wrong with it */
    OTHER_CLUSTER
};

static struct truth {
    uint64_t to;
    struct snap_offer offer;
    uint8_t bytes[FILE_MAX];
    struct snap_want want; /* what was said last of a forged one */
    bool said;
} truth;

static void look(void *arg, uint32_t from, uint32_t to, enum link_class class, uint8_t *bytes,
                 size_t *count)
{
    struct bytes frame = bytes_of(bytes, *count);
    struct snap_part part;
    (void)arg;
    (void)class;
    if (to + 1 == truth.to) {
        IGNORE(snapshot_offer_decode(frame, &truth.offer)); /* most frames are none */
        if (snapshot_part_decode(frame, &part) == ERR_OK &&
            part.offset + part.data.count <= FILE_MAX) {
            memcpy(truth.bytes + part.offset, part.data.data, part.data.count);
        }
    } else if (from + 1 == truth.to && snapshot_want_decode(frame, &truth.want) == ERR_OK) {
        truth.said = true;
    }
}

/* ---- a true one, taken apart and put together ---- */

static struct forged {
    struct snap_meta meta;
    uint8_t conf[SNAP_CONF_BYTES_MAX];
    uint8_t rows[FILE_MAX];
    size_t count;
    uint64_t row_count;
    uint8_t file[FILE_MAX];
    size_t bytes;
    enum forgery how;
    bool done;
} f;

static void row_add(enum table_id id, struct bytes key, struct bytes value)
{
    struct writer w = writer_of(f.rows + f.count, sizeof f.rows - f.count);
    writer_u8(&w, (uint8_t)id);
    writer_u32(&w, (uint32_t)key.count);
    writer_u32(&w, (uint32_t)value.count);
    writer_put(&w, key);
    writer_put(&w, value);
    f.count += w.offset;
    f.row_count++;
}

static void number_set(uint8_t *at, uint64_t number)
{
    struct writer w = writer_of(at, 8);
    writer_u64(&w, number);
}

/* The state machine's own row: format u8, then applied index, term and so on. */
static void state_row(uint8_t *row)
{
    number_set(row + 1, f.meta.id.index + (f.how == OTHER_STATE));
    number_set(row + 9, f.meta.id.term + (f.how == OTHER_TERM));
}

static void row_forge(enum table_id id, struct bytes key, struct bytes value)
{
    static uint8_t copy[FILE_MAX];
    static uint8_t long_key[BTREE_KEY_BYTES_MAX + 1];
    bool state = id == TABLE_META && bytes_equal(key, bytes_text("state"));
    bool conf = id == TABLE_META && bytes_equal(key, bytes_text("conf"));
    memcpy(copy, value.data, value.count);
    if (state) {
        state_row(copy);
    }
    copy[0] ^= (uint8_t)(conf && f.how == OTHER_CLUSTER);
    if (conf && f.how == CONF_OF_ANOTHER_ENTRY) {
        number_set(copy + CONF_INDEX_AT, f.meta.id.index + 1);
    }
    copy[0] = (uint8_t)(id == TABLE_KEY && f.how == RECORD_UNREADABLE ? 99 : copy[0]);
    copy[value.count - 1] ^= (uint8_t)(id == TABLE_KEY && f.how == VALUE_CHANGED);
    size_t count = conf && f.how == CONF_UNREADABLE ? CONF_ENTRY_AT + 1 : value.count;
    bool skipped = (f.how == ROW_MISSING && id == TABLE_KEY && !f.done) ||
                   (f.how == STATE_MISSING && state) || (f.how == CONF_MISSING && conf);
    f.done = f.done || skipped;
    if (!skipped) {
        row_add(id, key, bytes_of(copy, count));
    }
    if (f.how == ROW_TWICE && id == TABLE_KEY) {
        row_add(id, key, bytes_of(copy, count));
    }
    if (f.how == KEY_TOO_LONG && id == TABLE_KEY) {
        memset(long_key, 'z', sizeof long_key);
        row_add(id, bytes_of(long_key, sizeof long_key), value);
    }
}

static void file_make(void)
{
    struct writer w = writer_of(f.file, sizeof f.file);
    struct blake3 hash;
    f.meta.rows = f.how == ROWS_MISCOUNTED ? f.row_count + 1 : f.row_count;
    snap_head_encode(&f.meta, &w);
    uint8_t *chunk = f.file + w.offset;
    memcpy(chunk + SNAP_CHUNK_HEAD_BYTES, f.rows, f.count);
    snap_chunk_encode(chunk, (uint32_t)f.count, 0);
    uint8_t *end = chunk + SNAP_CHUNK_HEAD_BYTES + f.count;
    blake3_init(&hash);
    blake3_update(&hash, f.file, (size_t)(end - f.file));
    snap_end_encode(end, 1, f.row_count, &hash);
    f.bytes = (size_t)(end - f.file) + SNAP_END_BYTES;
}

/* Every row of the one chunk that a small snapshot has. */
static void rows_forge(struct bytes rows)
{
    struct reader r = reader_of(rows);
    while (reader_left(&r) > 0) {
        enum table_id id = (enum table_id)reader_u8(&r);
        uint32_t key_bytes = reader_u32(&r);
        uint32_t value_bytes = reader_u32(&r);
        struct bytes key = reader_take(&r, key_bytes);
        row_forge(id, key, reader_take(&r, value_bytes));
    }
}

/* From the true one: of an entry beyond what anybody has, and wrong in one way. */
static void forge(struct play *p, enum forgery how, uint64_t index)
{
    struct snap_chunk chunk;
    size_t head = 0;
    memset(&f, 0, sizeof f);
    f.how = how;
    play_expect(p,
                snap_head_size(truth.bytes, &head) == ERR_OK &&
                    snap_head_decode(bytes_of(truth.bytes, head), &f.meta) == ERR_OK &&
                    snap_chunk_decode(truth.bytes + head, 0, &chunk) == ERR_OK,
                "a true one was sent");
    memcpy(f.conf, f.meta.conf.data, f.meta.conf.count);
    f.meta.conf.data = f.conf;
    f.meta.id.index = index;
    f.meta.id.id += how;
    f.meta.revision += how == OTHER_REVISION;
    f.meta.hash += how == OTHER_HASH;
    f.meta.cluster.b[0] ^= (uint8_t)(how == OTHER_CLUSTER);
    f.conf[0] ^= (uint8_t)(how == OTHER_CLUSTER);
    rows_forge(bytes_of(truth.bytes + head + SNAP_CHUNK_HEAD_BYTES, chunk.bytes));
    file_make();
}

/* ---- saying it ---- */

static void say_offer(struct play *p, uint64_t leader, uint64_t bytes)
{
    uint8_t room[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct snap_offer o = truth.offer;
    o.term = play_seen(p, truth.to)->term;
    o.id = f.meta.id;
    o.bytes = bytes;
    truth.said = false;
    snapshot_offer_encode(&o, &w);
    play_say_bytes(p, leader, truth.to, writer_bytes(&w));
}

static void say_part(struct play *p, uint64_t leader)
{
    static uint8_t room[SNAP_FRAME_HEAD_BYTES_MAX + FILE_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct snap_part part = { .id = f.meta.id, .data = bytes_of(f.file, f.bytes) };
    truth.said = false;
    snapshot_part_encode(&part, &w);
    writer_put(&w, part.data);
    play_say_bytes(p, leader, truth.to, writer_bytes(&w));
}

static bool said(const struct play *p, uint64_t node, uint64_t verdict)
{
    (void)p;
    (void)node;
    return truth.said && truth.want.verdict == verdict && snap_id_equal(&truth.want.id, &f.meta.id);
}

static bool log_begins_behind(const struct play *p, uint64_t node, uint64_t index)
{
    return play_status(p, node).snap_index > index;
}

/* Returns the leader; the other one that matters is truth.to, which was sent a true one. */
static uint64_t begin(struct play *p)
{
    for (uint64_t n = 1; n <= 3; n++) {
        play_host(p, n)->bounds.snap_entries = 8;
        play_host(p, n)->bounds.keep_entries = 4;
    }
    uint64_t leader = play_begin(p);
    memset(&truth, 0, sizeof truth);
    truth.to = play_follower(p, leader, 1);
    p->world->net.lie = look;
    play_isolate(p, truth.to);
    for (uint32_t i = 0; i < 20; i++) {
        play_writes(p, leader, i % 3);
    }
    play_expect_ok(p, play_write_once(p, leader, 3));
    play_await(p, log_begins_behind, leader, play_seen(p, truth.to)->last, "a shorter log");
    play_heal(p);
    play_await_agree(p);
    return leader;
}

/* It stays as it was. */
static void is_refused(struct play *p, uint64_t leader, enum forgery how, uint64_t less,
                       enum snap_verdict verdict)
{
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    forge(p, how, play_seen(p, truth.to)->commit + BEYOND);
    say_offer(p, leader, f.bytes - less);
    play_await(p, said, truth.to, SNAP_GO_ON, "it to ask for the bytes");
    say_part(p, leader);
    play_await(p, said, truth.to, verdict, "its verdict");
    play_expect_up(p, truth.to);
    play_reads(p, truth.to, 0, kept);
    play_writes(p, truth.to, 0);
}

static void rows_deny_head(struct play *p)
{
    uint64_t leader = begin(p);
    is_refused(p, leader, (enum forgery)play_number(p), 0, SNAP_DAMAGED);
    EXPECT_MARK("node: the rows of a snapshot deny its head");
}

static void of_another_cluster(struct play *p)
{
    uint64_t leader = begin(p);
    is_refused(p, leader, OTHER_CLUSTER, 0, SNAP_REFUSED);
    EXPECT_MARK("node: consensus does not want a snapshot");
}

static void longer_than_offered(struct play *p)
{
    uint64_t leader = begin(p);
    is_refused(p, leader, NOTHING, 1, SNAP_REFUSED);
    EXPECT_MARK("node: more of a snapshot comes than was offered");
}

int main(void)
{
    PLAY_EACH(3, "forgeries: rows that deny their head (R=3, n=1..14, called damaged)",
              rows_deny_head, 1, FORGERIES);
    PLAY(3, "forgeries: of another cluster (R=3, refused)", of_another_cluster);
    PLAY(3, "forgeries: longer than it was offered (R=3, refused)", longer_than_offered);
    return tap_done();
}
