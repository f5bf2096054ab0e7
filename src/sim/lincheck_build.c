/* sim/lincheck_build.c -- the events of a key made into a list of items and classes of unknowns. */
#include "sim/lincheck_search.h"

#include "base/panic.h"

#include <stdlib.h>

/* Who leaves a value behind. */
enum {
    MADE = 1,
    MADE_LOOSE = 2 /* by a write without known revision */
};

struct loose {
    uint64_t inv_ns;
    uint32_t need;
    uint32_t out;
    uint32_t before;
    uint32_t order;
};

static enum err number_of(struct lincheck_search *s, struct bytes value, uint32_t *out)
{
    uint32_t id = 0;
    if (value.data == NULL) {
        *out = LINCHECK_ABSENT;
        return ERR_OK;
    }
    TRY(lincheck_ids_of(&s->values, value, &id));
    *out = id + 1;
    return ERR_OK;
}

static enum err need_and_out(struct lincheck_search *s, const struct lincheck_op *o,
                             uint32_t *out_need, uint32_t *out_out)
{
    *out_need = LINCHECK_NONE;
    *out_out = LINCHECK_NONE;
    if (lincheck_op_needs(o)) {
        TRY(number_of(s, lincheck_op_need(s->k, o), out_need));
    }
    return lincheck_op_writes(o) ? number_of(s, lincheck_op_value(s->k, o), out_out) : ERR_OK;
}

static uint32_t item_before(const struct lincheck_search *s, const struct lincheck_op *o)
{
    return o->before == LINCHECK_NONE ? LINCHECK_NONE : s->k->ops[o->before].item;
}

static enum err item_add(struct lincheck_search *s, uint32_t op)
{
    struct lincheck_op *o = &s->k->ops[op];
    struct lincheck_item *i = &s->items[s->item_count];
    *i = (struct lincheck_item){ .op = op, .version = LINCHECK_NONE };
    TRY(need_and_out(s, o, &i->need, &i->out));
    i->before = item_before(s, o);
    if (lincheck_op_revision(s->k, o) > 0) {
        i->version = o->version;
        i->makes = s->k->versions[o->version].maker == op;
    }
    o->item = s->item_count++;
    return ERR_OK;
}

/* Items of what is known, loose ones of what is not, both in the order of invocation. */
static enum err split(struct lincheck_search *s, struct loose *loose)
{
    for (uint32_t i = 0; i < s->k->event_count; i++) {
        uint32_t op = s->k->events[i] / 2;
        const struct lincheck_op *o = &s->k->ops[op];
        if (s->k->events[i] % 2 == 1) {
            continue;
        }
        if (o->outcome == LINCHECK_KNOWN) {
            TRY(item_add(s, op));
            continue;
        }
        struct loose *l = &loose[s->member_count];
        *l = (struct loose){ .inv_ns = o->inv_ns, .order = s->member_count++ };
        TRY(need_and_out(s, o, &l->need, &l->out));
        l->before = item_before(s, o);
    }
    for (uint32_t v = 0; v < s->k->version_count; v++) {
        TRY(number_of(s, s->k->versions[v].value, &s->version_value[v]));
    }
    s->value_count = s->values.count + 1;
    return ERR_OK;
}

/* ---- The list ---- */

static uint32_t node_add(struct lincheck_search *s, uint32_t node, uint32_t event)
{
    struct lincheck_item *item = &s->items[s->k->ops[event / 2].item];
    bool ret = event % 2 == 1;
    s->nodes[node] = (struct lincheck_node){ node - 1, 0, s->k->ops[event / 2].item, ret };
    s->nodes[node - 1].next = node;
    *(ret ? &item->ret : &item->inv) = node;
    return node + 1;
}

/* At equal times what begins comes before what ends. */
static void list(struct lincheck_search *s)
{
    const struct lincheck_key *k = s->k;
    uint32_t node = 1;
    s->nodes[0] = (struct lincheck_node){ 0, 0, LINCHECK_NONE, false };
    for (uint32_t from = 0; from < k->event_count;) {
        uint64_t t = 0;
        uint32_t to = from;
        for (; to < k->event_count; to++) {
            const struct lincheck_op *o = &k->ops[k->events[to] / 2];
            uint64_t at = k->events[to] % 2 == 1 ? o->ret_ns : o->inv_ns;
            t = to == from ? at : t;
            if (at != t) {
                break;
            }
        }
        for (uint32_t ends = 0; ends < 2; ends++) {
            for (uint32_t i = from; i < to; i++) {
                bool known = k->ops[k->events[i] / 2].outcome == LINCHECK_KNOWN;
                if (known && k->events[i] % 2 == ends) {
                    node = node_add(s, node, k->events[i]);
                }
            }
        }
        from = to;
    }
}

