/* sim/lincheck_search.c -- Wing and Gong's search with Lowe's memo, without recursion.
 *
 * A state is what has come so far, the version that stands, and the value on top of it. What keeps
 * the states few:
 * - A get that may come and sees its value comes at once: it changes nothing, and coming earlier
 *   forbids nothing.
 * - A version that somebody has yet to look at cannot be left.
 * - Versions come in the order of their revisions; a version whose maker is not known is made by a
 *   write without revision that leaves its value behind.
 * - A write that may never have happened comes only where somebody waits for its value, and then
 *   the one who waits comes next: in any other place it could be left out, or put off until there.
 * - A put of what nobody needs comes at once where nobody needs what stands.
 * The memo keeps 128-bit hashes of states instead of states: two of a million states meet with a
 * chance of 2^-88.
 */
#include "sim/lincheck_search.h"

#include "base/panic.h"

enum {
    SCANS_PER_STATE = 256, /* looks at operations that one state pays for, on average */
    STACK_FIRST = 64,
    MEMO_FIRST = 1024
};

enum step_kind {
    STEP_VERSION, /* an item that makes the next version, known or not whose it was */
    STEP_LOOSE,   /* an item that writes between versions */
    STEP_NOTHING, /* a del that finds nothing */
    STEP_CLASS_VERSION,
    STEP_CLASS_LOOSE,
};

struct candidate {
    enum step_kind kind;
    uint32_t id; /* item or class */
};

struct hash128 {
    uint64_t a, b;
};

/* What stands. */
struct standing {
    uint32_t version;
    uint32_t value;
    uint32_t loose; /* writes since that version: 0, the value is the version's */
    bool awaited;   /* a write with unknown outcome came last: who waits for it comes next */
};

struct frame {
    struct standing standing;
    uint32_t trail;          /* its height */
    uint32_t class;          /* used by the candidate being tried; LINCHECK_NONE */
    size_t first, next, end; /* candidates */
};

struct stack {
    void *data;
    size_t count, capacity;
};

struct walk {
    struct lincheck_search s; /* first */
    struct lincheck_key *k;
    struct standing now;
    struct hash128 hash; /* of what has come */
    uint32_t *trail;     /* items in the order in which they came */
    uint32_t trail_count;
    uint32_t first_ret; /* node of the first end in the list; 0: nothing is left */
    uint32_t deepest;   /* the largest one */
    uint32_t *waiting;  /* values that somebody waits for, each once */
    uint32_t waiting_count;
    uint64_t *waited;  /* by value: the state that last had it in waiting */
    uint32_t *lookers; /* by version: items that look at it and have not come */
    uint32_t
        *wanted; /* by value, last of all of none: items that need it and have not come, classes */
    uint64_t states;
    uint64_t scans_left;
    struct stack frames, candidates;
    struct hash128 *memo;
    size_t memo_count, memo_capacity;
};

static bool stack_room(struct walk *w, struct stack *s, size_t bytes)
{
    if (s->count < s->capacity) {
        return true;
    }
    size_t capacity = s->capacity == 0 ? STACK_FIRST : 2 * s->capacity;
    void *data = mem_resize(w->k->mem, s->data, capacity * bytes);
    if (data == NULL) {
        return false;
    }
    s->data = data;
    s->capacity = capacity;
    return true;
}

