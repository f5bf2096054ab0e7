/* tests/unit/kv/test_kv.c -- Subject: commands and what they mean. Method: small histories. */
#include "tap.h"

#include "kv/kv.h"

static struct mem mem;
static struct tables tables;
static struct kv kv;

static void fresh(void)
{
    mem_init(&mem, "test", 64u << 20);
    tables_open(&tables, &mem, NULL);
    CHECK(kv_open(&kv, &tables) == ERR_OK);
}

static struct command_op put(const char *key, const char *value)
{
    return (struct command_op){ COMMAND_PUT, bytes_text(key), bytes_text(value), 0 };
}

static struct kv_result apply(uint64_t client, uint64_t sequence, const struct command_op *ops,
                              uint32_t count)
{
    static uint8_t room[4096];
    struct command c = { client, sequence, count, ops };
    struct writer w = writer_of(room, sizeof room);
    struct kv_result r = { 0 };
    command_encode(&c, &w);
    CHECK(kv_apply(&kv, kv.applied + 1, 1, writer_bytes(&w), &r) == ERR_OK);
    return r;
}

static void revisions(void)
{
    fresh();
    struct kv_record rec;
    CHECK_U64(kv.revision, 1);
    CHECK(kv_get(&kv, bytes_text("a"), &rec) == ERR_NOT_FOUND);
    struct command_op a = put("a", "1");
    CHECK_U64(apply(0, 0, &a, 1).revision, 2);
    struct command_op both[2] = { put("a", "2"), put("b", "3") };
    CHECK_U64(apply(0, 0, both, 2).revision, 3);
    CHECK(kv_get(&kv, bytes_text("a"), &rec) == ERR_OK);
    CHECK_U64(rec.create_revision, 2);
    CHECK_U64(rec.mod_revision, 3);
    CHECK_U64(rec.version, 2);
    CHECK(bytes_equal(rec.value, bytes_text("2")));
    struct command_op gone = { COMMAND_DELETE, bytes_text("nothing"), { 0 }, 0 };
    CHECK_U64(apply(0, 0, &gone, 1).revision, 3);
    gone.key = bytes_text("a");
    CHECK_U64(apply(0, 0, &gone, 1).revision, 4);
    a = put("a", "9");
    apply(0, 0, &a, 1);
    CHECK(kv_get(&kv, bytes_text("a"), &rec) == ERR_OK);
    CHECK_U64(rec.version, 1);
    CHECK_U64(rec.create_revision, 5);
    CHECK_U64(kv.keys, 2); /* a came back, b was never gone */
    tables_close(&tables);
    CHECK_U64(mem.used, 0);
    EXPECT_MARK("kv: a command changes nothing");
}

/* One operation that changes something is enough, wherever it stands; all share its revision. */
static void mixed(void)
{
    fresh();
    struct kv_record rec;
    struct command_op nothing = { COMMAND_DELETE, bytes_text("nothing"), { 0 }, 0 };
    struct command_op first[2] = { put("a", "1"), nothing };
    struct command_op last[2] = { nothing, put("b", "1") };
    CHECK_U64(apply(0, 0, first, 2).revision, 2);
    CHECK_U64(apply(0, 0, last, 2).revision, 3);
    struct command_op turn[2] = { { COMMAND_DELETE, bytes_text("a"), { 0 }, 0 }, put("c", "1") };
    CHECK_U64(apply(0, 0, turn, 2).revision, 4);
    CHECK_U64(kv.revision, 4);
    CHECK_U64(kv.keys, 2);
    CHECK(kv_get(&kv, bytes_text("a"), &rec) == ERR_NOT_FOUND);
    CHECK(kv_get(&kv, bytes_text("c"), &rec) == ERR_OK);
    CHECK(rec.create_revision == 4 && rec.mod_revision == 4 && rec.version == 1);
    tables_close(&tables);
}

/* A record is built where it fits, head and value: every size around that border comes back. */
static void sizes(void)
{
    static uint8_t value[1100];
    struct kv_record rec;
    fresh();
    for (size_t n = 900; n <= sizeof value; n++) {
        memset(value, (int)n, n);
        struct command_op a = { COMMAND_PUT, bytes_text("a"), bytes_of(value, n), 0 };
        apply(0, 0, &a, 1);
        CHECK(kv_get(&kv, bytes_text("a"), &rec) == ERR_OK);
        CHECK(bytes_equal(rec.value, bytes_of(value, n)));
    }
    tables_close(&tables);
    CHECK_U64(mem.used, 0);
}

