/* sim/image.c -- pages with a count of users. */
#include "sim/image.h"

#include "base/bytes.h"
#include "base/panic.h"

struct sim_page {
    uint32_t users;
    uint8_t bytes[SIM_PAGE_BYTES];
};

static const uint8_t zeroes[SIM_PAGE_BYTES];

static const uint8_t *bytes_at(const struct sim_image *m, size_t page)
{
    ASSERT(page < m->pages);
    return m->page[page] != NULL ? m->page[page]->bytes : zeroes;
}

/* Bytes from offset to the end of its page, count at most. */
static size_t piece(size_t offset, size_t count)
{
    size_t left = SIM_PAGE_BYTES - offset % SIM_PAGE_BYTES;
    return count < left ? count : left;
}

static void leave(struct mem *mem, struct sim_image *m, size_t page)
{
    struct sim_page *p = m->page[page];
    if (p != NULL && --p->users == 0) {
        mem_free(mem, p);
    }
    m->page[page] = NULL;
}

enum err sim_image_reserve(struct mem *mem, struct sim_image *m, size_t bytes)
{
    size_t pages = (bytes + SIM_PAGE_BYTES - 1) / SIM_PAGE_BYTES;
    if (pages <= m->pages) {
        return ERR_OK;
    }
    struct sim_page **table = mem_resize(mem, m->page, pages * sizeof *table);
    if (table == NULL) {
        return ERR_NO_SPACE;
    }
    memset(table + m->pages, 0, (pages - m->pages) * sizeof *table);
    m->page = table;
    m->pages = pages;
    return ERR_OK;
}

void sim_image_drop(struct mem *mem, struct sim_image *m)
{
    for (size_t i = 0; i < m->pages; i++) {
        leave(mem, m, i);
    }
    mem_free(mem, m->page);
    *m = (struct sim_image){ 0 };
}

void sim_image_read(const struct sim_image *m, size_t offset, void *out, size_t count)
{
    uint8_t *to = out;
    while (count > 0) {
        size_t n = piece(offset, count);
        memcpy(to, bytes_at(m, offset / SIM_PAGE_BYTES) + offset % SIM_PAGE_BYTES, n);
        to += n;
        offset += n;
        count -= n;
    }
}

/* A page that nobody else uses, with what was there; NULL: the account is full. */
static struct sim_page *own(struct mem *mem, struct sim_image *m, size_t page)
{
    struct sim_page *p = m->page[page];
    if (p != NULL && p->users == 1) {
        return p;
    }
    struct sim_page *mine = mem_alloc(mem, sizeof *mine);
    if (mine != NULL) {
        mine->users = 1;
        memcpy(mine->bytes, bytes_at(m, page), SIM_PAGE_BYTES);
        leave(mem, m, page);
        m->page[page] = mine;
    }
    return mine;
}

static enum err page_write(struct mem *mem, struct sim_image *m, size_t offset, const uint8_t *data,
                           size_t count)
{
    size_t page = offset / SIM_PAGE_BYTES;
    ASSERT(page < m->pages);
    if (m->page[page] == NULL && memcmp(data, zeroes, count) == 0) {
        return ERR_OK;
    }
    if (data == zeroes && count == SIM_PAGE_BYTES) {
        leave(mem, m, page);
        return ERR_OK;
    }
    struct sim_page *p = own(mem, m, page);
    if (p == NULL) {
        return ERR_NO_SPACE;
    }
    memcpy(p->bytes + offset % SIM_PAGE_BYTES, data, count);
    return ERR_OK;
}

enum err sim_image_write(struct mem *mem, struct sim_image *m, size_t offset, const void *data,
                         size_t count)
{
    const uint8_t *from = data;
    while (count > 0) {
        size_t n = piece(offset, count);
        TRY(page_write(mem, m, offset, from, n));
        from += n;
        offset += n;
        count -= n;
    }
    return ERR_OK;
}

void sim_image_put(struct mem *mem, struct sim_image *m, size_t offset, const void *data,
                   size_t count)
{
    enum err e = sim_image_write(mem, m, offset, data, count);
    ASSERT(e == ERR_OK);
}

enum err sim_image_zero(struct mem *mem, struct sim_image *m, size_t offset, size_t count)
{
    while (count > 0) {
        size_t n = piece(offset, count);
        TRY(page_write(mem, m, offset, zeroes, n));
        offset += n;
        count -= n;
    }
    return ERR_OK;
}

void sim_image_share(struct mem *mem, struct sim_image *m, const struct sim_image *from,
                     size_t first, size_t end)
{
    size_t last = (end + SIM_PAGE_BYTES - 1) / SIM_PAGE_BYTES;
    ASSERT(last <= m->pages && last <= from->pages);
    for (size_t i = first / SIM_PAGE_BYTES; i < last; i++) {
        if (m->page[i] == from->page[i]) {
            continue;
        }
        leave(mem, m, i);
        m->page[i] = from->page[i];
        if (m->page[i] != NULL) {
            m->page[i]->users++;
        }
    }
}

bool sim_image_same(const struct sim_image *a, const struct sim_image *b, size_t count)
{
    for (size_t offset = 0; offset < count; offset += SIM_PAGE_BYTES) {
        size_t page = offset / SIM_PAGE_BYTES;
        if (a->page[page] != b->page[page] &&
            memcmp(bytes_at(a, page), bytes_at(b, page), piece(offset, count - offset)) != 0) {
            return false;
        }
    }
    return true;
}