/* ---- Memo ---- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void hash_flip(struct hash128 *h, uint64_t what)
{
    h->a ^= mix(what * 0x9e3779b97f4a7c15u + 0x1234567u);
    h->b ^= mix(what * 0xd1342543de82ef95u + 0x89abcdefu);
}

static struct hash128 *memo_slot(struct hash128 *memo, size_t capacity, struct hash128 h)
{
    size_t i = h.a & (capacity - 1);
    while ((memo[i].a | memo[i].b) != 0 && (memo[i].a != h.a || memo[i].b != h.b)) {
        i = (i + 1) & (capacity - 1);
    }
    return &memo[i];
}

static bool memo_grow(struct walk *w)
{
    size_t capacity = w->memo_capacity == 0 ? MEMO_FIRST : 2 * w->memo_capacity;
    struct hash128 *memo = mem_alloc(w->k->mem, capacity * sizeof *memo);
    if (memo == NULL) {
        return false;
    }
    memset(memo, 0, capacity * sizeof *memo);
    for (size_t i = 0; i < w->memo_capacity; i++) {
        if ((w->memo[i].a | w->memo[i].b) != 0) {
            *memo_slot(memo, capacity, w->memo[i]) = w->memo[i];
        }
    }
    mem_free(w->k->mem, w->memo);
    w->memo = memo;
    w->memo_capacity = capacity;
    return true;
}

/* Notes the state as seen. GOOD: it is new, SEARCH: seen before, STATES or MEMORY. */
static enum lincheck_step memo_note(struct walk *w)
{
    struct hash128 h = w->hash;
    hash_flip(&h, UINT64_C(1) << 61 | w->now.version);
    hash_flip(&h, UINT64_C(1) << 62 | (uint64_t)w->now.loose << 1 | w->now.awaited);
    hash_flip(&h, UINT64_C(1) << 63 | w->now.value);
    h.a |= 1; /* no state looks like an empty slot */
    if (2 * w->memo_count >= w->memo_capacity && !memo_grow(w)) {
        return LINCHECK_STEP_MEMORY;
    }
    struct hash128 *slot = memo_slot(w->memo, w->memo_capacity, h);
    if ((slot->a | slot->b) != 0) {
        return LINCHECK_STEP_SEARCH;
    }
    if (w->k->states_left == 0) {
        return LINCHECK_STEP_STATES;
    }
    w->k->states_left--;
    w->states++;
    *slot = h;
    w->memo_count++;
    return LINCHECK_STEP_GOOD;
}

/* ---- Coming and going ---- */

/* It needs its version to stand: a get with revision, or a del under another one's. */
static bool item_looks(const struct lincheck_item *i)
{
    return i->version != LINCHECK_NONE && !i->makes;
}

static uint32_t *wanted_of(const struct walk *w, uint32_t need)
{
    return &w->wanted[need != LINCHECK_NONE ? need : w->s.value_count];
}

static void item_come(struct walk *w, uint32_t item)
{
    struct lincheck_item *i = &w->s.items[item];
    const uint32_t nodes[2] = { i->inv, i->ret };
    for (int n = 0; n < 2; n++) {
        struct lincheck_node *node = &w->s.nodes[nodes[n]];
        w->s.nodes[node->prev].next = node->next;
        w->s.nodes[node->next].prev = node->prev;
    }
    i->done = true;
    if (item_looks(i)) {
        w->lookers[i->version]--;
    }
    (*wanted_of(w, i->need))--;
    hash_flip(&w->hash, item);
    w->trail[w->trail_count++] = item;
}

static void item_go(struct walk *w)
{
    uint32_t item = w->trail[--w->trail_count];
    struct lincheck_item *i = &w->s.items[item];
    const uint32_t nodes[2] = { i->ret, i->inv };
    for (int n = 0; n < 2; n++) {
        struct lincheck_node *node = &w->s.nodes[nodes[n]];
        w->s.nodes[node->prev].next = nodes[n];
        w->s.nodes[node->next].prev = nodes[n];
    }
    i->done = false;
    if (item_looks(i)) {
        w->lookers[i->version]++;
    }
    (*wanted_of(w, i->need))++;
    hash_flip(&w->hash, item);
}

/* Writes that fit before the next version, each with a revision of its own. A del that found
 * nothing says the revision of the write before it, so that one fits there too. */
static uint64_t loose_room(const struct walk *w)
{
    uint32_t next = w->now.version + 1;
    if (next == w->k->version_count) {
        return UINT64_MAX;
    }
    uint32_t maker = w->k->versions[next].maker;
    bool del = maker != LINCHECK_NONE && w->k->ops[maker].op == HISTORY_DEL;
    return (uint64_t)(w->k->versions[next].revision - w->k->versions[next - 1].revision) - !del;
}

static uint64_t member_hash(const struct lincheck_class *c)
{
    return UINT64_C(1) << 40 | (c->first + c->used);
}

