/* net/sendq.c -- the send queue of a stream. */
#include "net/sendq.h"

#include "base/panic.h"

static struct sendq_chunk *chunk_of(struct list *node)
{
    return CONTAINER_OF(node, struct sendq_chunk, link);
}

static struct sendq_chunk *last_of(const struct sendq *s)
{
    return list_empty(&s->chunks) ? NULL : chunk_of(s->chunks.prev);
}

void sendq_init(struct sendq *s)
{
    memset(s, 0, sizeof *s);
    list_init(&s->chunks);
}

static void free_all(struct list *chunks, struct mem *mem)
{
    while (!list_empty(chunks)) {
        struct sendq_chunk *c = chunk_of(chunks->next);
        list_remove(&c->link);
        mem_free(mem, c);
    }
}

void sendq_done(struct sendq *s, struct mem *mem)
{
    free_all(&s->chunks, mem);
    s->cursor = NULL;
}

/* Chunks for bytes more than fit now; all of them or none. */
static enum err reserve(struct sendq *s, struct mem *mem, uint64_t bytes)
{
    struct list fresh;
    list_init(&fresh);
    while (bytes > 0) {
        uint64_t capacity = bytes < SENDQ_CHUNK_BYTES ? SENDQ_CHUNK_BYTES : bytes;
        if (capacity > SENDQ_CHUNK_BYTES_MAX) {
            capacity = SENDQ_CHUNK_BYTES_MAX;
        }
        struct sendq_chunk *c = mem_alloc(mem, sizeof *c + capacity);
        if (c == NULL) {
            free_all(&fresh, mem);
            return ERR_NO_MEMORY;
        }
        c->used = 0;
        c->capacity = (uint32_t)capacity;
        list_push_back(&fresh, &c->link);
        bytes -= bytes < capacity ? bytes : capacity;
    }
    while (!list_empty(&fresh)) {
        struct list *node = fresh.next;
        list_remove(node);
        list_push_back(&s->chunks, node);
    }
    return ERR_OK;
}

/* Copy into chunk and those after it; returns the one that holds the last byte. */
static struct sendq_chunk *copy(struct sendq_chunk *c, struct bytes part)
{
    while (part.count > 0) {
        size_t room = c->capacity - c->used;
        size_t n = part.count < room ? part.count : room;
        if (n == 0) {
            c = chunk_of(c->link.next);
            continue;
        }
        memcpy(c->data + c->used, part.data, n);
        c->used += (uint32_t)n;
        part = bytes_of(part.data + n, part.count - n);
    }
    return c;
}

enum err sendq_append(struct sendq *s, struct mem *mem, const struct bytes *parts, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        total += parts[i].count;
    }
    struct sendq_chunk *last = last_of(s);
    uint64_t room = last == NULL ? 0 : last->capacity - last->used;
    if (total > room) {
        TRY(reserve(s, mem, total - room));
    }
    struct sendq_chunk *c = last != NULL ? last : chunk_of(s->chunks.next);
    if (s->cursor == NULL && total > 0) {
        s->cursor = c;
        s->cursor_at = c->used;
    }
    for (uint32_t i = 0; i < count; i++) {
        c = copy(c, parts[i]);
    }
    s->end += total;
    return ERR_OK;
}

uint32_t sendq_peek(const struct sendq *s, struct bytes *out, uint32_t max)
{
    uint32_t n = 0;
    struct sendq_chunk *c = s->cursor;
    uint32_t at = s->cursor_at;
    uint64_t left = sendq_unsent(s);
    while (n < max && left > 0) {
        ASSERT(c != NULL);
        if (c->used > at) {
            out[n++] = bytes_of(c->data + at, c->used - at);
            left -= c->used - at;
        }
        c = chunk_of(c->link.next); /* not looked at when nothing is left */
        at = 0;
    }
    return n;
}

void sendq_sent(struct sendq *s, uint64_t count)
{
    ASSERT(count <= sendq_unsent(s));
    s->sent += count;
    while (count > 0) {
        uint64_t here = s->cursor->used - s->cursor_at;
        if (count <= here) {
            s->cursor_at += (uint32_t)count;
            return;
        }
        count -= here;
        s->cursor = chunk_of(s->cursor->link.next);
        s->cursor_at = 0;
    }
}

/* Everything arrived: keep one chunk of the usual size for the next frame. */
static void rest(struct sendq *s, struct mem *mem)
{
    struct sendq_chunk *last = last_of(s);
    s->first = s->end;
    if (last == NULL) {
        return;
    }
    if (last->capacity > SENDQ_CHUNK_BYTES) {
        list_remove(&last->link);
        mem_free(mem, last);
        s->cursor = NULL;
        return;
    }
    last->used = 0;
    s->cursor = last;
    s->cursor_at = 0;
}

void sendq_acked(struct sendq *s, struct mem *mem, uint64_t position)
{
    ASSERT(position <= s->sent);
    if (position <= s->acked) {
        return;
    }
    s->acked = position;
    struct sendq_chunk *last = last_of(s);
    while (!list_empty(&s->chunks)) {
        struct sendq_chunk *c = chunk_of(s->chunks.next);
        if (c == last || s->first + c->used > position) {
            break;
        }
        s->first += c->used;
        if (s->cursor == c) {
            s->cursor = chunk_of(c->link.next);
            s->cursor_at = 0;
        }
        list_remove(&c->link);
        mem_free(mem, c);
    }
    if (position == s->end) {
        rest(s, mem);
    }
}
