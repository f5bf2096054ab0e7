/* tests/unit/sim/test_lincheck_random.c -- Subject: the judge of histories. Method: histories of a
 * model with concurrency, whole and with one violation planted; the time that large ones take. */
#include "model.h"

#include <time.h>

enum {
    ROUNDS = 2000
};

static void model_is_good(void)
{
    uint64_t searched = 0;
    start();
    prng_seed(&rng, 1);
    for (int i = 0; i < ROUNDS; i++) {
        struct shape shape = shape_draw();
        history_done(&h);
        model_run(&shape, 10 + (uint32_t)prng_below(&rng, 400));
        judge(0);
        searched += r.searched;
        if (r.verdict != LINCHECK_GOOD) {
            printf("# round %d: %s\n", i, r.reason);
        }
        CHECK(r.verdict == LINCHECK_GOOD);
    }
    printf("# %llu keys searched\n", (unsigned long long)searched);
    CHECK(searched > 500);
    stop();
}

/* ---- One violation planted ---- */

static uint32_t inv_of(uint32_t row)
{
    uint32_t inv = row;
    while (h.rows[inv].process != h.rows[row].process || h.rows[inv].event != HISTORY_INV) {
        inv--;
    }
    return inv;
}

static bool found(const struct history_row *row)
{
    return row->event == HISTORY_OK && row->op == HISTORY_GET && row->value.data != NULL;
}

/* The last get of that key that found something (that value, or any other) and ended before the
 * operation began whose answer is at row; 0: none. */
static uint32_t found_before(uint32_t row, bool same, struct bytes value)
{
    uint32_t inv = inv_of(row);
    for (uint32_t i = inv; i-- > 1;) {
        if (found(&h.rows[i]) && h.rows[i].t_ns < h.rows[inv].t_ns &&
            bytes_equal(h.rows[i].key, h.rows[row].key) &&
            bytes_equal(h.rows[i].value, value) == same) {
            return i;
        }
    }
    return 0;
}

/* A get whose value another get found before, and before that one began a third one found another
 * value: returns its row and the third one's; 0: none. */
static uint32_t stale_read(uint32_t *out_old)
{
    for (int tries = 0; tries < 50; tries++) {
        uint32_t at = (uint32_t)prng_below(&rng, h.row_count);
        if (!found(&h.rows[at])) {
            continue;
        }
        uint32_t between = found_before(at, true, h.rows[at].value);
        *out_old = between > 0 ? found_before(between, false, h.rows[at].value) : 0;
        if (*out_old > 0) {
            return at;
        }
    }
    return 0;
}

/* With values that are never written twice, a value that was read, and was overwritten according to
 * a later read that ended before, cannot be read again. */
static void plant_stale(void)
{
    int planted = 0;
    start();
    prng_seed(&rng, 2);
    for (int i = 0; i < ROUNDS; i++) {
        struct shape shape = shape_draw();
        uint32_t old = 0;
        shape.few_values = false;
        history_done(&h);
        model_run(&shape, 100 + (uint32_t)prng_below(&rng, 300));
        uint32_t at = stale_read(&old);
        if (at == 0) {
            continue;
        }
        planted++;
        h.rows[at].value = h.rows[old].value;
        h.rows[at].revision = h.rows[at].revision == 0 ? 0 : h.rows[old].revision;
        judge(0);
        if (r.verdict != LINCHECK_BAD) {
            printf("# round %d row %u: %s\n", i, at + 1, lincheck_verdict_name(r.verdict));
        }
        CHECK(r.verdict == LINCHECK_BAD);
        CHECK(bytes_equal(r.key, h.rows[at].key));
    }
    printf("# %d planted\n", planted);
    CHECK(planted > ROUNDS / 10);
    stop();
}

/* A found value that is nobody's, or at another value's revision. */
static void plant_reply(void)
{
    int planted = 0;
    start();
    prng_seed(&rng, 3);
    for (int i = 0; i < ROUNDS; i++) {
        struct shape shape = shape_draw();
        shape.no_revision = 0;
        history_done(&h);
        model_run(&shape, 100 + (uint32_t)prng_below(&rng, 300));
        uint32_t at = (uint32_t)prng_below(&rng, h.row_count);
        struct history_row *row = &h.rows[at];
        if (row->event != HISTORY_OK || row->op != HISTORY_GET || row->value.data == NULL) {
            continue;
        }
        planted++;
        uint32_t other = found_before(at, false, row->value);
        if (other > 0 && row->revision > 0 && h.rows[other].revision > 0) {
            row->revision = h.rows[other].revision;
        } else {
            row->value = bytes_text("nobody's");
        }
        judge(0);
        CHECK(r.verdict == LINCHECK_BAD);
    }
    printf("# %d planted\n", planted);
    CHECK(planted > ROUNDS / 40);
    stop();
}

/* ---- Time ---- */

static double seconds_for(uint32_t rows, uint32_t keys, uint32_t info)
{
    struct shape shape = { .processes = 8, .keys = keys, .info = info };
    history_done(&h);
    model_run(&shape, rows);
    clock_t from = clock();
    judge(0);
    double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
    printf("# %u events on %u keys, %u %% unknown: %s in %.3f s, %llu searched, %llu states\n",
           rows, keys, info, lincheck_verdict_name(r.verdict), seconds,
           (unsigned long long)r.searched, (unsigned long long)r.states);
    CHECK(r.verdict == LINCHECK_GOOD);
    CHECK(r.states <= r.ops); /* revisions leave a search nothing to guess */
    return seconds;
}

/* Generous by an order of magnitude: a checker that is not near-linear takes minutes. */
static void speed(void)
{
    start();
    prng_seed(&rng, 5);
    CHECK(seconds_for(100000, 20, 0) < 2);
    CHECK(seconds_for(100000, 1, 0) < 2);
    CHECK(seconds_for(100000, 1, 5) < 4);
    CHECK(seconds_for(1000000, 64, 0) < 15);
    CHECK(seconds_for(1000000, 64, 2) < 30);
    stop();
}

int main(void)
{
    TAP_TEST("lincheck: what a model with concurrency did is good", model_is_good);
    TAP_TEST("lincheck: one planted stale read is found, at its key", plant_stale);
    TAP_TEST("lincheck: one planted false reply is found", plant_reply);
    TAP_TEST("lincheck: a million events take seconds", speed);
    return tap_done();
}