static void frame_restore(struct walk *w, struct frame *f)
{
    while (w->trail_count > f->trail) {
        item_go(w);
    }
    if (f->class != LINCHECK_NONE) {
        struct lincheck_class *c = &w->s.classes[f->class];
        c->used--;
        hash_flip(&w->hash, member_hash(c));
        f->class = LINCHECK_NONE;
    }
    w->now = f->standing;
}

static void candidate_come(struct walk *w, struct frame *f, struct candidate c)
{
    bool class = c.kind == STEP_CLASS_VERSION || c.kind == STEP_CLASS_LOOSE;
    bool version = c.kind == STEP_VERSION || c.kind == STEP_CLASS_VERSION;
    uint32_t out = class ? w->s.classes[c.id].out : w->s.items[c.id].out;
    if (class) {
        hash_flip(&w->hash, member_hash(&w->s.classes[c.id]));
        w->s.classes[c.id].used++;
        f->class = c.id;
    } else {
        item_come(w, c.id);
    }
    if (c.kind == STEP_NOTHING) {
        return;
    }
    w->now.loose = version ? 0 : loose_room(w) == UINT64_MAX ? 1 : w->now.loose + 1;
    w->now.version += version;
    w->now.value = out;
    w->now.awaited = c.kind == STEP_CLASS_LOOSE;
}

/* ---- What may come next ---- */

static bool item_ready(const struct walk *w, const struct lincheck_item *i)
{
    return i->before == LINCHECK_NONE || w->s.items[i->before].done;
}

/* It changes nothing and sees what it saw. */
static bool item_sees(const struct walk *w, const struct lincheck_item *i)
{
    if (item_looks(i)) {
        return i->version == w->now.version && w->now.loose == 0;
    }
    return i->out == LINCHECK_NONE && i->need == w->now.value;
}

/* All that only looks and may come, comes. */
static void look(struct walk *w)
{
    uint32_t last = 0; /* of those that stay */
    uint32_t n = w->s.nodes[0].next;
    while (n != 0 && !w->s.nodes[n].ret) {
        const struct lincheck_item *i = &w->s.items[w->s.nodes[n].item];
        w->scans_left -= w->scans_left > 0;
        if (item_ready(w, i) && item_sees(w, i)) {
            item_come(w, w->s.nodes[n].item);
            w->now.awaited = false;
        } else {
            last = n;
        }
        n = w->s.nodes[last].next;
    }
    w->first_ret = n;
    w->deepest = n > w->deepest ? n : w->deepest;
}

static bool candidate_add(struct walk *w, enum step_kind kind, uint32_t id)
{
    if (!stack_room(w, &w->candidates, sizeof(struct candidate))) {
        return false;
    }
    ((struct candidate *)w->candidates.data)[w->candidates.count++] =
        (struct candidate){ kind, id };
    return true;
}

static void wait_for(struct walk *w, uint32_t value)
{
    if (w->waited[value] != w->states) {
        w->waited[value] = w->states;
        w->waiting[w->waiting_count++] = value;
    }
}

/* The value of a next version whose maker is not known; LINCHECK_NONE. */
static uint32_t version_open(const struct walk *w)
{
    uint32_t next = w->now.version + 1;
    return next < w->k->version_count && w->k->versions[next].maker == LINCHECK_NONE
               ? w->s.version_value[next]
               : LINCHECK_NONE;
}

/* May something with this need come now? Otherwise its value is waited for. */
static bool need_met(struct walk *w, uint32_t need)
{
    if (need == LINCHECK_NONE) {
        return !w->now.awaited;
    }
    if (need != w->now.value) {
        wait_for(w, need);
    }
    return need == w->now.value;
}

