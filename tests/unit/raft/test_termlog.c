/* tests/unit/raft/test_termlog.c -- Subject: what the core knows of its log. Method: seeded lists
 * of operations on the term log and on a plain array with one term and one size an index; after
 * each, everything that the log says is looked up in the array. A list that fails is cut down to
 * the operations that it needs, and printed with its seed.
 *
 * usage: test_raft_termlog [FIRST-SEED COUNT] */
#include "tap.h"

#include "base/prng.h"
#include "raft/impl.h"

enum {
    SEEDS = 400,
    OPS_MAX = 200,
    LAST_MAX = 2 * RAFT_SIZE_RING, /* more than sizes are remembered of */
    LOOKS = 24,                    /* indices a check looks at, besides the ends */
};

enum op_kind {
    OP_PUSH,    /* entries of the newest term or a later one */
    OP_BURST,   /* so many that sizes are forgotten; rare */
    OP_CUT,     /* truncate */
    OP_COMMIT,  /* and apply */
    OP_COMPACT, /* what is applied */
    OP_RESTART, /* a snapshot takes the place of the log */
    OP_KINDS
};

struct op {
    enum op_kind kind;
    uint64_t arg; /* of any value: what it means follows from the state */
};

/* The naive log: everything by index. */
static struct {
    uint64_t base, last, commit;
    uint64_t known; /* sizes from here on */
    uint64_t term[LAST_MAX + 2];
    uint32_t size[LAST_MAX + 2];
} naive;

static struct raft *core;
static const char *wrong;
static uint64_t seed_now;

/* Which list a panic of the core ended. */
static void name_seed(void *arg, int fd)
{
    (void)arg;
    dprintf(fd, "\n# seed %llu\n", (unsigned long long)seed_now);
}

static void hold(bool good, const char *what)
{
    wrong = good || wrong != NULL ? wrong : what;
}

/* ---- the same on both sides ---- */

static void push(uint64_t term, uint32_t size)
{
    if (naive.last == LAST_MAX) {
        return;
    }
    raft_log_push(core, term, size);
    naive.last++;
    naive.term[naive.last] = term;
    naive.size[naive.last] = size;
    if (naive.last - naive.known >= RAFT_SIZE_RING) {
        naive.known = naive.last - RAFT_SIZE_RING + 1;
    }
}

static void cut(uint64_t arg)
{
    uint64_t room = naive.last - naive.commit;
    if (room == 0) {
        return;
    }
    uint64_t to = naive.commit + arg % room;
    core->durable = naive.last; /* whatever was durable, what is gone is not */
    raft_log_truncate(core, to);
    hold(core->durable == to, "what was truncated is still durable");
    naive.last = to;
    naive.known = naive.known > to + 1 ? to + 1 : naive.known;
}

static void commit(uint64_t arg)
{
    uint64_t to = naive.commit + arg % (naive.last - naive.commit + 1);
    raft_log_settle(core, core->commit + 1, to);
    core->commit = core->applied = to;
    naive.commit = to;
}

static void compact(uint64_t arg)
{
    uint64_t room = naive.commit - naive.base;
    if (room > 0) {
        naive.base += 1 + arg % room;
        naive.known = naive.known > naive.base ? naive.known : naive.base + 1;
        raft_log_compact(core, naive.base);
    }
}

static void restart(uint64_t arg)
{
    uint64_t index = naive.commit + 1 + arg % 50;
    uint64_t term = naive.term[naive.commit] + 1 + arg % 3;
    if (index > LAST_MAX) {
        return;
    }
    raft_log_restart(core, index, term);
    core->applied = index;
    naive.base = naive.last = naive.commit = index;
    naive.term[index] = term;
    naive.known = index + 1;
}

static void play(const struct op *op)
{
    uint64_t term = naive.term[naive.last];
    bool room = core->run_count + 2 < RAFT_TERM_RUNS_MAX;
    switch (op->kind) {
    case OP_PUSH:
        for (uint64_t i = 0; i <= op->arg % 5; i++) {
            bool later = room && (op->arg >> 8) % 3 == 0;
            push(term + (later ? 1 + (op->arg >> 16) % 3 : term == 0), (uint32_t)(op->arg % 1000));
        }
        break;
    case OP_BURST:
        for (uint64_t i = 0; i < RAFT_SIZE_RING - 100 + op->arg % 200; i++) {
            push(term == 0 ? 1 : term, (uint32_t)(i % 7));
        }
        break;
    case OP_CUT:
        cut(op->arg);
        break;
    case OP_COMMIT:
        commit(op->arg);
        break;
    case OP_COMPACT:
        compact(op->arg);
        break;
    default:
        restart(op->arg);
        break;
    }
}

/* ---- everything that the log says ---- */

static void look(uint64_t index)
{
    bool here = index > naive.base && index <= naive.last;
    uint64_t term = here || index == naive.base ? naive.term[index] : 0;
    hold(raft_term_at(core, index) == term, "a term is another");
    uint64_t first = index;
    while (here && first - 1 > naive.base && naive.term[first - 1] == term && index - first < 64) {
        first--;
    }
    if (index - first < 64) { /* of a longer run the far end is looked at from near it */
        hold(raft_log_term_first(core, index) == first, "a term's first entry is another");
    }
    uint32_t size = here && index >= naive.known ? naive.size[index] : UINT32_MAX;
    hold(raft_log_size(core, index) == size, "a size is another");
}

