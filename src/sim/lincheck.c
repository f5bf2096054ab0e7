/* sim/lincheck.c -- rows become operations, operations are cut by key, keys are judged.
 *
 * All keys are judged by their revisions first and searched only then, each time in the order of
 * their length, so that what is cheap to find is found before what is not.
 */
#include "sim/lincheck_impl.h"

#include "base/panic.h"

#include <stdio.h>
#include <stdlib.h>

#define STATES_MAX (UINT64_C(1) << 40) /* of options; keeps sums from overflowing */

enum {
    BEFORE_STEPS_MAX = 64 /* operations of one process looked back at within one instant */
};

#define WHY_STATES "the limit of states was reached"
#define WHY_MEMORY "the limit of memory was reached"

struct process {
    uint32_t open; /* operation; LINCHECK_NONE */
    uint32_t last; /* the one before it */
};

struct key_part {
    uint32_t begin; /* in events */
    uint32_t count;
    uint32_t key;
    uint32_t ops;
};

struct lincheck {
    const struct history *h;
    struct mem *mem;
    struct lincheck_result *result;
    struct lincheck_ids keys;
    struct lincheck_ids process_ids;
    struct lincheck_op *ops;
    uint32_t *previous; /* by operation: the process's one before; LINCHECK_NONE */
    uint32_t *row_op;   /* by row */
    struct process *processes;
    struct key_part *parts;
    uint32_t *events;
    uint32_t op_count;
    uint64_t states_left;
    struct bytes unknown_key; /* the first one not decided */
    const char *unknown_why;
};

static enum err malformed(struct lincheck *l, uint32_t row, const char *what)
{
    const struct history_row *r = &l->h->rows[row];
    l->result->verdict = LINCHECK_MALFORMED;
    l->result->key = r->key;
    l->result->row = row + 1;
    l->result->process = r->process;
    l->result->t_ns = r->t_ns;
    snprintf(l->result->reason, sizeof l->result->reason, "%s", what);
    return ERR_MALFORMED;
}

/* ---- Operations ---- */

static enum err row_check(struct lincheck *l, uint32_t row)
{
    const struct history_row *r = &l->h->rows[row];
    if ((unsigned)r->event > HISTORY_INFO || (unsigned)r->op > HISTORY_CAS) {
        return malformed(l, row, "no such event or operation");
    }
    if (row > 0 && r->t_ns < r[-1].t_ns) {
        return malformed(l, row, "time goes back");
    }
    if (r->t_ns == UINT64_MAX) {
        return malformed(l, row, "the time is out of range");
    }
    if (r->key.data == NULL || r->key.count == 0) {
        return malformed(l, row, "the key is empty");
    }
    if (r->event == HISTORY_INV && r->op == HISTORY_PUT && r->value.data == NULL) {
        return malformed(l, row, "a put has no value");
    }
    return r->revision < 0 ? malformed(l, row, "a revision is negative") : ERR_OK;
}

/* The operation of the same process and key that ended at the very time at which op begins. */
static uint32_t before_of(const struct lincheck *l, const struct lincheck_op *o, uint32_t previous)
{
    for (int i = 0; i < BEFORE_STEPS_MAX && previous != LINCHECK_NONE; i++) {
        const struct lincheck_op *p = &l->ops[previous];
        if (p->ret_ns != o->inv_ns) {
            break;
        }
        if (p->key == o->key && p->outcome == LINCHECK_KNOWN) {
            return previous;
        }
        previous = l->previous[previous];
    }
    return LINCHECK_NONE;
}

static enum err begin(struct lincheck *l, uint32_t row, struct process *p)
{
    const struct history_row *r = &l->h->rows[row];
    if (p->open != LINCHECK_NONE) {
        return malformed(l, row, "the process has an operation open already");
    }
    uint32_t op = l->op_count++;
    struct lincheck_op *o = &l->ops[op];
    *o = (struct lincheck_op){ .inv_ns = r->t_ns,
                               .ret_ns = UINT64_MAX,
                               .inv_row = row,
                               .ret_row = LINCHECK_NONE,
                               .op = r->op,
                               .outcome = r->op == HISTORY_GET ? LINCHECK_MOOT : LINCHECK_MAYBE };
    TRY(lincheck_ids_of(&l->keys, r->key, &o->key));
    o->before = before_of(l, o, p->last);
    l->previous[op] = p->last;
    l->row_op[row] = op;
    p->open = op;
    return ERR_OK;
}

