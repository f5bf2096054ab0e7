/* sim/lincheck_versions.c -- a key judged by the revisions that its replies carry.
 *
 * Writes in the order of their revisions are the versions of the key; a read stands in its version,
 * behind the write. That order must extend real time: when an operation begins, whatever ended
 * before lies in the same version or an earlier one. A read that found nothing carries no revision
 * and goes to the earliest absence that is left to it; the earliest is the best, since a later one
 * only forbids more. One sweep over the events checks all that.
 */
#include "sim/lincheck_impl.h"

#include "base/panic.h"

#include <inttypes.h>
#include <stdlib.h>

struct revved {
    int64_t revision;
    uint32_t op;
    bool reads;
    bool dels; /* a del may have found nothing, and then only says where the store was */
};

static int revved_compare(const void *a, const void *b)
{
    const struct revved *x = a;
    const struct revved *y = b;
    if (x->revision != y->revision) {
        return x->revision < y->revision ? -1 : 1;
    }
    if (x->reads != y->reads) {
        return x->reads ? 1 : -1;
    }
    if (x->dels != y->dels) {
        return x->dels ? 1 : -1; /* whatever else has this revision made it */
    }
    return x->op < y->op ? -1 : x->op > y->op;
}

/* What there is besides operations with a known version. */
struct extent {
    uint32_t revved;
    bool loose;        /* a write without known revision, and be it one that may never happen */
    bool loose_absent; /* one of those leaves the key absent */
    bool undecided;    /* something that a sweep cannot place */
};

static struct extent measure(const struct lincheck_key *k)
{
    struct extent x = { 0, false, false, false };
    for (uint32_t i = 0; i < k->event_count; i++) {
        const struct lincheck_op *o = &k->ops[k->events[i] / 2];
        if (k->events[i] % 2 == 1) {
            continue;
        }
        if (lincheck_op_revision(k, o) > 0) {
            x.revved++;
            continue;
        }
        if (lincheck_op_writes(o)) {
            x.loose = true;
            x.loose_absent |= lincheck_op_value(k, o).data == NULL;
            x.undecided |= o->outcome == LINCHECK_KNOWN && o->op != HISTORY_DEL;
        } else {
            x.undecided |= lincheck_op_need(k, o).data != NULL;
        }
    }
    return x;
}

/* The operations with one revision: r[0..count-1], writes first, then in the order of their
 * invocations. */
static enum lincheck_step version_add(struct lincheck_key *k, const struct revved *r,
                                      uint32_t count)
{
    char shown[LINCHECK_SHOWN_BYTES + 8];
    char other[LINCHECK_SHOWN_BYTES + 8];
    struct lincheck_op *first = &k->ops[r[0].op];
    struct lincheck_version *v = &k->versions[k->version_count];
    v->revision = r[0].revision;
    v->maker = r[0].reads ? LINCHECK_NONE : r[0].op;
    v->value = r[0].reads ? lincheck_op_need(k, first) : lincheck_op_value(k, first);
    for (uint32_t i = 0; i < count; i++) {
        struct lincheck_op *o = &k->ops[r[i].op];
        o->version = k->version_count;
        /* a del beside the write that made the key absent has found nothing */
        if (i > 0 && !r[i].reads && (o->op != HISTORY_DEL || v->value.data != NULL)) {
            return lincheck_blame(k, r[i].op, "revision %" PRId64 " was made by two writes",
                                  v->revision);
        }
        if (r[i].reads && !lincheck_value_equal(lincheck_op_need(k, o), v->value)) {
            return lincheck_blame(k, r[i].op, "read %s at revision %" PRId64 ", which is %s",
                                  lincheck_show(lincheck_op_need(k, o), shown), v->revision,
                                  lincheck_show(v->value, other));
        }
    }
    k->version_count++;
    return LINCHECK_STEP_GOOD;
}