static bool item_candidates(struct walk *w, uint32_t item, uint32_t open, bool leave)
{
    const struct lincheck_item *i = &w->s.items[item];
    if (!item_ready(w, i) || item_looks(i)) {
        return true;
    }
    if (i->version == LINCHECK_NONE && w->k->ops[i->op].op == HISTORY_DEL &&
        w->now.value == LINCHECK_ABSENT && !w->now.awaited &&
        !candidate_add(w, STEP_NOTHING, item)) {
        return false;
    }
    if (!leave || (i->makes && i->version != w->now.version + 1) || !need_met(w, i->need) ||
        i->out == LINCHECK_NONE) {
        return true;
    }
    if (i->makes) {
        /* A del that finds something needs the room that one that finds nothing leaves. */
        bool room = w->now.value == LINCHECK_ABSENT || w->now.loose == 0 ||
                    w->k->ops[i->op].op != HISTORY_DEL || w->now.loose < loose_room(w);
        return !room || candidate_add(w, STEP_VERSION, item);
    }
    return (i->out != open || candidate_add(w, STEP_VERSION, item)) &&
           (w->now.loose >= loose_room(w) || candidate_add(w, STEP_LOOSE, item));
}

/* Unknown writes that leave value behind, and what they in turn wait for. Of those that may come
 * now and need the same one is enough: whatever another one can do later, it can do too. */
static bool class_candidates(struct walk *w, uint32_t value, enum step_kind kind)
{
    uint64_t latest = w->k->ops[w->s.items[w->s.nodes[w->first_ret].item].op].ret_ns;
    const struct lincheck_class *same = NULL; /* equal needs stand side by side */
    for (uint32_t i = w->s.class_of[value]; i != LINCHECK_NONE; i = w->s.classes[i].next) {
        const struct lincheck_class *c = &w->s.classes[i];
        w->scans_left -= w->scans_left > 0;
        if ((same != NULL && same->need == c->need) || c->used == c->count ||
            w->s.members[c->first + c->used] > latest ||
            (c->before != LINCHECK_NONE && !w->s.items[c->before].done)) {
            continue;
        }
        same = c;
        if (need_met(w, c->need) && !candidate_add(w, kind, i)) {
            return false;
        }
    }
    return true;
}

/* A put that may come now, of a value that nobody needs, when nobody needs what stands either: it
 * comes now. In any order in which it comes later it could as well: nobody would miss what it
 * covers here, nor what it left there. Without revisions only, for they bound how many come when.
 * LINCHECK_NONE: there is none. */
static uint32_t unneeded(struct walk *w)
{
    if (w->k->version_count > 1 || w->now.awaited || w->wanted[w->now.value] > 0) {
        return LINCHECK_NONE;
    }
    for (uint32_t n = w->s.nodes[0].next; n != w->first_ret; n = w->s.nodes[n].next) {
        const struct lincheck_item *i = &w->s.items[w->s.nodes[n].item];
        w->scans_left -= w->scans_left > 0;
        if (w->k->ops[i->op].op == HISTORY_PUT && item_ready(w, i) && w->wanted[i->out] == 0) {
            return w->s.nodes[n].item;
        }
    }
    return LINCHECK_NONE;
}

/* A version that somebody has yet to look at cannot be left. */
static bool expand(struct walk *w)
{
    const uint32_t only = unneeded(w);
    if (only != LINCHECK_NONE) {
        return candidate_add(w, STEP_LOOSE, only);
    }
    uint32_t open = version_open(w);
    bool leave = w->lookers[w->now.version] == 0;
    bool room = true;
    w->waiting_count = 0;
    for (uint32_t n = w->s.nodes[0].next; n != w->first_ret && room; n = w->s.nodes[n].next) {
        w->scans_left -= w->scans_left > 0;
        room = item_candidates(w, w->s.nodes[n].item, open, leave);
    }
    if (leave && open != LINCHECK_NONE && room) {
        room = class_candidates(w, open, STEP_CLASS_VERSION);
    }
    for (uint32_t i = 0; i < w->waiting_count && room; i++) { /* grows meanwhile */
        room =
            w->now.loose >= loose_room(w) || class_candidates(w, w->waiting[i], STEP_CLASS_LOOSE);
    }
    return room;
}

/* ---- The walk ---- */

