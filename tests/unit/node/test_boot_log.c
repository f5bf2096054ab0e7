/* tests/unit/node/test_boot_log.c -- Subject: which configurations a start tells the core, and how
 * large its newest entries are. Method: logs as a recovery finds them, told as words: "c5" a
 * configuration as entry 5, "e6" another entry, "t5" a truncation to 5, "i7" a snapshot of 7; each
 * configuration has as many voters as its entry's number says. */
#include "tap.h"

#include "node/boot_log.h"
#include "raft/raft_codec.h"

static struct boot_log b;

static struct raft_conf conf_of(uint64_t index)
{
    struct raft_conf c = { .index = index, .voter_count = (uint8_t)index };
    for (uint8_t i = 0; i < c.voter_count; i++) {
        c.voter[i] = i + 1u;
    }
    return c;
}

static void found(uint64_t index, bool conf)
{
    uint8_t room[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct raft_conf c = conf_of(index);
    if (conf) {
        raft_conf_encode(&c, &w);
    }
    struct log_entry e = { index, 1, conf ? RAFT_ENTRY_CONF : RAFT_ENTRY_COMMAND,
                           writer_bytes(&w) };
    e.data.count = conf ? e.data.count : (size_t)index;
    boot_log_found(&b, &e);
}

static void read_log(const char *words)
{
    memset(&b, 0, sizeof b);
    for (const char *at = words; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " ")) {
        uint64_t index = strtoull(at + 1, NULL, 10);
        if (*at == 't') {
            boot_log_truncated(&b, index);
        } else if (*at == 'i') {
            boot_log_installed(&b);
        } else {
            found(index, *at == 'c');
        }
    }
}

struct row {
    const char *log;
    uint64_t known; /* configuration of the state machine, which has applied so much */
    uint64_t applied;
    uint64_t effective;
    uint64_t committed;
};

static void check_row(const struct row *row)
{
    struct raft_boot boot = { .applied = row->applied };
    struct raft_conf known = row->known > 0 ? conf_of(row->known) : (struct raft_conf){ 0 };
    read_log(row->log);
    boot_log_conf(&b, &known, &boot);
    if (boot.effective.index != row->effective || boot.committed.index != row->committed) {
        printf("# %s: effective %llu, committed %llu\n", row->log,
               (unsigned long long)boot.effective.index, (unsigned long long)boot.committed.index);
    }
    CHECK_U64(boot.effective.index, row->effective);
    CHECK_U64(boot.committed.index, row->committed);
    CHECK_U64(boot.effective.voter_count, row->effective);
    CHECK_U64(boot.committed.voter_count, row->committed);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_row(&rows[i]);
    }
}

static void configurations(void)
{
    static const struct row rows[] = {
        { "", 0, 0, 0, 0 },
        { "c1 e2", 0, 0, 1, 0 },
        { "c1 e2 c3", 0, 0, 3, 1 },
        { "c1 e2 c3 e4 c5", 0, 0, 5, 3 },
        { "c1 e2 c3 e4", 1, 2, 3, 1 },
        { "c1 e2 c3 e4", 3, 3, 3, 3 }, /* applied: it is committed */
        { "e5 e6", 4, 4, 4, 4 },       /* the log was shortened behind it */
        { "e5 c6 c7", 4, 4, 7, 6 },
        { "c2 c3 i7 e8", 7, 7, 7, 7 },
        { "c2 c3 i7 c8", 7, 7, 8, 7 },
    };
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void truncated(void)
{
    static const struct row rows[] = {
        { "c1 c2 t1 e2", 0, 0, 1, 0 },
        { "c1 c2 c3 t2 e3", 0, 0, 2, 1 }, /* the one before is remembered too */
        { "c1 c2 c3 t2 c3", 0, 0, 3, 2 },
        { "c1 c2 c3 t2 c3 t2 e3", 0, 0, 2, 1 }, /* so often it takes */
        { "c1 c2 c3 c4 t3 c4 c5 t4", 0, 0, 4, 3 },
        { "c1 c2 e3 t2 e3", 0, 0, 2, 1 },
        { "c1 c2 c3 t2 e3", 1, 1, 2, 1 },
        { "c4 c5 t0 c1", 0, 0, 1, 0 },
    };
    check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void sizes(void)
{
    uint32_t out[3] = { 0 };
    read_log("e7 e8 e9 t7 e8 e9");
    found(RAFT_SIZE_RING + 7, false); /* in the place of entry 7 */
    boot_log_sizes(&b, 9, out, 2);
    CHECK(out[0] == 8 && out[1] == 9 && out[2] == 0);
    boot_log_sizes(&b, RAFT_SIZE_RING + 7, out, 1);
    CHECK_U64(out[0], RAFT_SIZE_RING + 7);
}

int main(void)
{
    TAP_TEST("boot: a start tells the newest configuration and the one before it", configurations);
    TAP_TEST("boot: so it does where the newest was truncated later in the log", truncated);
    TAP_TEST("boot: sizes are those of the newest entries, in their order", sizes);
    return tap_done();
}
