/* tests/unit/kv/test_check.c -- Subject: rows that somebody else has made. Method: what kv itself
 * writes passes after random commands; then one thing is changed in it, by a forger who keeps every
 * sum and count that can be kept, and each change is seen.
 */
#include "tap.h"

#include "base/prng.h"
#include "kv/check.h"
#include "kv/record.h"
#include "kv/session.h"

static struct mem mem;
static struct tables tables;
static struct kv kv;

static void fresh(void)
{
    mem_init(&mem, "test", 64u << 20);
    tables_open(&tables, &mem, NULL);
    CHECK(kv_open(&kv, &tables) == ERR_OK);
}

static void gone(void)
{
    tables_close(&tables);
    CHECK_U64(mem.used, 0);
}

static struct kv_check_wanted wanted(void)
{
    return (struct kv_check_wanted){ kv.applied, kv.applied_term, (uint64_t)kv.revision,
                                     kv_hash(&kv) };
}

static enum err rows_check(struct kv_check *c, enum table_id id)
{
    static uint8_t last[KV_KEY_BYTES_MAX + 1];
    struct bytes key = bytes_of(last, 0);
    struct bytes value;
    while (table_seek(&tables, id, key, key.count > 0, &key, &value) == ERR_OK) {
        TRY(kv_check_row(c, id, key, value));
        memcpy(last, key.data, key.count);
        key.data = last;
    }
    return ERR_OK;
}

/* Of all rows as they are now. */
static enum err verdict_of(const struct kv_check_wanted *w)
{
    struct kv_check c;
    CHECK(kv_save(&kv) == ERR_OK);
    kv_check_begin(&c);
    for (int id = 0; id < TABLE_COUNT; id++) {
        TRY(rows_check(&c, (enum table_id)id));
    }
    return kv_check_end(&c, w);
}

static enum err verdict(void)
{
    struct kv_check_wanted w = wanted();
    return verdict_of(&w);
}

static enum err apply(uint64_t client, uint64_t sequence, const struct command_op *ops,
                      uint32_t count)
{
    static uint8_t room[4096];
    struct command c = { client, sequence, count, ops };
    struct writer w = writer_of(room, sizeof room);
    struct kv_result r = { 0 };
    command_encode(&c, &w);
    return kv_apply(&kv, kv.applied + 1, 1, writer_bytes(&w), &r);
}

static void put(uint64_t client, uint64_t sequence, const char *key)
{
    struct command_op op = { COMMAND_PUT, bytes_text(key), bytes_text("v"), 0 };
    CHECK(apply(client, sequence, &op, 1) == ERR_OK);
}

/* Clients are forgotten, keys go and come back, some commands are refused. */
static void own_rows(void)
{
    struct prng p;
    char name[4][8];
    struct command_op ops[4];
    prng_seed(&p, 1);
    fresh();
    CHECK(verdict() == ERR_OK);
    for (uint64_t i = 1; i <= 12000; i++) {
        uint32_t count = (uint32_t)prng_below(&p, 5); /* none, or a key twice: refused */
        for (uint32_t k = 0; k < count; k++) {
            snprintf(name[k], sizeof name[k], "%u", (unsigned)prng_below(&p, 50));
            ops[k] = (struct command_op){ .kind = COMMAND_PUT, .key = bytes_text(name[k]) };
            ops[k].kind = prng_below(&p, 3) == 0 ? COMMAND_DELETE : COMMAND_PUT;
        }
        uint64_t client = prng_below(&p, KV_SESSIONS_MAX + 1000);
        CHECK(apply(client, i - prng_below(&p, 2), ops, count) == ERR_OK);
        CHECK(i % 500 != 0 || verdict() == ERR_OK);
    }
    CHECK_U64(kv.sessions, KV_SESSIONS_MAX);
    gone();
}

/* ---- forgeries ---- */