/* ---- Classes ---- */

static int loose_compare(const void *a, const void *b)
{
    const struct loose *x = a;
    const struct loose *y = b;
    const uint32_t left[] = { x->out, x->need, x->before, x->order };
    const uint32_t right[] = { y->out, y->need, y->before, y->order };
    for (int i = 0; i < 4; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}

static void classes(struct lincheck_search *s, struct loose *loose)
{
    qsort(loose, s->member_count, sizeof *loose, loose_compare);
    for (uint32_t v = 0; v < s->value_count; v++) {
        s->class_of[v] = LINCHECK_NONE;
    }
    for (uint32_t i = 0; i < s->member_count; i++) {
        const struct loose *l = &loose[i];
        struct lincheck_class *c = &s->classes[s->class_count - (s->class_count > 0)];
        s->members[i] = l->inv_ns;
        if (s->class_count == 0 || c->need != l->need || c->out != l->out ||
            l->before != LINCHECK_NONE || c->before != LINCHECK_NONE) {
            c = &s->classes[s->class_count];
            *c = (struct lincheck_class){ .need = l->need,
                                          .out = l->out,
                                          .before = l->before,
                                          .first = i,
                                          .next = s->class_of[l->out] };
            s->class_of[l->out] = s->class_count++;
        }
        c->count++;
    }
}

/* ---- Values that cannot have been there ---- */

/* Who leaves a value behind. */
struct origin {
    uint8_t made;
    uint32_t last; /* node: the last end of those that have begun; 0: of the absence before all */
    uint64_t loose_ns; /* when the first one without an end began; UINT64_MAX: there is none */
};

static void origins(const struct lincheck_search *s, struct origin *of)
{
    for (uint32_t v = 0; v < s->value_count; v++) {
        of[v] = (struct origin){ .made = v == LINCHECK_ABSENT ? MADE : 0, .loose_ns = UINT64_MAX };
    }
    for (uint32_t i = 0; i < s->item_count; i++) {
        const struct lincheck_item *item = &s->items[i];
        if (item->out != LINCHECK_NONE) {
            of[item->out].made |= item->version == LINCHECK_NONE ? MADE | MADE_LOOSE : MADE;
        }
    }
    for (uint32_t c = 0; c < s->class_count; c++) {
        struct origin *o = &of[s->classes[c].out];
        uint64_t began_ns = s->members[s->classes[c].first]; /* its earliest */
        o->made |= MADE | MADE_LOOSE;
        o->loose_ns = began_ns < o->loose_ns ? began_ns : o->loose_ns;
    }
}

/* Somebody saw what nobody wrote at all. */
static enum lincheck_step unwritten(struct lincheck_search *s, const struct origin *of)
{
    char shown[LINCHECK_SHOWN_BYTES + 8];
    for (uint32_t i = 0; i < s->item_count; i++) {
        const struct lincheck_item *item = &s->items[i];
        if (item->need == LINCHECK_NONE) {
            continue;
        }
        bool unmade = item->version != LINCHECK_NONE && item->out == LINCHECK_NONE &&
                      s->k->versions[item->version].maker == LINCHECK_NONE;
        if ((of[item->need].made & (unmade ? MADE_LOOSE : MADE)) == 0) {
            const struct lincheck_op *o = &s->k->ops[item->op];
            lincheck_show(lincheck_op_need(s->k, o), shown);
            return o->op == HISTORY_GET
                       ? lincheck_blame(s->k, item->op, "read %s, which nobody wrote%s", shown,
                                        unmade ? " at that revision" : "")
                       : lincheck_blame(s->k, item->op,
                                        "compared with %s and succeeded, but nobody wrote it",
                                        shown);
        }
    }
    return LINCHECK_STEP_GOOD;
}

/* The two values that stood last of all for certain: each at some time after a node. */
struct stood {
    uint32_t value[2]; /* the later one first; LINCHECK_NONE: nothing else stood */
    uint32_t after[2];
};

static void stood_note(struct stood *t, uint32_t value, uint32_t after)
{
    if (value == t->value[0]) {
        t->after[0] = after > t->after[0] ? after : t->after[0];
    } else if (after > t->after[0]) {
        *t = (struct stood){ { value, t->value[0] }, { after, t->after[0] } };
    } else if (t->value[1] == LINCHECK_NONE || after > t->after[1]) {
        t->value[1] = value;
        t->after[1] = after;
    }
}

/* The node after which another value stood; LINCHECK_NONE: none is known. */
static uint32_t stood_another(const struct stood *t, uint32_t value)
{
    uint32_t i = value == t->value[0] ? 1 : 0;
    return t->value[i] == LINCHECK_NONE ? LINCHECK_NONE : t->after[i];
}

/* Somebody saw what cannot have been there any more, or not yet: another value stood before, and
 * whoever leaves this one behind had ended before that, or began later. A search would try all
 * orders of all writes before it said so. since: room for a node of each item. */
static enum lincheck_step gone(struct lincheck_search *s, struct origin *of, uint32_t *since)
{
    struct stood stood = { { LINCHECK_ABSENT, LINCHECK_NONE }, { 0, 0 } };
    for (uint32_t n = s->nodes[0].next; n != 0; n = s->nodes[n].next) {
        const uint32_t i = s->nodes[n].item;
        const struct lincheck_item *item = &s->items[i];
        const struct lincheck_op *o = &s->k->ops[item->op];
        if (!s->nodes[n].ret) {
            since[i] =
                item->need == LINCHECK_NONE ? LINCHECK_NONE : stood_another(&stood, item->need);
            if (item->out != LINCHECK_NONE && item->ret > of[item->out].last) {
                of[item->out].last = item->ret;
            }
            continue;
        }
        if (since[i] != LINCHECK_NONE && of[item->need].last <= since[i] &&
            of[item->need].loose_ns > o->ret_ns) {
            char shown[LINCHECK_SHOWN_BYTES + 8];
            return lincheck_blame(
                s->k, item->op,
                "%s %s, after something else had been there, and nothing that had "
                "begun by then could leave that behind",
                o->op == HISTORY_GET ? "read" : "compared with",
                lincheck_show(lincheck_op_need(s->k, o), shown));
        }
        stood_note(&stood, item->out != LINCHECK_NONE ? item->out : item->need, item->inv);
    }
    return LINCHECK_STEP_GOOD;
}

static void *array(struct lincheck_search *s, size_t count, size_t bytes)
{
    return mem_alloc(s->k->mem, (count + 1) * bytes);
}

enum lincheck_step lincheck_search_build(struct lincheck_search *s, struct lincheck_key *k)
{
    memset(s, 0, sizeof *s);
    s->k = k;
    lincheck_ids_init(&s->values, k->mem);
    struct loose *loose = array(s, k->event_count, sizeof *loose);
    struct origin *of = NULL;
    uint32_t *since = NULL;
    s->items = array(s, k->event_count, sizeof *s->items);
    s->nodes = array(s, k->event_count, sizeof *s->nodes);
    s->classes = array(s, k->event_count, sizeof *s->classes);
    s->members = array(s, k->event_count, sizeof *s->members);
    s->version_value = array(s, k->version_count, sizeof *s->version_value);
    enum lincheck_step step = LINCHECK_STEP_MEMORY;
    if (loose != NULL && s->items != NULL && s->nodes != NULL && s->classes != NULL &&
        s->members != NULL && s->version_value != NULL && split(s, loose) == ERR_OK) {
        of = array(s, s->value_count, sizeof *of);
        since = array(s, s->item_count, sizeof *since);
        s->class_of = array(s, s->value_count, sizeof *s->class_of);
    }
    if (of != NULL && since != NULL && s->class_of != NULL) {
        list(s);
        classes(s, loose);
        origins(s, of);
        step = unwritten(s, of);
        step = step == LINCHECK_STEP_GOOD ? gone(s, of, since) : step;
    }
    mem_free(k->mem, loose);
    mem_free(k->mem, of);
    mem_free(k->mem, since);
    return step;
}

void lincheck_search_done(struct lincheck_search *s)
{
    struct mem *mem = s->k->mem;
    mem_free(mem, s->items);
    mem_free(mem, s->nodes);
    mem_free(mem, s->classes);
    mem_free(mem, s->members);
    mem_free(mem, s->version_value);
    mem_free(mem, s->class_of);
    lincheck_ids_done(&s->values);
}
