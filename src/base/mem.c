/* base/mem.c -- counted blocks: a header before each keeps its size. */
#include "base/mem.h"

#include "base/panic.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

/* Keeps what follows aligned for any type. */
union mem_head {
    size_t bytes; /* with this header */
    max_align_t align;
};

void mem_init(struct mem *m, const char *name, size_t limit_bytes)
{
    m->name = name;
    m->limit = limit_bytes;
    m->used = 0;
    m->peak = 0;
    m->sealed = false;
}

/* Room for bytes and a header within the limit: the sum, or 0. */
static size_t admit(const struct mem *m, size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(union mem_head)) {
        return 0;
    }
    size_t total = bytes + sizeof(union mem_head);
    return m->used <= m->limit && total <= m->limit - m->used ? total : 0;
}

static void *account(struct mem *m, union mem_head *head, size_t total)
{
    head->bytes = total;
    m->used += total;
    if (m->used > m->peak) {
        m->peak = m->used;
    }
    return head + 1;
}

void *mem_take(struct mem *m, size_t bytes)
{
    ASSERT(!m->sealed);
    size_t total = admit(m, bytes);
    ASSERT(total > 0);
    union mem_head *head = calloc(1, total);
    if (head == NULL) {
        PANIC("out of memory at start");
    }
    return account(m, head, total);
}

void mem_seal(struct mem *m)
{
    m->sealed = true;
}

void *mem_alloc(struct mem *m, size_t bytes)
{
    size_t total = admit(m, bytes);
    union mem_head *head = total > 0 ? malloc(total) : NULL;
    return head != NULL ? account(m, head, total) : NULL;
}

void *mem_resize(struct mem *m, void *block, size_t bytes)
{
    if (block == NULL) {
        return mem_alloc(m, bytes);
    }
    union mem_head *head = (union mem_head *)block - 1;
    size_t old = head->bytes;
    ASSERT(m->used >= old);
    m->used -= old;
    size_t total = admit(m, bytes);
    union mem_head *moved = total > 0 ? realloc(head, total) : NULL;
    if (moved == NULL) {
        m->used += old;
        return NULL;
    }
    return account(m, moved, total);
}

void mem_free(struct mem *m, void *block)
{
    if (block == NULL) {
        return;
    }
    union mem_head *head = (union mem_head *)block - 1;
    ASSERT(m->used >= head->bytes);
    m->used -= head->bytes;
    free(head);
}

void mem_rest(void)
{
    malloc_trim(0);
}