/* The last entry whose term is at most this one: what a conflict hint asks for. */
static void look_back(uint64_t term)
{
    uint64_t at = naive.last;
    while (at > naive.base && naive.term[at] > term) {
        at--;
    }
    hold(raft_log_term_last(core, term) == at, "the last entry of a term is another");
}

static void judge(struct prng *p)
{
    uint64_t bytes = 0;
    hold(core->last == naive.last && core->snap_index == naive.base, "the ends are others");
    uint32_t runs = 0;
    for (uint64_t i = naive.base + 1; i <= naive.last; i++) {
        runs += i == naive.base + 1 || naive.term[i] != naive.term[i - 1];
    }
    hold(core->run_count == runs, "not one run a term");
    for (uint64_t i = naive.known > naive.commit ? naive.known : naive.commit + 1; i <= naive.last;
         i++) {
        bytes += naive.size[i];
    }
    hold(core->uncommitted_bytes == bytes, "the account of uncommitted bytes is wrong");
    look(naive.base);
    look(naive.base + 1);
    look(naive.known);
    look(naive.known > 0 ? naive.known - 1 : 0);
    look(naive.last);
    look(naive.last + 1);
    for (int i = 0; i < LOOKS; i++) {
        uint64_t index = prng_below(p, naive.last + 2);
        look(index);
        look_back(naive.term[index <= naive.last ? index : naive.last] + (uint64_t)i % 3);
    }
}

/* ---- lists ---- */

static uint32_t make(uint64_t seed, struct op *ops)
{
    struct prng p;
    prng_seed(&p, seed);
    bool bursts = seed % 16 == 0;
    uint32_t count = 20 + (uint32_t)prng_below(&p, OPS_MAX - 20);
    for (uint32_t i = 0; i < count; i++) {
        static const enum op_kind often[] = { OP_PUSH, OP_PUSH,   OP_PUSH,    OP_CUT,
                                              OP_CUT,  OP_COMMIT, OP_COMPACT, OP_RESTART };
        uint64_t dice = prng_below(&p, sizeof often / sizeof often[0]);
        ops[i] = (struct op){ often[dice], prng_next(&p) >> 8 };
        bool again = ops[i].kind == OP_RESTART && prng_below(&p, 4) > 0;
        ops[i].kind = again ? OP_PUSH : ops[i].kind;
        ops[i].kind = bursts && prng_below(&p, 40) == 0 ? OP_BURST : ops[i].kind;
    }
    return count;
}

/* NULL, or what did not hold. */
static const char *run(uint64_t seed, const struct op *ops, uint32_t count)
{
    struct prng p;
    prng_seed(&p, seed + 1);
    memset(core, 0, raft_size());
    memset(&naive, 0, offsetof(__typeof__(naive), term));
    core->size_first = naive.known = 1;
    naive.term[0] = 0;
    wrong = NULL;
    for (uint32_t i = 0; i < count && wrong == NULL; i++) {
        play(&ops[i]);
        judge(&p);
    }
    return wrong;
}

/* Leave out what is not needed for it to fail. */
static uint32_t shrink(uint64_t seed, struct op *ops, uint32_t count)
{
    for (uint32_t i = count; i > 0; i--) {
        struct op without[OPS_MAX];
        memcpy(without, ops, (i - 1) * sizeof *ops);
        memcpy(without + i - 1, ops + i, (count - i) * sizeof *ops);
        if (run(seed, without, count - 1) != NULL) {
            memcpy(ops, without, --count * sizeof *ops);
        }
    }
    return count;
}

static void seeds(uint64_t first, uint64_t count)
{
    static const char *const names[OP_KINDS] = { "push",   "burst",   "cut",
                                                 "commit", "compact", "restart" };
    static struct op ops[OPS_MAX];
    for (uint64_t seed = first; seed < first + count; seed++) {
        seed_now = seed;
        uint32_t length = make(seed, ops);
        if (run(seed, ops, length) == NULL) {
            continue;
        }
        length = shrink(seed, ops, length);
        printf("# seed %llu: %s, after", (unsigned long long)seed, run(seed, ops, length));
        for (uint32_t i = 0; i < length; i++) {
            printf(" %s(%llu)", names[ops[i].kind], (unsigned long long)ops[i].arg);
        }
        printf("\n");
        CHECK(false);
    }
}

static uint64_t wanted[2] = { 1, SEEDS };

static void all(void)
{
    seeds(wanted[0], wanted[1]);
}

int main(int argc, char **argv)
{
    for (int i = 1; argc == 3 && i < argc; i++) {
        wanted[i - 1] = strtoull(argv[i], NULL, 10);
    }
    panic_hook_set(name_seed, NULL);
    core = calloc(1, raft_size());
    TAP_TEST("termlog: it says what an array of terms and sizes says", all);
    free(core);
    return tap_done();
}