static enum err end(struct lincheck *l, uint32_t row, struct process *p)
{
    const struct history_row *r = &l->h->rows[row];
    if (p->open == LINCHECK_NONE) {
        return malformed(l, row, "the process has no operation open");
    }
    struct lincheck_op *o = &l->ops[p->open];
    if (o->op != r->op || !bytes_equal(l->h->rows[o->inv_row].key, r->key)) {
        return malformed(l, row, "the process has another operation open");
    }
    l->row_op[row] = p->open;
    o->ret_ns = r->t_ns;
    o->ret_row = row;
    if (r->event == HISTORY_OK) {
        o->outcome = LINCHECK_KNOWN;
    } else if (r->event == HISTORY_FAIL) {
        o->outcome = LINCHECK_MOOT;
    }
    p->last = p->open;
    p->open = LINCHECK_NONE;
    return ERR_OK;
}

static enum err pair(struct lincheck *l)
{
    for (uint32_t row = 0; row < l->h->row_count; row++) {
        const struct history_row *r = &l->h->rows[row];
        uint32_t known = l->process_ids.count;
        uint32_t id = 0;
        TRY(row_check(l, row));
        TRY(lincheck_ids_of(&l->process_ids, bytes_of(&r->process, sizeof r->process), &id));
        if (id == known) {
            l->processes[id] = (struct process){ LINCHECK_NONE, LINCHECK_NONE };
        }
        TRY(r->event == HISTORY_INV ? begin(l, row, &l->processes[id])
                                    : end(l, row, &l->processes[id]));
    }
    return ERR_OK;
}

/* ---- Keys ---- */

/* Rows that are events of their key: an invocation, or the answer to a known one. */
static bool is_event(const struct lincheck *l, uint32_t row)
{
    const struct lincheck_op *o = &l->ops[l->row_op[row]];
    return o->outcome == LINCHECK_KNOWN || (o->outcome == LINCHECK_MAYBE && row == o->inv_row);
}

static int part_compare(const void *a, const void *b)
{
    const struct key_part *x = a;
    const struct key_part *y = b;
    if (x->count != y->count) {
        return x->count < y->count ? -1 : 1;
    }
    return x->key < y->key ? -1 : x->key > y->key;
}

static enum err cut(struct lincheck *l)
{
    uint32_t keys = l->keys.count;
    l->parts = mem_alloc(l->mem, ((size_t)keys + 1) * sizeof *l->parts);
    if (l->parts == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < keys; i++) {
        l->parts[i] = (struct key_part){ .key = i };
    }
    for (uint32_t row = 0; row < l->h->row_count; row++) {
        l->parts[l->ops[l->row_op[row]].key].count += is_event(l, row);
    }
    for (uint32_t i = 0, begin = 0; i < keys; i++) {
        l->parts[i].begin = begin;
        begin += l->parts[i].count;
        l->parts[i].count = 0;
    }
    for (uint32_t row = 0; row < l->h->row_count; row++) {
        uint32_t op = l->row_op[row];
        struct key_part *part = &l->parts[l->ops[op].key];
        part->ops += row == l->ops[op].inv_row;
        if (is_event(l, row)) {
            l->events[part->begin + part->count++] = 2 * op + (row != l->ops[op].inv_row);
        }
    }
    qsort(l->parts, keys, sizeof *l->parts, part_compare);
    return ERR_OK;
}

static struct lincheck_key key_of(struct lincheck *l, const struct key_part *part)
{
    return (struct lincheck_key){ .mem = l->mem,
                                  .rows = l->h->rows,
                                  .ops = l->ops,
                                  .events = l->events + part->begin,
                                  .event_count = part->count,
                                  .states_left = l->states_left + part->ops,
                                  .result = l->result };
}

/* The verdict goes on from good to unknown to bad; true when it is final. */
static bool conclude(struct lincheck *l, const struct key_part *part, enum lincheck_step step)
{
    struct lincheck_result *r = l->result;
    if (step == LINCHECK_STEP_BAD) {
        r->verdict = LINCHECK_BAD;
        return true;
    }
    if ((step == LINCHECK_STEP_STATES || step == LINCHECK_STEP_MEMORY) &&
        r->verdict == LINCHECK_GOOD) {
        r->verdict = LINCHECK_UNKNOWN;
        l->unknown_key = l->keys.texts[part->key];
        l->unknown_why = step == LINCHECK_STEP_STATES ? WHY_STATES : WHY_MEMORY;
    }
    return false;
}