/* Keys are counted down to none; what was not there is not counted. */
static void counted(void)
{
    fresh();
    struct command_op a = put("a", "1");
    struct command_op gone = { COMMAND_DELETE, bytes_text("a"), { 0 }, 0 };
    CHECK_U64(kv.keys, 0);
    for (int i = 0; i < 2; i++) {
        apply(0, 0, &a, 1);
        apply(0, 0, &a, 1);
        CHECK_U64(kv.keys, 1);
        apply(0, 0, &gone, 1);
        CHECK_U64(kv.keys, 0);
        apply(0, 0, &gone, 1);
        CHECK_U64(kv.keys, 0);
    }
    tables_close(&tables);
}

static int64_t lease_of(const char *key)
{
    struct kv_record rec;
    CHECK(kv_get(&kv, bytes_text(key), &rec) == ERR_OK);
    return rec.lease;
}

/* As in etcd: a put attaches the lease that it names, and only that one. */
static void leases(void)
{
    fresh();
    struct command_op a = put("a", "1");
    a.lease = 7;
    apply(0, 0, &a, 1);
    CHECK_U64(lease_of("a"), 7);
    a.lease = 8;
    apply(0, 0, &a, 1);
    CHECK_U64(lease_of("a"), 8);
    a.lease = 0;
    apply(0, 0, &a, 1);
    CHECK_U64(lease_of("a"), 0);
    tables_close(&tables);
}

static void retries(void)
{
    fresh();
    struct command_op a = put("a", "1");
    struct kv_result first = apply(77, 1, &a, 1);
    struct command_op b = put("b", "1");
    apply(0, 0, &b, 1);
    struct kv_result again = apply(77, 1, &a, 1);
    CHECK_U64(again.revision, first.revision);
    CHECK_U64(kv.revision, 3);
    CHECK_U64(apply(77, 2, &a, 1).revision, 4);
    CHECK(apply(77, 1, &a, 1).code == ERR_BAD_REQUEST);
    tables_close(&tables);
    EXPECT_MARK("kv: a retry is answered from its session");
    EXPECT_MARK("kv: an older sequence is refused");
}

static void sessions_bounded(void)
{
    fresh();
    struct command_op a = put("a", "1");
    for (uint64_t client = 1; client <= KV_SESSIONS_MAX + 10; client++) {
        apply(client, 1, &a, 1);
    }
    CHECK_U64(kv.sessions, KV_SESSIONS_MAX);
    CHECK_U64(tables.active[TABLE_SESSION].count, 2 * KV_SESSIONS_MAX);
    int64_t before = kv.revision;
    apply(KV_SESSIONS_MAX + 10, 1, &a, 1);
    CHECK_U64(kv.revision, before);
    apply(1, 1, &a, 1); /* forgotten: applied once more */
    CHECK_U64(kv.revision, before + 1);
    tables_close(&tables);
    EXPECT_MARK("kv: the oldest session is forgotten");
}

static void refused(void)
{
    fresh();
    struct command_op twice[2] = { put("a", "1"), put("a", "2") };
    struct command c = { 0, 0, 2, twice };
    CHECK(command_check(&c) == ERR_BAD_REQUEST);
    struct kv_result r = apply(0, 0, twice, 2);
    CHECK(r.code == ERR_BAD_REQUEST);
    CHECK_U64(kv.revision, 1);
    CHECK_U64(kv.applied, 1);
    CHECK(kv_apply(&kv, 2, 1, bytes_text("garbage"), &r) == ERR_OK);
    CHECK(r.code == ERR_MALFORMED);
    uint8_t longer[64];
    struct command one = { 0, 0, 1, twice };
    struct writer w = writer_of(longer, sizeof longer);
    command_encode(&one, &w);
    writer_u8(&w, 0); /* whole, and a byte behind it */
    CHECK(kv_apply(&kv, 3, 1, writer_bytes(&w), &r) == ERR_OK);
    CHECK(r.code == ERR_MALFORMED);
    CHECK_U64(kv.revision, 1);
    tables_close(&tables);
    EXPECT_MARK("kv: a command that nobody can read");
}

static void limits(void)
{
    static uint8_t big[KV_VALUE_BYTES_MAX + 1];
    struct command_op op = put("", "v");
    struct command c = { 0, 0, 1, &op };
    CHECK(command_check(&c) == ERR_KEY_EMPTY);
    op.key = bytes_of(big, KV_KEY_BYTES_MAX);
    CHECK(command_check(&c) == ERR_OK);
    op.key = bytes_of(big, KV_KEY_BYTES_MAX + 1);
    CHECK(command_check(&c) == ERR_KEY_TOO_LARGE);
    op = put("k", "");
    op.value = bytes_of(big, KV_VALUE_BYTES_MAX);
    CHECK(command_check(&c) == ERR_OK);
    op.value.count++;
    CHECK(command_check(&c) == ERR_VALUE_TOO_LARGE);
    c.count = KV_TXN_OPS_MAX + 1;
    CHECK(command_check(&c) == ERR_TOO_MANY_OPS);
    c.count = 0;
    CHECK(command_check(&c) == ERR_BAD_REQUEST);
}

