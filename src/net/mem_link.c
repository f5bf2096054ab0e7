/* net/mem_link.c -- links joined by a hub, one event at a time. */
#include "net/mem_link.h"

#include "base/panic.h"

/* One frame on the way. */
struct frame {
    struct list link;
    size_t count;
    uint8_t data[];
};

struct mem_link {
    struct link base;
    struct mem_hub *hub;
    struct node_key key;
    struct link_handler handler;
    void *arg;
    bool open;
    uint32_t slot;
    struct link_stats stats;
};

/* What one end of a pair knows, and what is on the way to it. */
struct end {
    bool wanted; /* the owner named the other */
    bool told;   /* between its peer_up and peer_down */
    uint64_t epoch;
    struct list queue[LINK_CLASS_COUNT];
    uint64_t queued[LINK_CLASS_COUNT]; /* bytes */
};

/* Two links; end[0] is the one with the lower slot. */
struct pair {
    bool joined;
    struct end end[2];
};

struct mem_hub {
    struct mem *mem;
    uint64_t epoch;
    uint32_t count;
    struct mem_link links[MEM_LINKS_MAX];
    struct pair pairs[MEM_LINKS_MAX][MEM_LINKS_MAX]; /* [low][high] */
};

/* One thing that could happen. */
struct event {
    enum {
        EVENT_JOIN,
        EVENT_UP,
        EVENT_DOWN,
        EVENT_FRAME
    } what;
    uint32_t low;
    uint32_t high;
    uint32_t end; /* whom it happens to */
    enum link_class class;
};

static struct mem_link *link_of(struct link *l)
{
    return CONTAINER_OF(l, struct mem_link, base);
}

static struct pair *pair_of(struct mem_hub *h, const struct mem_link *a, const struct mem_link *b)
{
    ASSERT(a->slot != b->slot);
    return a->slot < b->slot ? &h->pairs[a->slot][b->slot] : &h->pairs[b->slot][a->slot];
}

static struct end *end_of(struct mem_hub *h, const struct mem_link *of, const struct mem_link *to)
{
    return &pair_of(h, of, to)->end[of->slot < to->slot ? 0 : 1];
}

static struct mem_link *find(struct mem_hub *h, const struct node_key *key)
{
    for (uint32_t i = 0; i < h->count; i++) {
        if (ids_key_equal(&h->links[i].key, key)) {
            return &h->links[i];
        }
    }
    return NULL;
}

static void queue_clear(struct mem_hub *h, struct end *e)
{
    for (uint32_t k = 0; k < LINK_CLASS_COUNT; k++) {
        while (!list_empty(&e->queue[k])) {
            struct frame *f = CONTAINER_OF(e->queue[k].next, struct frame, link);
            list_remove(&f->link);
            mem_free(h->mem, f);
        }
        e->queued[k] = 0;
    }
}

static void pair_break(struct mem_hub *h, struct pair *p)
{
    p->joined = false;
    queue_clear(h, &p->end[0]);
    queue_clear(h, &p->end[1]);
}