/* After a step: GOOD when everything has come, SEARCH to go on from the top frame. */
static enum lincheck_step enter(struct walk *w)
{
    look(w);
    if (w->first_ret == 0) {
        return LINCHECK_STEP_GOOD;
    }
    enum lincheck_step note = memo_note(w);
    if (note != LINCHECK_STEP_GOOD) {
        return note; /* seen before: the frame below goes on */
    }
    if (w->scans_left == 0) {
        return LINCHECK_STEP_STATES;
    }
    size_t first = w->candidates.count;
    if (!expand(w) || !stack_room(w, &w->frames, sizeof(struct frame))) {
        return LINCHECK_STEP_MEMORY;
    }
    struct frame *f = (struct frame *)w->frames.data + w->frames.count++;
    *f = (struct frame){ w->now, w->trail_count, LINCHECK_NONE, first, first, w->candidates.count };
    return LINCHECK_STEP_SEARCH;
}

static enum lincheck_step stuck(struct walk *w)
{
    char shown[LINCHECK_SHOWN_BYTES + 8];
    uint32_t op = w->s.items[w->s.nodes[w->deepest].item].op;
    const struct lincheck_op *o = &w->k->ops[op];
    if (lincheck_op_needs(o)) {
        return lincheck_blame(w->k, op, "%s %s, which no order of the operations so far explains",
                              o->op == HISTORY_GET ? "read" : "compared with",
                              lincheck_show(lincheck_op_need(w->k, o), shown));
    }
    return lincheck_blame(w->k, op, "no order of the operations so far has room for this %s",
                          history_op_name(o->op));
}

static enum lincheck_step walk(struct walk *w)
{
    enum lincheck_step step = enter(w);
    while (step == LINCHECK_STEP_SEARCH) {
        if (w->frames.count == 0) {
            return stuck(w);
        }
        struct frame *f = (struct frame *)w->frames.data + w->frames.count - 1;
        frame_restore(w, f);
        if (f->next == f->end) {
            w->candidates.count = f->first;
            w->frames.count--;
            continue;
        }
        candidate_come(w, f, ((struct candidate *)w->candidates.data)[f->next++]);
        step = enter(w);
    }
    return step;
}

static bool walk_take(struct walk *w)
{
    struct mem *mem = w->k->mem;
    w->trail = mem_alloc(mem, (w->s.item_count + 1) * sizeof *w->trail);
    w->waiting = mem_alloc(mem, w->s.value_count * sizeof *w->waiting);
    w->waited = mem_alloc(mem, w->s.value_count * sizeof *w->waited);
    w->lookers = mem_alloc(mem, w->k->version_count * sizeof *w->lookers);
    w->wanted = mem_alloc(mem, (w->s.value_count + 1) * sizeof *w->wanted);
    if (w->trail == NULL || w->waiting == NULL || w->waited == NULL || w->lookers == NULL ||
        w->wanted == NULL) {
        return false;
    }
    memset(w->waited, 0, w->s.value_count * sizeof *w->waited);
    memset(w->lookers, 0, w->k->version_count * sizeof *w->lookers);
    memset(w->wanted, 0, (w->s.value_count + 1) * sizeof *w->wanted);
    for (uint32_t i = 0; i < w->s.class_count; i++) {
        (*wanted_of(w, w->s.classes[i].need))++;
    }
    for (uint32_t i = 0; i < w->s.item_count; i++) {
        (*wanted_of(w, w->s.items[i].need))++;
        if (item_looks(&w->s.items[i])) {
            w->lookers[w->s.items[i].version]++;
        }
    }
    return true;
}

static void walk_give(struct walk *w)
{
    struct mem *mem = w->k->mem;
    mem_free(mem, w->trail);
    mem_free(mem, w->waiting);
    mem_free(mem, w->waited);
    mem_free(mem, w->lookers);
    mem_free(mem, w->wanted);
    mem_free(mem, w->frames.data);
    mem_free(mem, w->candidates.data);
    mem_free(mem, w->memo);
}

enum lincheck_step lincheck_search(struct lincheck_key *k)
{
    struct walk w;
    memset(&w, 0, sizeof w);
    w.k = k;
    w.scans_left = SCANS_PER_STATE * (k->states_left + 1);
    enum lincheck_step step = lincheck_search_build(&w.s, k);
    if (step == LINCHECK_STEP_GOOD) {
        step = walk_take(&w) ? walk(&w) : LINCHECK_STEP_MEMORY;
    }
    walk_give(&w);
    lincheck_search_done(&w.s);
    return step;
}
