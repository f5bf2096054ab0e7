/* tests/unit/kv/test_differential.c -- Subject: the state machine over LMDB against the one in
 * memory. Method: both are fed the same random commands; hashes are compared all along, and whole
 * states at the end, after the durable one was closed and opened at random moments. More: seed
 * and count as arguments.
 */
#include "loop.h"

#include "base/prng.h"
#include "kv/kv.h"
#include "store/backing_lmdb.h"
#include "store/flush.h"

enum {
    KEYS = 5000,
    OPS_MAX = 6
};

static struct {
    struct loop loop;
    struct mem mem;
    struct prng prng;
    struct os_dir *dir;
    struct tables memory;
    struct tables durable;
    struct flush flush;
    struct kv a; /* memory */
    struct kv b; /* durable */
    uint64_t flushes;
    uint8_t command[64 * 1024];
} w;

static uint64_t seed = 1;
static uint64_t commands = 100000;

static void flushed(void *arg, enum err e, uint64_t took_ns)
{
    (void)arg;
    (void)took_ns;
    CHECK(e == ERR_OK);
    w.flushes++;
}

static void start(void)
{
    struct backing_lmdb_options o = { .salt = 7, .mem = &w.mem };
    struct backing *b = NULL;
    struct diag diag;
    CHECK(backing_lmdb_open(w.dir, &o, &b, &diag) == ERR_OK);
    tables_open(&w.durable, &w.mem, b);
    CHECK(flush_open(&w.flush, w.loop.os, &w.durable, flushed, NULL) == ERR_OK);
    CHECK(kv_open(&w.b, &w.durable) == ERR_OK);
}

static void stop(void)
{
    flush_close(&w.flush);
    backing_close(w.durable.backing);
    tables_close(&w.durable);
}

static void flush_begin_now(void)
{
    if (!flush_busy(&w.flush)) {
        CHECK(kv_save(&w.b) == ERR_OK);
        CHECK(flush_begin(&w.flush) == ERR_OK);
    }
}

static void reopen(void)
{
    LOOP_UNTIL(&w.loop, !flush_busy(&w.flush));
    flush_begin_now();
    LOOP_UNTIL(&w.loop, !flush_busy(&w.flush));
    stop();
    start();
    CHECK_U64(w.a.applied, w.b.applied);
    CHECK_U64(w.a.applied_term, w.b.applied_term);
}

/* Few keys are used often; some are longer than LMDB takes. */
static struct bytes some_key(uint8_t *out)
{
    uint64_t k = prng_below(&w.prng, prng_below(&w.prng, 3) == 0 ? KEYS : 50);
    size_t n = (size_t)snprintf((char *)out, 64, "key/%llu", (unsigned long long)k);
    if (k % 10 == 3) {
        memset(out + n, 'x', KV_KEY_BYTES_MAX - n);
        n = k % 20 == 3 ? KV_KEY_BYTES_MAX : 600;
    }
    return bytes_of(out, n);
}

static struct bytes some_command(void)
{
    static uint8_t keys[OPS_MAX][KV_KEY_BYTES_MAX];
    static uint8_t value[2048];
    struct command_op ops[OPS_MAX];
    struct command c = { .count = 1 + (uint32_t)prng_below(&w.prng, OPS_MAX), .ops = ops };
    if (prng_below(&w.prng, 500) == 0) {
        return bytes_text("not a command at all");
    }
    if (prng_below(&w.prng, 4) == 0) { /* with retries among them */
        c.client = 1 + prng_below(&w.prng, 6000);
        c.sequence = 1 + prng_below(&w.prng, 20);
    }
    for (uint32_t i = 0; i < c.count; i++) {
        ops[i].key = some_key(keys[i]);
        ops[i].kind = prng_below(&w.prng, 4) == 0 ? COMMAND_DELETE : COMMAND_PUT;
        ops[i].value = bytes_of(value, ops[i].kind == COMMAND_PUT ? prng_below(&w.prng, 200) : 0);
        ops[i].lease = ops[i].kind == COMMAND_PUT ? (int64_t)prng_below(&w.prng, 3) : 0;
    }
    prng_fill(&w.prng, value, 32);
    struct writer out = writer_of(w.command, sizeof w.command);
    command_encode(&c, &out);
    CHECK(!out.bad);
    return writer_bytes(&out);
}

static void same_rows(void)
{
    for (int id = 0; id < TABLE_COUNT; id++) {
        static uint8_t last[BTREE_KEY_BYTES_MAX];
        struct bytes key = bytes_of(last, 0);
        struct bytes ka;
        struct bytes va;
        struct bytes kb;
        struct bytes vb;
        if (id == TABLE_META) {
            continue; /* how far each is */
        }
        for (;;) {
            enum err a = table_seek(&w.memory, (enum table_id)id, key, key.count > 0, &ka, &va);
            enum err b = table_seek(&w.durable, (enum table_id)id, key, key.count > 0, &kb, &vb);
            CHECK(a == b);
            if (a != ERR_OK) {
                break;
            }
            CHECK(bytes_equal(ka, kb) && bytes_equal(va, vb));
            memcpy(last, ka.data, ka.count);
            key = bytes_of(last, ka.count);
        }
    }
}

static void differential(void)
{
    loop_open(&w.loop);
    mem_init(&w.mem, "differential", 512u << 20);
    prng_seed(&w.prng, seed);
    CHECK(os_dir_open(w.loop.os, w.loop.path, false, &w.dir) == ERR_OK);
    tables_open(&w.memory, &w.mem, NULL);
    CHECK(kv_open(&w.a, &w.memory) == ERR_OK);
    start();
    for (uint64_t i = 1; i <= commands; i++) {
        struct kv_result ra = { 0 };
        struct kv_result rb = { 0 };
        struct bytes c = some_command();
        CHECK(kv_apply(&w.a, i, 1 + i / 1000, c, &ra) == ERR_OK);
        CHECK(kv_apply(&w.b, i, 1 + i / 1000, c, &rb) == ERR_OK);
        CHECK(ra.code == rb.code && ra.revision == rb.revision);
        CHECK_U64(kv_hash(&w.a), kv_hash(&w.b));
        CHECK_U64(w.a.keys, w.b.keys);
        if (prng_below(&w.prng, 20) == 0) {
            os_linux_turn(w.loop.linux_loop, 0);
            tables_rest(&w.durable);
        }
        if (prng_below(&w.prng, 1000) == 0) {
            flush_begin_now();
        }
        if (prng_below(&w.prng, 10000) == 0) {
            reopen();
        }
    }
    reopen();
    same_rows();
    CHECK_U64(kv_hash(&w.a), kv_hash(&w.b));
    CHECK(w.flushes > commands / 5000);
    stop();
    tables_close(&w.memory);
    os_dir_close(w.dir);
    CHECK_U64(w.mem.used, 0);
    loop_close(&w.loop);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : seed;
    commands = argc > 2 ? strtoull(argv[2], NULL, 10) : commands;
    TAP_TEST("kv: 100,000 random commands give one state over LMDB and in memory", differential);
    return tap_done();
}