/* The choice-th event of one pair, counting down; true when it is among them. */
static bool pair_event(const struct mem_hub *h, struct event *e, uint32_t *choice)
{
    const struct pair *p = &h->pairs[e->low][e->high];
    bool open = h->links[e->low].open && h->links[e->high].open;
    bool wanted = p->end[0].wanted || p->end[1].wanted;
    e->end = 0;
    e->what = EVENT_JOIN;
    if (!p->joined && open && wanted && !p->end[0].told && !p->end[1].told && (*choice)-- == 0) {
        return true;
    }
    for (e->end = 0; e->end < 2; e->end++) {
        const struct end *end = &p->end[e->end];
        e->what = p->joined ? EVENT_UP : EVENT_DOWN;
        if (end->told != p->joined && (*choice)-- == 0) {
            return true;
        }
        e->what = EVENT_FRAME;
        for (uint32_t k = 0; k < LINK_CLASS_COUNT; k++) {
            e->class = (enum link_class)k;
            if (p->joined && end->told && !list_empty(&end->queue[k]) && (*choice)-- == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The choice-th event of all; false when there are not so many. *choice is left with what
 * remains. */
static bool event_find(const struct mem_hub *h, struct event *e, uint32_t *choice)
{
    for (e->low = 0; e->low < h->count; e->low++) {
        for (e->high = e->low + 1; e->high < h->count; e->high++) {
            if (pair_event(h, e, choice)) {
                return true;
            }
        }
    }
    return false;
}

/* How many events could happen now; O(links squared). */
static uint32_t pending_count(const struct mem_hub *h)
{
    struct event e;
    uint32_t left = UINT32_MAX;
    bool found = event_find(h, &e, &left);
    ASSERT(!found);
    return UINT32_MAX - left;
}

static void happen_frame(struct mem_hub *h, struct end *end, const struct event *e,
                         struct mem_link *to, const struct mem_link *from)
{
    struct frame *f = CONTAINER_OF(end->queue[e->class].next, struct frame, link);
    list_remove(&f->link);
    end->queued[e->class] -= f->count;
    to->stats.frames_in++;
    to->stats.bytes_in += f->count;
    struct node_key key = from->key;
    to->handler.frame(to->arg, &key, end->epoch, e->class, bytes_of(f->data, f->count));
    mem_free(h->mem, f);
}

/* Callbacks come last: they may change anything, the link itself included. */
static void happen(struct mem_hub *h, const struct event *e)
{
    struct pair *p = &h->pairs[e->low][e->high];
    struct end *end = &p->end[e->end];
    struct mem_link *to = &h->links[e->end == 0 ? e->low : e->high];
    struct mem_link *from = &h->links[e->end == 0 ? e->high : e->low];
    struct node_key key = from->key;
    switch (e->what) {
    case EVENT_JOIN:
        p->joined = true;
        break;
    case EVENT_UP:
        end->told = true;
        end->epoch = ++h->epoch;
        to->stats.handshakes++;
        to->stats.connections++;
        to->stats.peers_up++;
        to->handler.peer_up(to->arg, &key, end->epoch);
        break;
    case EVENT_DOWN:
        end->told = false;
        to->stats.connections--;
        to->stats.peers_up--;
        to->handler.peer_down(to->arg, &key, end->epoch);
        break;
    case EVENT_FRAME:
        happen_frame(h, end, e, to, from);
        break;
    }
}

bool mem_hub_step(struct mem_hub *h, uint32_t choice)
{
    struct event e;
    uint32_t pending = pending_count(h);
    if (pending == 0) {
        return false;
    }
    choice %= pending;
    bool found = event_find(h, &e, &choice);
    ASSERT(found);
    happen(h, &e);
    return true;
}

bool mem_hub_run(struct mem_hub *h, uint32_t steps_max)
{
    for (uint32_t i = 0; i < steps_max; i++) {
        if (!mem_hub_step(h, 0)) {
            return true;
        }
    }
    return pending_count(h) == 0;
}

static enum err link_set(struct link *base, const struct node_key *key, const struct os_addr *addrs,
                         uint32_t count)
{
    struct mem_link *l = link_of(base);
    struct mem_hub *h = l->hub;
    (void)addrs; /* the hub knows where everybody is */
    (void)count;
    if (ids_key_equal(&l->key, key)) {
        return ERR_WRONG_IDENTITY;
    }
    struct mem_link *to = find(h, key);
    if (to == NULL && h->count < MEM_LINKS_MAX) { /* a place for one that is not open yet */
        to = &h->links[h->count];
        to->slot = h->count++;
        to->key = *key;
    }
    if (to == NULL) {
        return ERR_BUSY;
    }
    end_of(h, l, to)->wanted = true;
    return ERR_OK;
}

static void link_forget(struct link *base, const struct node_key *key)
{
    struct mem_link *l = link_of(base);
    struct mem_link *to = find(l->hub, key);
    if (to != NULL && to != l) {
        end_of(l->hub, l, to)->wanted = false;
        pair_break(l->hub, pair_of(l->hub, l, to));
    }
}

static bool link_is_up(struct link *base, const struct node_key *key)
{
    struct mem_link *l = link_of(base);
    struct mem_link *to = find(l->hub, key);
    return to != NULL && to != l && pair_of(l->hub, l, to)->joined && end_of(l->hub, l, to)->told;
}

static enum err link_push(struct link *base, const struct node_key *key, enum link_class class,
                          struct bytes head, struct bytes body)
{
    struct mem_link *l = link_of(base);
    struct mem_hub *h = l->hub;
    ASSERT(class < LINK_CLASS_COUNT);
    if (!link_is_up(base, key)) {
        return ERR_PEER_GONE;
    }
    if (head.count > NET_FRAME_BYTES_MAX || body.count > NET_FRAME_BYTES_MAX - head.count) {
        return ERR_FRAME_TOO_LARGE;
    }
    struct end *to = end_of(h, find(h, key), l);
    size_t count = head.count + body.count;
    struct frame *f = NULL;
    if (to->queued[class] + count <= NET_QUEUE_BYTES_MAX) {
        f = mem_alloc(h->mem, sizeof *f + count);
    }
    if (f == NULL) {
        l->stats.queue_full++;
        return ERR_QUEUE_FULL;
    }
    struct writer w = writer_of(f->data, count);
    writer_put(&w, head);
    writer_put(&w, body);
    ASSERT(!w.bad);
    f->count = count;
    list_push_back(&to->queue[class], &f->link);
    to->queued[class] += count;
    l->stats.frames_out++;
    l->stats.bytes_out += count;
    return ERR_OK;
}

/* An address that names the link, though nobody could dial it. */
static uint32_t link_list(struct link *base, struct os_addr *out, uint32_t max)
{
    if (max == 0) {
        return 0;
    }
    memset(out, 0, sizeof *out);
    out->family = 4;
    out->ip[0] = 127;
    out->ip[3] = (uint8_t)(link_of(base)->slot + 1);
    out->port = 1;
    return 1;
}

static void link_count(struct link *base, struct link_stats *out)
{
    *out = link_of(base)->stats;
}

static void link_shut(struct link *base)
{
    struct mem_link *l = link_of(base);
    struct mem_hub *h = l->hub;
    ASSERT(l->open);
    l->open = false;
    for (uint32_t i = 0; i < h->count; i++) {
        if (i != l->slot) {
            pair_break(h, pair_of(h, l, &h->links[i]));
            end_of(h, l, &h->links[i])->wanted = false;
            end_of(h, l, &h->links[i])->told = false;
        }
    }
}

static const struct link_table mem_link_table = {
    .peer_set = link_set,
    .peer_forget = link_forget,
    .peer_is_up = link_is_up,
    .send = link_push,
    .addrs = link_list,
    .stats = link_count,
    .close = link_shut,
};

enum err mem_hub_open(struct mem *mem, struct mem_hub **out)
{
    struct mem_hub *h = mem_alloc(mem, sizeof *h);
    if (h == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(h, 0, sizeof *h);
    h->mem = mem;
    for (uint32_t i = 0; i < MEM_LINKS_MAX * MEM_LINKS_MAX * 2; i++) {
        struct end *e = &h->pairs[i / 2 / MEM_LINKS_MAX][i / 2 % MEM_LINKS_MAX].end[i % 2];
        for (uint32_t k = 0; k < LINK_CLASS_COUNT; k++) {
            list_init(&e->queue[k]);
        }
    }
    *out = h;
    return ERR_OK;
}

void mem_hub_close(struct mem_hub *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        ASSERT(!h->links[i].open); /* so that every queue is empty */
    }
    mem_free(h->mem, h);
}

enum err mem_link_open(struct mem_hub *h, const struct node_key *key,
                       const struct link_handler *handler, void *arg, struct link **out)
{
    struct mem_link *l = find(h, key);
    if (l == NULL) {
        if (h->count == MEM_LINKS_MAX) {
            return ERR_BUSY;
        }
        l = &h->links[h->count];
        l->slot = h->count++;
        l->key = *key;
    }
    if (l->open) {
        return ERR_ADDRESS_IN_USE;
    }
    l->base.table = &mem_link_table;
    l->hub = h;
    l->handler = *handler;
    l->arg = arg;
    l->open = true;
    memset(&l->stats, 0, sizeof l->stats);
    *out = &l->base;
    return ERR_OK;
}