static enum lincheck_step search(struct lincheck *l, const struct key_part *part)
{
    struct lincheck_key k = key_of(l, part);
    uint64_t given = k.states_left;
    enum lincheck_step step = lincheck_versions_judge(&k);
    if (step == LINCHECK_STEP_SEARCH) {
        l->result->searched++;
        step = lincheck_search(&k);
    }
    lincheck_versions_done(&k);
    uint64_t used = given - k.states_left;
    l->result->states += used;
    used -= used < part->ops ? used : part->ops;
    l->states_left -= used;
    return step;
}

static void judge(struct lincheck *l)
{
    uint32_t rest = 0; /* parts[0..rest-1] are still to be searched, in the same order */
    for (uint32_t i = 0; i < l->keys.count; i++) {
        struct lincheck_key k = key_of(l, &l->parts[i]);
        l->result->keys++;
        l->result->ops += l->parts[i].ops;
        enum lincheck_step step = lincheck_versions_judge(&k);
        lincheck_versions_done(&k);
        if (conclude(l, &l->parts[i], step)) {
            return;
        }
        if (step == LINCHECK_STEP_SEARCH) {
            l->parts[rest++] = l->parts[i];
        }
    }
    for (uint32_t i = 0; i < rest; i++) {
        if (conclude(l, &l->parts[i], search(l, &l->parts[i]))) {
            return;
        }
    }
}

static enum err take(struct lincheck *l)
{
    size_t rows = (size_t)l->h->row_count + 1;
    l->ops = mem_alloc(l->mem, rows * sizeof *l->ops);
    l->previous = mem_alloc(l->mem, rows * sizeof *l->previous);
    l->row_op = mem_alloc(l->mem, rows * sizeof *l->row_op);
    l->processes = mem_alloc(l->mem, rows * sizeof *l->processes);
    l->events = mem_alloc(l->mem, rows * sizeof *l->events);
    bool all = l->ops != NULL && l->previous != NULL && l->row_op != NULL && l->processes != NULL &&
               l->events != NULL;
    return all ? ERR_OK : ERR_NO_MEMORY;
}

static void give(struct lincheck *l)
{
    mem_free(l->mem, l->ops);
    mem_free(l->mem, l->previous);
    mem_free(l->mem, l->row_op);
    mem_free(l->mem, l->processes);
    mem_free(l->mem, l->events);
    mem_free(l->mem, l->parts);
    lincheck_ids_done(&l->keys);
    lincheck_ids_done(&l->process_ids);
}

/* Good and unknown name no row, whatever suspicion there was meanwhile. */
static void settle(struct lincheck *l)
{
    struct lincheck_result *r = l->result;
    if (r->verdict == LINCHECK_BAD || r->verdict == LINCHECK_MALFORMED) {
        return;
    }
    r->row = 0;
    r->process = 0;
    r->t_ns = 0;
    r->key = l->unknown_key;
    snprintf(r->reason, sizeof r->reason, "%s", r->verdict == LINCHECK_GOOD ? "" : l->unknown_why);
}

void lincheck_run(const struct history *h, struct mem *mem, const struct lincheck_options *options,
                  struct lincheck_result *result)
{
    struct lincheck l = { .h = h, .mem = mem, .result = result, .unknown_why = WHY_MEMORY };
    uint64_t states = options != NULL ? options->states_max : 0;
    states = states > 0 ? states : LINCHECK_STATES_DEFAULT;
    l.states_left = states < STATES_MAX ? states : STATES_MAX;
    memset(result, 0, sizeof *result);
    lincheck_ids_init(&l.keys, mem);
    lincheck_ids_init(&l.process_ids, mem);
    enum err e = take(&l);
    e = e == ERR_OK ? pair(&l) : e;
    e = e == ERR_OK ? cut(&l) : e;
    if (e == ERR_OK) {
        judge(&l);
    } else if (e != ERR_MALFORMED) {
        result->verdict = LINCHECK_UNKNOWN;
    }
    settle(&l);
    give(&l);
}

const char *lincheck_verdict_name(enum lincheck_verdict v)
{
    static const char *const names[] = { "good", "bad", "unknown", "malformed" };
    return (unsigned)v < sizeof names / sizeof names[0] ? names[v] : "?";
}