static enum lincheck_step versions_of(struct lincheck_key *k, struct revved *r, uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->event_count; i++) {
        uint32_t op = k->events[i] / 2;
        if (k->events[i] % 2 == 0 && lincheck_op_revision(k, &k->ops[op]) > 0) {
            r[n++] = (struct revved){ lincheck_op_revision(k, &k->ops[op]), op,
                                      k->ops[op].op == HISTORY_GET, k->ops[op].op == HISTORY_DEL };
        }
    }
    ASSERT(n == count);
    qsort(r, count, sizeof *r, revved_compare);
    k->versions[0] = (struct lincheck_version){ 0, bytes_of(NULL, 0), LINCHECK_NONE };
    k->version_count = 1;
    for (uint32_t from = 0; from < count;) {
        uint32_t to = from + 1;
        while (to < count && r[to].revision == r[from].revision) {
            to++;
        }
        enum lincheck_step step = version_add(k, &r[from], to - from);
        if (step != LINCHECK_STEP_GOOD) {
            return step;
        }
        from = to;
    }
    return LINCHECK_STEP_GOOD;
}

static enum lincheck_step versions_build(struct lincheck_key *k, uint32_t revved)
{
    struct revved *r = mem_alloc(k->mem, ((size_t)revved + 1) * sizeof *r);
    k->versions = mem_alloc(k->mem, ((size_t)revved + 1) * sizeof *k->versions);
    enum lincheck_step step = LINCHECK_STEP_MEMORY;
    if (r != NULL && k->versions != NULL) {
        step = versions_of(k, r, revved);
    }
    mem_free(k->mem, r);
    return step;
}

void lincheck_versions_done(struct lincheck_key *k)
{
    mem_free(k->mem, k->versions);
    k->versions = NULL;
    k->version_count = 0;
}

/* Each version must have a maker, and a cas what it asked for; GOOD, BAD, or SEARCH when a loose
 * write may be what is missing. */
static enum lincheck_step chain(struct lincheck_key *k, bool loose)
{
    char shown[LINCHECK_SHOWN_BYTES + 8];
    char other[LINCHECK_SHOWN_BYTES + 8];
    enum lincheck_step step = LINCHECK_STEP_GOOD;
    for (uint32_t i = 1; i < k->version_count; i++) {
        const struct lincheck_version *v = &k->versions[i];
        if (v->maker == LINCHECK_NONE) {
            step = LINCHECK_STEP_SEARCH;
            continue;
        }
        const struct lincheck_op *o = &k->ops[v->maker];
        if (!lincheck_op_needs(o) ||
            lincheck_value_equal(lincheck_op_need(k, o), k->versions[i - 1].value)) {
            continue;
        }
        if (!loose) {
            return lincheck_blame(k, v->maker, "compared with %s and succeeded on %s",
                                  lincheck_show(lincheck_op_need(k, o), shown),
                                  lincheck_show(k->versions[i - 1].value, other));
        }
        step = LINCHECK_STEP_SEARCH;
    }
    return step;
}

/* ---- Real time ---- */

struct sweep {
    struct lincheck_key *k;
    const uint32_t *absent_from; /* the first absent version at or after each; NULL: not asked */
    uint64_t now_ns;
    uint32_t floor;      /* newest version of what ended before now */
    uint32_t floor_next; /* and at now */
    uint32_t floor_op;   /* whose it is */
    uint32_t floor_next_op;
};

/* Operations whose version the sweep knows or chooses. */
static bool placed(const struct sweep *w, const struct lincheck_op *o, bool *out_fixed)
{
    *out_fixed = lincheck_op_revision(w->k, o) > 0;
    if (*out_fixed) {
        return true;
    }
    bool absent =
        o->op == HISTORY_DEL || (o->op == HISTORY_GET && lincheck_op_need(w->k, o).data == NULL);
    return w->absent_from != NULL && o->outcome == LINCHECK_KNOWN && absent;
}