/* One operation more than a transaction may have: nothing is written behind the room for them. */
static void more_than_there_is_room_for(void)
{
    static struct command_op ops[KV_TXN_OPS_MAX + 1];
    static uint8_t bytes[KV_TXN_OPS_MAX * 64];
    static uint8_t key[KV_TXN_OPS_MAX][2];
    static const struct command_op untouched = { COMMAND_PUT, { NULL, 7 }, { NULL, 7 }, 7 };
    struct writer w = writer_of(bytes, sizeof bytes);
    struct command c = { 1, 2, KV_TXN_OPS_MAX - 1, ops };
    for (uint32_t i = 0; i < KV_TXN_OPS_MAX; i++) {
        key[i][0] = (uint8_t)('a' + i / 16);
        key[i][1] = (uint8_t)('a' + i % 16);
        ops[i] = (struct command_op){ COMMAND_DELETE, bytes_of(key[i], 2), { 0 }, 0 };
    }
    command_encode(&c, &w);
    size_t fewer = writer_bytes(&w).count;
    w = writer_of(bytes, sizeof bytes);
    c.count = KV_TXN_OPS_MAX;
    command_encode(&c, &w);
    size_t all = writer_bytes(&w).count;
    ops[KV_TXN_OPS_MAX] = untouched;
    CHECK(command_decode(bytes_of(bytes, all), &c, ops) == ERR_OK && c.count == KV_TXN_OPS_MAX);
    size_t one = all - fewer - 1; /* the count took a byte more */
    bytes[1 + 8 + 8]++;           /* its low bits: 129 */
    memcpy(bytes + all, bytes + all - one, one);
    CHECK(command_decode(bytes_of(bytes, all + one), &c, ops) == ERR_MALFORMED);
    CHECK(ops[KV_TXN_OPS_MAX].lease == untouched.lease);
    CHECK(ops[KV_TXN_OPS_MAX].key.count == untouched.key.count);
}

static void hash_is_order_free(void)
{
    fresh();
    struct command_op a = put("a", "1");
    struct command_op b = put("b", "2");
    struct command_op x = put("x", "3");
    apply(0, 0, &a, 1);
    uint64_t one = kv_hash(&kv);
    apply(0, 0, &x, 1);
    CHECK(kv_hash(&kv) != one);
    apply(0, 0, &x, 1); /* a row that is replaced leaves nothing behind */
    struct command_op gone = { COMMAND_DELETE, bytes_text("x"), { 0 }, 0 };
    apply(0, 0, &gone, 1);
    CHECK_U64(kv.hash + 2 * 0x9e3779b97f4a7c15u, one);
    apply(0, 0, &b, 1);
    tables_close(&tables);
}

/* What is saved is found when the state machine is opened again over the same rows. */
static void saved(void)
{
    struct kv again;
    fresh();
    struct command_op ops[2] = { put("a", "1"), put("b", "2") };
    apply(7, 1, ops, 2);
    apply(8, 1, ops, 1);
    CHECK(kv_save(&kv) == ERR_OK);
    CHECK(kv_open(&again, &tables) == ERR_OK);
    CHECK(again.applied == kv.applied && again.applied_term == kv.applied_term);
    CHECK(again.revision == kv.revision && again.hash == kv.hash);
    CHECK(again.sessions == 2 && again.keys == 2);
    uint8_t row[64] = { 2 }; /* a format of the future */
    CHECK(table_put(&tables, TABLE_KEY, bytes_text("a"), bytes_of(row, sizeof row)) == ERR_OK);
    struct kv_record rec;
    CHECK(kv_get(&kv, bytes_text("a"), &rec) == ERR_CORRUPT);
    tables_close(&tables);
}

int main(void)
{
    TAP_TEST("kv: revisions, versions and creation follow etcd's rules", revisions);
    TAP_TEST("kv: one operation that changes something makes a revision", mixed);
    TAP_TEST("kv: a value of every size comes back", sizes);
    TAP_TEST("kv: keys are counted, down to the last", counted);
    TAP_TEST("kv: a put leaves no lease attached but its own", leases);
    TAP_TEST("kv: a retried request is applied once", retries);
    TAP_TEST("kv: sessions are bounded, the oldest is forgotten", sessions_bounded);
    TAP_TEST("kv: what cannot be read is refused and counted as applied", refused);
    TAP_TEST("kv: what was saved is found again, and no record of another format", saved);
    TAP_TEST("command: sizes and counts are bounded", limits);
    TAP_TEST("command: more operations than there is room for", more_than_there_is_room_for);
    TAP_TEST("kv: the hash depends on the rows alone", hash_is_order_free);
    return tap_done();
}