enum {
    CLIENT = 7,
    OTHER = 9,
    INDEX = 3, /* of CLIENT's write */
    SESSION_KEY_BYTES = 9
};

/* Two keys, one of them written twice; two clients. */
static void history(void)
{
    fresh();
    put(0, 0, "a");
    put(0, 0, "b");
    put(CLIENT, 1, "a");
    put(OTHER, 1, "c");
    CHECK(verdict() == ERR_OK);
}

static void record(int64_t create, int64_t mod, int64_t version)
{
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof room);
    struct kv_record rec = { .create_revision = create, .mod_revision = mod, .version = version };
    kv_record_encode(&rec, &w);
    CHECK(kv_row_put(&kv, TABLE_KEY, bytes_text("a"), writer_bytes(&w)) == ERR_OK);
}

static struct bytes session_key(char kind, uint64_t number)
{
    static uint8_t key[SESSION_KEY_BYTES];
    key[0] = (uint8_t)kind;
    for (int i = 0; i < 8; i++) {
        key[1 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return bytes_of(key, sizeof key);
}

static void row_c(uint64_t client, int64_t revision, uint64_t index)
{
    uint8_t room[24];
    struct writer w = writer_of(room, sizeof room);
    writer_u64(&w, 1);
    writer_u64(&w, (uint64_t)revision);
    writer_u64(&w, index);
    CHECK(kv_row_put(&kv, TABLE_SESSION, session_key('c', client), writer_bytes(&w)) == ERR_OK);
}

static void row_i(uint64_t index, uint64_t client)
{
    uint8_t room[8];
    struct writer w = writer_of(room, sizeof room);
    writer_u64(&w, client);
    CHECK(kv_row_put(&kv, TABLE_SESSION, session_key('i', index), writer_bytes(&w)) == ERR_OK);
}

static void no_row(char kind, uint64_t number)
{
    CHECK(kv_row_del(&kv, TABLE_SESSION, session_key(kind, number)) == ERR_OK);
}

enum forgery {
    CREATED_NEVER = 1,
    CREATED_BELOW_ZERO,
    CREATED_AFTER_CHANGE,
    CHANGED_IN_FUTURE,
    VERSION_NONE,
    VERSIONS_TOO_MANY,
    VERSION_LAST_OF_ALL,
    RECORD_OF_NO_FORMAT,
    ORDER_OF_ANOTHER_INDEX,
    ORDER_OF_ANOTHER_CLIENT,
    ORDERS_CHANGED_ROUND,
    ORDER_MISSING,
    CLIENT_MISSING,
    CLIENT_OF_ANOTHER_INDEX,
    CLIENT_ZERO,
    INDEX_ZERO,
    INDEX_IN_FUTURE,
    ANSWER_IN_FUTURE,
    ANSWER_BEFORE_ALL,
    SESSION_OF_NO_KIND,
    SESSION_TOO_LONG,
    SESSIONS_TOO_MANY,
    KEYS_MISCOUNTED,
    SESSIONS_MISCOUNTED,
    ROWS_MISHASHED,
    REVISION_OUT_OF_REACH,
    REVISION_LAST_OF_ALL,
    FORGERIES = REVISION_LAST_OF_ALL
};

static void record_forge(enum forgery how)
{
    static const uint8_t old[40] = { 99 };
    switch (how) {
    case CREATED_NEVER:
        record(0, 4, 2);
        break;
    case CREATED_BELOW_ZERO:
        record(INT64_MIN, 4, 2);
        break;
    case CREATED_AFTER_CHANGE:
        record(4, 3, 1);
        break;
    case CHANGED_IN_FUTURE:
        record(2, kv.revision + 1, 2);
        break;
    case VERSION_NONE:
        record(2, 4, 0);
        break;
    case VERSIONS_TOO_MANY:
        record(2, 4, 4);
        break;
    case VERSION_LAST_OF_ALL:
        record(2, 4, INT64_MAX);
        break;
    default:
        CHECK(how == RECORD_OF_NO_FORMAT);
        CHECK(kv_row_put(&kv, TABLE_KEY, bytes_text("a"), bytes_of(old, sizeof old)) == ERR_OK);
        break;
    }
}

/* The other row of each client is as it was. */
static void pair_forge(enum forgery how)
{
    switch (how) {
    case ORDER_OF_ANOTHER_INDEX:
        no_row('i', INDEX);
        row_i(INDEX - 1, CLIENT);
        break;
    case ORDER_OF_ANOTHER_CLIENT:
        row_i(INDEX, CLIENT + 1);
        break;
    case ORDERS_CHANGED_ROUND:
        row_i(INDEX, OTHER);
        row_i(INDEX + 1, CLIENT);
        break;
    case ORDER_MISSING:
        no_row('i', INDEX);
        break;
    case CLIENT_MISSING:
        no_row('c', CLIENT);
        kv.sessions--;
        break;
    default:
        CHECK(how == CLIENT_OF_ANOTHER_INDEX);
        row_c(CLIENT, 4, INDEX + 1);
        break;
    }
}

static void pair(uint64_t client, int64_t revision, uint64_t index)
{
    row_c(client, revision, index);
    row_i(index, client);
    kv.sessions++;
}

static void session_forge(enum forgery how)
{
    static const uint8_t more[25];
    switch (how) {
    case CLIENT_ZERO:
        pair(0, 4, 1);
        break;
    case INDEX_ZERO:
        pair(1, 4, 0);
        break;
    case INDEX_IN_FUTURE:
        pair(1, 4, kv.applied + 1);
        break;
    case ANSWER_IN_FUTURE:
        pair(1, kv.revision + 1, 1);
        break;
    case ANSWER_BEFORE_ALL:
        pair(1, 0, 1);
        break;
    case SESSION_OF_NO_KIND:
        CHECK(kv_row_put(&kv, TABLE_SESSION, session_key('d', 1), bytes_of(more, 8)) == ERR_OK);
        break;
    case SESSION_TOO_LONG:
        CHECK(kv_row_put(&kv, TABLE_SESSION, session_key('c', CLIENT), bytes_of(more, 25)) ==
              ERR_OK);
        break;
    default:
        CHECK(how == SESSIONS_TOO_MANY);
        for (uint64_t i = 1; kv.sessions <= KV_SESSIONS_MAX; i++) {
            pair(100 + i, 1, 100 + i);
        }
        kv.applied = 100 + KV_SESSIONS_MAX;
        break;
    }
}

static void state_forge(enum forgery how)
{
    kv.keys += how == KEYS_MISCOUNTED;
    kv.sessions -= how == SESSIONS_MISCOUNTED;
    kv.hash += how == ROWS_MISHASHED;
    if (how == REVISION_OUT_OF_REACH) {
        kv.revision = (int64_t)kv.applied + 2;
    }
    if (how == REVISION_LAST_OF_ALL) {
        kv.revision = INT64_MAX;
    }
}

static void forgeries(void)
{
    for (int how = 1; how <= FORGERIES; how++) {
        history();
        if (how <= RECORD_OF_NO_FORMAT) {
            record_forge((enum forgery)how);
        } else if (how <= CLIENT_OF_ANOTHER_INDEX) {
            pair_forge((enum forgery)how);
        } else if (how <= SESSIONS_TOO_MANY) {
            session_forge((enum forgery)how);
        } else {
            state_forge((enum forgery)how);
        }
        enum err e = verdict();
        if (e != ERR_MALFORMED) {
            printf("# forgery %d: %s\n", how, err_text(e));
        }
        CHECK(e == ERR_MALFORMED);
        gone();
    }
}

/* What is beside each of them is no forgery. */
static void true_ones(void)
{
    history();
    record(1, kv.revision, kv.revision); /* each revision one version */
    CHECK(verdict() == ERR_OK);
    pair(1, 1, 1);
    pair(UINT64_MAX, kv.revision, kv.applied + 1);
    kv.applied++;
    CHECK(verdict() == ERR_OK);
    kv.revision = (int64_t)kv.applied + 1;
    CHECK(verdict() == ERR_OK);
    for (uint64_t i = 1; kv.sessions < KV_SESSIONS_MAX; i++) {
        pair(100 + i, 1, 100 + i);
    }
    kv.applied = 100 + KV_SESSIONS_MAX;
    CHECK(verdict() == ERR_OK);
    put(CLIENT, 2, "a"); /* and the next commands are taken */
    put(5000, 1, "b");
    CHECK(verdict() == ERR_OK);
    gone();
}

/* Rows too large for any table here. */
static void bounds(void)
{
    static const uint8_t zeros[KV_KEY_BYTES_MAX + 1];
    static uint8_t room[RECORD_HEAD_BYTES + KV_VALUE_BYTES_MAX + 1];
    struct kv_record rec = { .create_revision = 1, .mod_revision = 1, .version = 1 };
    struct bytes key = bytes_of(zeros, KV_KEY_BYTES_MAX);
    struct writer w = writer_of(room, sizeof room);
    struct kv_check c;
    kv_record_encode(&rec, &w);
    struct bytes most = bytes_of(room, RECORD_HEAD_BYTES + KV_VALUE_BYTES_MAX);
    kv_check_begin(&c);
    CHECK(kv_check_row(&c, TABLE_KEY, key, most) == ERR_OK);
    most.count++;
    CHECK(kv_check_row(&c, TABLE_KEY, key, most) == ERR_MALFORMED);
    most.count--;
    key.count++;
    CHECK(kv_check_row(&c, TABLE_KEY, key, most) == ERR_MALFORMED);
    key.count = 0;
    CHECK(kv_check_row(&c, TABLE_KEY, key, most) == ERR_MALFORMED);
    key.count = SESSION_KEY_BYTES - 1;
    CHECK(kv_check_row(&c, TABLE_SESSION, key, bytes_of(zeros, 8)) == ERR_MALFORMED);
}

/* The state row, and what the head says. */
static void heads(void)
{
    struct kv_check c;
    uint8_t row[64] = { 0 };
    history();
    struct kv_check_wanted w = wanted();
    w.applied++;
    CHECK(verdict_of(&w) == ERR_MALFORMED);
    w = wanted();
    w.applied_term++;
    CHECK(verdict_of(&w) == ERR_MALFORMED);
    w = wanted();
    w.revision++;
    CHECK(verdict_of(&w) == ERR_MALFORMED);
    w = wanted();
    w.hash++;
    CHECK(verdict_of(&w) == ERR_MALFORMED);
    gone();
    memset(&w, 0, sizeof w);
    kv_check_begin(&c);
    CHECK(kv_check_row(&c, TABLE_META, bytes_text("another's"), bytes_of(row, 3)) == ERR_OK);
    CHECK(kv_check_end(&c, &w) == ERR_MALFORMED); /* without a state row */
    CHECK(kv_check_row(&c, TABLE_META, bytes_text("state"), bytes_of(row, 48)) == ERR_MALFORMED);
    CHECK(kv_check_row(&c, TABLE_META, bytes_text("state"), bytes_of(row, 50)) == ERR_MALFORMED);
    row[0] = 2;
    CHECK(kv_check_row(&c, TABLE_META, bytes_text("state"), bytes_of(row, 49)) == ERR_NEWER_FORMAT);
}

int main(void)
{
    TAP_TEST("check: what random commands leave passes", own_rows);
    TAP_TEST("check: one forged thing is seen, whatever else was set right", forgeries);
    TAP_TEST("check: what is just allowed passes, and takes commands", true_ones);
    TAP_TEST("check: keys and values are bounded", bounds);
    TAP_TEST("check: the state row is there, and is the head's", heads);
    return tap_done();
}
