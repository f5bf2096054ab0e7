/* tests/unit/sim/test_lincheck_orders.c -- Subject: the judge of histories. Method: small histories
 * of chance, with little lies in them, against a judge that tries every order. */
#include "model.h"

enum {
    SMALL_OPS = 8,
    ROUNDS = 60000
};

struct small {
    struct history_row inv, ans;
    uint32_t inv_row, ans_row;
    bool known, maybe;
};

struct brute {
    struct small op[SMALL_OPS];
    int count;
    bool before[SMALL_OPS][SMALL_OPS];
};

struct point {
    uint32_t done; /* bits */
    struct bytes value;
    int64_t revision; /* of the version that stands; the least that it may be when loose */
    bool loose;
};

static bool same(struct bytes a, struct bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && bytes_equal(a, b);
}

static void write_loose(struct point *p, struct bytes value)
{
    p->value = value;
    p->revision++;
    p->loose = true;
}

/* Operation o comes next; false: it cannot. */
static bool point_step(struct point *p, const struct small *o)
{
    int64_t revision = o->known ? o->ans.revision : 0;
    if (o->inv.op == HISTORY_GET) {
        if (!same(p->value, o->ans.value)) {
            return false;
        }
        if (p->value.data == NULL || revision == 0) {
            return true;
        }
        if (p->loose ? revision < p->revision : revision != p->revision) {
            return false;
        }
        p->revision = revision;
        p->loose = false;
        return true;
    }
    if (o->inv.op == HISTORY_CAS && !same(p->value, o->inv.old)) {
        return false;
    }
    if (o->inv.op == HISTORY_DEL && p->value.data == NULL) {
        if (revision != 0 && revision < p->revision) {
            return false;
        }
        p->loose = revision != 0 ? false : p->loose;
        p->revision = revision != 0 ? revision : p->revision;
        return true;
    }
    if (revision == 0) {
        write_loose(p, o->inv.value);
        return true;
    }
    if (revision <= p->revision) {
        return false;
    }
    *p = (struct point){ p->done, o->inv.value, revision, false };
    return true;
}

static bool brute_good(const struct brute *b, struct point p)
{
    bool all = true;
    for (int i = 0; i < b->count; i++) {
        all = all && (!b->op[i].known || (p.done & 1u << i) != 0);
    }
    if (all) {
        return true;
    }
    for (int i = 0; i < b->count; i++) {
        bool may = (p.done & 1u << i) == 0 && (b->op[i].known || b->op[i].maybe);
        for (int j = 0; j < b->count && may; j++) {
            may = !b->before[j][i] || (p.done & 1u << j) != 0;
        }
        struct point next = p;
        next.done |= 1u << i;
        if (may && point_step(&next, &b->op[i]) && brute_good(b, next)) {
            return true;
        }
    }
    return false;
}

static bool brute(void)
{
    struct brute b;
    memset(&b, 0, sizeof b);
    for (uint32_t i = 0; i < h.row_count; i++) {
        const struct history_row *row = &h.rows[i];
        if (row->event == HISTORY_INV) {
            b.op[b.count++] = (struct small){ .inv = *row, .inv_row = i, .ans_row = UINT32_MAX };
            b.op[b.count - 1].maybe = row->op != HISTORY_GET;
            continue;
        }
        int at = b.count - 1;
        while (b.op[at].inv.process != row->process) {
            at--;
        }
        b.op[at].ans = *row;
        b.op[at].ans_row = i;
        b.op[at].known = row->event == HISTORY_OK;
        b.op[at].maybe = b.op[at].maybe && row->event == HISTORY_INFO;
    }
    for (int i = 0; i < b.count; i++) {
        for (int j = 0; j < b.count; j++) {
            const struct small *x = &b.op[i];
            const struct small *y = &b.op[j];
            b.before[i][j] =
                x->known && (x->ans.t_ns < y->inv.t_ns ||
                             (x->inv.process == y->inv.process && x->ans_row < y->inv_row));
        }
    }
    return brute_good(&b, (struct point){ 0, bytes_of(NULL, 0), 0, false });
}

/* A little lie, or none. */
static void disturb(void)
{
    static const char *const values[] = { "v0", "v1", "v2", "v3" };
    for (uint64_t n = prng_below(&rng, 12); n > 0; n--) {
        struct history_row *row = &h.rows[prng_below(&rng, h.row_count)];
        bool get = row->event == HISTORY_OK && row->op == HISTORY_GET;
        if (get && chance(50)) {
            row->value = chance(20) ? bytes_of(NULL, 0) : bytes_text(values[prng_below(&rng, 4)]);
        } else if (row->event == HISTORY_OK && row->revision != 0) {
            row->revision = chance(30) ? 0 : 1 + (int64_t)prng_below(&rng, 7);
        } else if (row->event == HISTORY_INV && row->op == HISTORY_CAS) {
            row->old = chance(30) ? bytes_of(NULL, 0) : bytes_text(values[prng_below(&rng, 4)]);
        } else if (row->event == HISTORY_OK && !get) {
            row->event = chance(50) ? HISTORY_INFO : HISTORY_FAIL;
            row->revision = 0;
        }
    }
}

static void print_history(void)
{
    for (uint32_t i = 0; i < h.row_count; i++) {
        const struct history_row *row = &h.rows[i];
        printf("#   %llu p%u %s %s v=%.*s old=%.*s rev=%lld\n", (unsigned long long)row->t_ns,
               row->process, history_event_name(row->event), history_op_name(row->op),
               (int)row->value.count, row->value.data != NULL ? (const char *)row->value.data : "",
               (int)row->old.count, row->old.data != NULL ? (const char *)row->old.data : "",
               (long long)row->revision);
    }
}

static void every_order(void)
{
    int verdicts[4] = { 0 };
    uint64_t searched = 0;
    start();
    prng_seed(&rng, 4);
    for (int i = 0; i < ROUNDS; i++) {
        struct shape shape = shape_draw();
        shape.keys = 1;
        shape.few_values = true;
        uint32_t rows = 6 + (uint32_t)prng_below(&rng, 10);
        history_done(&h);
        model_run(&shape, rows);
        uint32_t ops = 0;
        for (uint32_t row = 0; row < h.row_count; row++) {
            ops += h.rows[row].event == HISTORY_INV;
        }
        if (ops > SMALL_OPS) {
            continue;
        }
        disturb();
        judge(0);
        searched += r.searched;
        verdicts[r.verdict]++;
        bool expected = brute();
        if (r.verdict != (expected ? LINCHECK_GOOD : LINCHECK_BAD)) {
            printf("# round %d: %s, expected %s: %s\n", i, lincheck_verdict_name(r.verdict),
                   expected ? "good" : "bad", r.reason);
            print_history();
        }
        CHECK(r.verdict == (expected ? LINCHECK_GOOD : LINCHECK_BAD));
    }
    printf("# %d good, %d bad, %llu searched\n", verdicts[LINCHECK_GOOD], verdicts[LINCHECK_BAD],
           (unsigned long long)searched);
    CHECK(verdicts[LINCHECK_GOOD] > ROUNDS / 5 && verdicts[LINCHECK_BAD] > ROUNDS / 10);
    CHECK(searched > ROUNDS / 10);
    stop();
}

int main(void)
{
    TAP_TEST("lincheck: small histories get the verdict of trying every order", every_order);
    return tap_done();
}