static enum lincheck_step begins(struct sweep *w, uint32_t op)
{
    struct lincheck_key *k = w->k;
    struct lincheck_op *o = &k->ops[op];
    bool fixed = false;
    if (!placed(w, o, &fixed)) {
        return LINCHECK_STEP_GOOD;
    }
    uint32_t floor = w->floor;
    uint32_t floor_op = w->floor_op;
    if (o->before != LINCHECK_NONE && placed(w, &k->ops[o->before], &(bool){ false }) &&
        k->ops[o->before].version >= floor) {
        floor = k->ops[o->before].version;
        floor_op = o->before;
    }
    if (!fixed) {
        o->version = w->absent_from[floor];
        return o->version != LINCHECK_NONE
                   ? LINCHECK_STEP_GOOD
                   : lincheck_blame(k, op,
                                    "found nothing, but revision %" PRId64
                                    " was there before it began and no later one is absent",
                                    k->versions[floor].revision);
    }
    const struct lincheck_version *v = &k->versions[o->version];
    if (v->maker != op ? floor <= o->version : floor < o->version) {
        return LINCHECK_STEP_GOOD;
    }
    const struct history_row *done = &k->rows[k->ops[floor_op].ret_row];
    return lincheck_blame(k, op,
                          "%s revision %" PRId64 ", but revision %" PRId64
                          " was there before it began (process %" PRIu32 ", %s, t %" PRIu64 ")",
                          o->op == HISTORY_GET ? "read" : "made", v->revision,
                          k->versions[floor].revision, done->process, history_op_name(done->op),
                          done->t_ns);
}

static enum lincheck_step sweep(struct lincheck_key *k, const uint32_t *absent_from)
{
    struct sweep w = { .k = k, .absent_from = absent_from };
    for (uint32_t i = 0; i < k->event_count; i++) {
        uint32_t op = k->events[i] / 2;
        const struct lincheck_op *o = &k->ops[op];
        bool ends = k->events[i] % 2 == 1;
        uint64_t t = ends ? o->ret_ns : o->inv_ns;
        if (t > w.now_ns) {
            w.now_ns = t;
            w.floor = w.floor_next;
            w.floor_op = w.floor_next_op;
        }
        if (!ends) {
            enum lincheck_step step = begins(&w, op);
            if (step != LINCHECK_STEP_GOOD) {
                return step;
            }
        } else if (placed(&w, o, &(bool){ false }) && o->version > w.floor_next) {
            w.floor_next = o->version;
            w.floor_next_op = op;
        }
    }
    return LINCHECK_STEP_GOOD;
}

static enum lincheck_step sweep_absent(struct lincheck_key *k)
{
    uint32_t *absent_from = mem_alloc(k->mem, k->version_count * sizeof *absent_from);
    if (absent_from == NULL) {
        return LINCHECK_STEP_MEMORY;
    }
    uint32_t next = LINCHECK_NONE;
    for (uint32_t i = k->version_count; i-- > 0;) {
        next = k->versions[i].value.data == NULL ? i : next;
        absent_from[i] = next;
    }
    enum lincheck_step step = sweep(k, absent_from);
    mem_free(k->mem, absent_from);
    return step;
}

enum lincheck_step lincheck_versions_judge(struct lincheck_key *k)
{
    struct extent x = measure(k);
    enum lincheck_step step = versions_build(k, x.revved);
    if (step != LINCHECK_STEP_GOOD) {
        return step;
    }
    step = chain(k, x.loose);
    if (step == LINCHECK_STEP_BAD) {
        return step;
    }
    bool undecided = x.undecided || step == LINCHECK_STEP_SEARCH;
    if (!x.loose_absent) {
        step = sweep_absent(k);
        return step == LINCHECK_STEP_GOOD && undecided ? LINCHECK_STEP_SEARCH : step;
    }
    if (!undecided) {
        step = sweep_absent(k);
        if (step != LINCHECK_STEP_BAD) {
            return step;
        }
    }
    /* An absence that nobody's revision shows may be what is missing. */
    step = sweep(k, NULL);
    return step == LINCHECK_STEP_GOOD ? LINCHECK_STEP_SEARCH : step;
}
