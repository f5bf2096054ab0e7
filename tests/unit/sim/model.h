/* tests/unit/sim/model.h -- histories of chance: clients of a model whose operations take effect at
 * one moment between their ends, so that what they were told is linearizable. */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "tap.h"

#include "base/prng.h"
#include "sim/lincheck.h"

enum {
    PROCESSES = 12,
    KEYS_MAX = 64,
    VALUES = 4 /* where they are to meet */
};

static struct mem mem;
static struct history h;
static struct lincheck_result r;
static struct prng rng;

static bool chance(uint64_t percent)
{
    return prng_below(&rng, 100) < percent;
}

static void start(void)
{
    mem_init(&mem, "lincheck", (size_t)1 << 30);
    history_init(&h, &mem);
}

static void stop(void)
{
    history_done(&h);
    CHECK_U64(mem.used, 0);
}

static void judge(uint64_t states)
{
    lincheck_run(&h, &mem, &(struct lincheck_options){ .states_max = states }, &r);
}

/* ---- A model: operations take effect at one moment between their ends ---- */

struct shape {
    uint32_t processes, keys;
    uint32_t info, fail, no_revision; /* percent */
    bool few_values;
    bool revision_per_reply; /* no_revision is drawn for each, not for all */
};

struct client {
    struct history_row row;
    char value[16], old[16];
    bool open, done, never; /* has taken effect, never does */
    struct history_row answer;
};

static struct {
    struct shape shape;
    struct client client[PROCESSES];
    char value[KEYS_MAX][16]; /* "": absent */
    int64_t revision[KEYS_MAX];
    int64_t store;
    uint64_t t, serial;
} m;

static const char *const key_names =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

static struct bytes key_of(uint32_t key)
{
    return bytes_of(key_names + key, 1);
}

static uint32_t key_at(const struct history_row *row)
{
    return (uint32_t)(strchr(key_names, row->key.data[0]) - key_names);
}

static struct bytes value_of(const char *text)
{
    return text[0] != '\0' ? bytes_text(text) : bytes_of(NULL, 0);
}

static void value_draw(char out[16])
{
    uint64_t n = m.shape.few_values ? prng_below(&rng, VALUES) : ++m.serial;
    snprintf(out, 16, "v%llu", (unsigned long long)n);
}

static void model_begin(uint32_t process)
{
    struct client *c = &m.client[process];
    uint32_t key = (uint32_t)prng_below(&rng, m.shape.keys);
    memset(c, 0, sizeof *c);
    c->open = true;
    c->never = chance(m.shape.info / 2);
    c->row = (struct history_row){ .t_ns = m.t, .process = process, .key = key_of(key) };
    c->row.op = (enum history_op)prng_below(&rng, 4);
    if (c->row.op == HISTORY_PUT || c->row.op == HISTORY_CAS) {
        value_draw(c->value);
        c->row.value = value_of(c->value);
    }
    if (c->row.op == HISTORY_CAS) {
        strcpy(c->old, m.value[key]);
        c->row.old = value_of(c->old);
    }
    CHECK(history_add(&h, &c->row) == ERR_OK);
    if (c->row.op != HISTORY_GET && chance(m.shape.fail)) { /* refused */
        c->done = true;
        c->never = false;
        c->answer = c->row;
        c->answer.event = HISTORY_FAIL;
    }
}

static void model_effect(struct client *c)
{
    uint32_t key = key_at(&c->row);
    c->done = true;
    c->answer = c->row;
    c->answer.event = HISTORY_OK;
    if (c->row.op == HISTORY_GET) {
        strcpy(c->value, m.value[key]);
        c->answer.value = value_of(c->value);
        c->answer.revision = m.revision[key];
        return;
    }
    bool writes = c->row.op == HISTORY_PUT || m.value[key][0] != '\0';
    if (c->row.op == HISTORY_CAS) {
        writes = strcmp(m.value[key], c->old) == 0;
        c->answer.event = writes ? HISTORY_OK : HISTORY_FAIL;
    }
    if (writes) {
        strcpy(m.value[key], c->value);
        m.revision[key] = ++m.store;
    }
    c->answer.revision = m.store;
}

static void model_end(struct client *c, bool revisions)
{
    c->open = false;
    c->answer.t_ns = m.t;
    if (c->never || chance(m.shape.info)) {
        c->answer = c->row;
        c->answer.t_ns = m.t;
        c->answer.event = HISTORY_INFO;
    } else if (!revisions || (m.shape.revision_per_reply && chance(m.shape.no_revision))) {
        c->answer.revision = 0;
    }
    CHECK(history_add(&h, &c->answer) == ERR_OK);
}

static void model_run(const struct shape *shape, uint32_t rows)
{
    memset(&m, 0, sizeof m);
    m.shape = *shape;
    m.store = 1;
    m.t = 100;
    bool revisions = shape->revision_per_reply || !chance(shape->no_revision);
    while (h.row_count < rows) {
        uint32_t process = (uint32_t)prng_below(&rng, shape->processes);
        struct client *c = &m.client[process];
        m.t += prng_below(&rng, 3);
        if (!c->open) {
            model_begin(process);
        } else if (c->never || c->done) {
            model_end(c, revisions);
        } else {
            model_effect(c);
        }
    }
}

static struct shape shape_draw(void)
{
    struct shape s = { .processes = 1 + (uint32_t)prng_below(&rng, PROCESSES),
                       .keys = 1 + (uint32_t)prng_below(&rng, 5),
                       .info = chance(60) ? (uint32_t)prng_below(&rng, 40) : 0,
                       .fail = (uint32_t)prng_below(&rng, 10),
                       .few_values = chance(40),
                       .revision_per_reply = chance(30) };
    s.no_revision = (uint32_t)prng_below(&rng, 50);
    return s;
}

#endif
