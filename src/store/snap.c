/* store/snap.c -- the list of snapshots, and their files. */
#include "store/snap.h"

#include "base/mark.h"
#include "base/panic.h"
#include "store/snap_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    HEX = 16,
    NAME_STEM = 3 * HEX + 2
};

/* ---- names ---- */

void snap_name(const struct snap_id *id, const char *suffix, char out[SNAP_NAME_BYTES])
{
    snprintf(out, SNAP_NAME_BYTES, "%016llx-%016llx-%016llx.%s", (unsigned long long)id->index,
             (unsigned long long)id->term, (unsigned long long)id->id, suffix);
}

/* False: nobody here gave that name. */
static bool name_parse(const char *name, const char *suffix, struct snap_id *out)
{
    char canonical[SNAP_NAME_BYTES];
    if (strlen(name) < NAME_STEM) {
        return false;
    }
    out->index = strtoull(name, NULL, 16);
    out->term = strtoull(name + HEX + 1, NULL, 16);
    out->id = strtoull(name + 2 * (HEX + 1), NULL, 16);
    snap_name(out, suffix, canonical);
    return strcmp(name, canonical) == 0;
}

static bool newer(const struct snap_id *a, const struct snap_id *b)
{
    if (a->index != b->index) {
        return a->index > b->index;
    }
    return a->term != b->term ? a->term > b->term : a->id > b->id;
}

/* ---- the list ---- */

static struct snap_item *item_of(struct list *link)
{
    return CONTAINER_OF(link, struct snap_item, link);
}

struct snap_item *snap_find(const struct snap *s, const struct snap_id *id)
{
    LIST_EACH(link, &s->items) {
        if (snap_id_equal(&item_of(link)->id, id)) {
            return item_of(link);
        }
    }
    return NULL;
}

bool snap_newest(const struct snap *s, uint64_t most, struct snap_id *out)
{
    LIST_EACH(link, &s->items) {
        if (item_of(link)->id.index <= most) {
            *out = item_of(link)->id;
            return true;
        }
    }
    return false;
}

bool snap_at(const struct snap *s, uint64_t index, uint64_t term, struct snap_id *out)
{
    LIST_EACH(link, &s->items) {
        const struct snap_id *id = &item_of(link)->id;
        if (id->index == index && id->term == term) {
            *out = *id;
            return true;
        }
    }
    return false;
}

static void item_free(struct snap *s, struct snap_item *item)
{
    list_remove(&item->link);
    snap_blob_close(&item->blob);
    mem_free(s->mem, item);
}

static enum err item_new(struct snap *s, const struct snap_id *id, const struct snap_blob *blob)
{
    struct snap_item *item = mem_alloc(s->mem, sizeof *item);
    if (item == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(item, 0, sizeof *item);
    item->id = *id;
    item->blob = *blob;
    struct list *at = s->items.next;
    while (at != &s->items && newer(&item_of(at)->id, id)) {
        at = at->next;
    }
    list_push_back(at, &item->link); /* before it */
    return ERR_OK;
}

static void item_drop(struct snap *s, struct snap_item *item)
{
    if (item->users == 0) {
        item_free(s, item);
        return;
    }
    list_remove(&item->link);
    list_push_back(&s->dropped, &item->link);
    item->dropped = true;
}

void snap_leave(struct snap *s, struct snap_item *item)
{
    ASSERT(item->users > 0);
    item->users--;
    if (item->dropped && item->users == 0) {
        item_free(s, item);
    }
}

/* ---- older ones go ---- */

static void prune_run(void *arg)
{
    struct snap *s = arg;
    for (uint32_t i = 0; i < s->prune_count; i++) {
        char name[SNAP_NAME_BYTES];
        snap_name(&s->prune[i], "snap", name);
        IGNORE(os_dir_unlink(s->dir, name)); /* what stays is removed at the next start */
    }
}

static void prune_start(struct snap *s);

static void prune_done(void *arg)
{
    struct snap *s = arg;
    s->pruning = false;
    prune_start(s);
}

/* More than are kept are listed only while the files of others are being removed. */
static void prune_start(struct snap *s)
{
    uint32_t kept = 0;
    if (s->pruning) {
        return;
    }
    s->prune_count = 0;
    struct list *link = s->items.next;
    while (link != &s->items) {
        struct snap_item *item = item_of(link);
        link = link->next;
        if (kept++ < SNAP_KEPT || s->prune_count == SNAP_ITEMS_MAX) {
            continue;
        }
        s->prune[s->prune_count++] = item->id;
        MARK("store: an older snapshot gives way");
        item_drop(s, item);
    }
    if (s->prune_count > 0 && s->dir != NULL && !s->closing) {
        s->pruning = true;
        os_worker_submit(s->worker, &s->prune_job);
    }
}

void snap_lose(struct snap *s, struct snap_item *item)
{
    MARK("store: a snapshot that was whole is damaged");
    list_remove(&item->link);
    if (s->dir != NULL && !s->pruning && !s->closing) {
        s->prune[0] = item->id;
        s->prune_count = 1;
        s->pruning = true;
        os_worker_submit(s->worker, &s->prune_job);
    } /* else its file stays until it is replaced, or found damaged again */
    list_push_front(&s->items, &item->link);
    item_drop(s, item);
}

void snap_forget(struct snap *s, const struct snap_id *id)
{
    struct snap_item *item = snap_find(s, id);
    if (item != NULL) {
        snap_lose(s, item);
    }
}

enum err snap_add(struct snap *s, const struct snap_id *id, const struct snap_blob *blob)
{
    TRY(item_new(s, id, blob));
    prune_start(s);
    return ERR_OK;
}

enum err snap_finish(struct snap *s, const struct snap_id *id, struct snap_blob *blob)
{
    char part[SNAP_NAME_BYTES];
    char name[SNAP_NAME_BYTES];
    if (s->dir == NULL) {
        return ERR_OK;
    }
    snap_name(id, "part", part);
    snap_name(id, "snap", name);
    TRY(os_file_sync(blob->file));
    snap_blob_close(blob);
    TRY(os_dir_rename(s->dir, part, name));
    return os_dir_sync(s->dir);
}

/* ---- opening ---- */

/* What a directory holds; names are removed only after it was listed. */
struct found {
    struct snap *s;
    enum err e;
    const struct snap_id *but;
    bool part_found;
    struct snap_id part; /* the newest */
    char name[SNAP_ITEMS_MAX][SNAP_NAME_BYTES];
    uint32_t count;
};

static void name_add(struct found *f, const char *name)
{
    if (f->count < SNAP_ITEMS_MAX) {
        snprintf(f->name[f->count++], SNAP_NAME_BYTES, "%s", name);
    }
}

static void found_part(void *arg, const char *name)
{
    struct found *f = arg;
    struct snap_id id;
    if (name_parse(name, "part", &id) && (f->but == NULL || !snap_id_equal(f->but, &id))) {
        name_add(f, name);
    }
}

static enum err names_remove(struct snap *s, const struct found *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        enum err e = os_dir_unlink(s->dir, f->name[i]);
        if (e != ERR_OK && e != ERR_NO_FILE) {
            return e;
        }
    }
    return ERR_OK;
}

enum err snap_remove_parts(struct snap *s, const struct snap_id *id)
{
    struct found f = { .s = s, .but = id };
    if (s->dir == NULL) {
        return ERR_OK;
    }
    TRY(os_dir_list(s->dir, found_part, &f));
    return names_remove(s, &f);
}

static void part_found(struct found *f, const struct snap_id *id)
{
    if (!f->part_found || newer(id, &f->part)) {
        f->part_found = true;
        f->part = *id;
    }
}

static void found_one(void *arg, const char *name)
{
    struct found *f = arg;
    struct snap_blob none = { 0 };
    struct snap_id id;
    if (name_parse(name, "snap", &id) && f->e == ERR_OK) {
        f->e = item_new(f->s, &id, &none);
    }
    if (name_parse(name, "part", &id)) {
        part_found(f, &id);
    }
}

/* A whole one of before its install was durable is looked at again, byte by byte, when it is sent
 * again. One of a newer format may be needed when the newer program is back. */
static enum err dismiss(struct found *f, struct snap_item *item, enum err why)
{
    struct snap *s = f->s;
    char name[SNAP_NAME_BYTES];
    char part[SNAP_NAME_BYTES];
    snap_name(&item->id, "snap", name);
    if (why == ERR_NOT_FOUND) {
        MARK("store: a snapshot is of an entry that the log does not have");
        snap_name(&item->id, "part", part);
        TRY(os_dir_rename(s->dir, name, part));
        part_found(f, &item->id);
    } else if (why == ERR_MALFORMED) {
        MARK("store: the head of a snapshot denies its name");
        TRY(os_dir_unlink(s->dir, name));
    }
    item_free(s, item);
    if (s->handler.dismissed != NULL) {
        s->handler.dismissed(s->handler.arg, why, name);
    }
    return ERR_OK;
}

/* As many as are kept; older ones go unread. One that cannot be read now is found out later. */
static enum err heads_check(struct found *f, uint64_t most)
{
    struct snap *s = f->s;
    uint32_t kept = 0;
    enum err e = ERR_OK;
    uint8_t *room = mem_alloc(s->mem, SNAP_HEAD_BYTES_MAX);
    if (room == NULL) {
        return ERR_NO_MEMORY;
    }
    struct list *link = s->items.next;
    while (e == ERR_OK && link != &s->items && kept < SNAP_KEPT) {
        struct snap_item *item = item_of(link);
        struct snap_meta meta;
        link = link->next;
        enum err why = snap_meta(s, &item->id, room, &meta);
        bool other = why == ERR_MALFORMED || why == ERR_NEWER_FORMAT;
        if (other || item->id.index > most) {
            e = dismiss(f, item, other ? why : ERR_NOT_FOUND);
        } else {
            kept++;
        }
    }
    mem_free(s->mem, room);
    return e;
}

/* Of what is not whole only the newest is worth to be kept, and only if it is newer than the rest.
 */
static enum err list(struct snap *s, uint64_t most)
{
    struct found f = { .s = s };
    struct snap_id newest;
    TRY(os_dir_list(s->dir, found_one, &f));
    TRY(f.e);
    TRY(heads_check(&f, most));
    bool useful = f.part_found && (!snap_newest(s, most, &newest) || f.part.index > newest.index);
    MARK_IF(f.part_found && !useful, "store: a part of a snapshot is left over");
    TRY(snap_remove_parts(s, useful ? &f.part : NULL));
    prune_start(s);
    return ERR_OK;
}

enum err snap_open(struct os *os, struct os_dir *dir, struct mem *mem, uint64_t most,
                   const struct snap_handler *handler, struct snap **out, struct diag *diag)
{
    struct snap *s = mem_alloc(mem, sizeof *s);
    if (s == NULL) {
        return diag_set(diag, ERR_NO_MEMORY, "snapshots: no memory");
    }
    memset(s, 0, sizeof *s);
    s->os = os;
    s->dir = dir;
    s->mem = mem;
    s->handler = *handler;
    list_init(&s->items);
    list_init(&s->dropped);
    s->prune_job = (struct os_job){ .run = prune_run, .done = prune_done, .arg = s };
    list_init(&s->prune_job.link);
    snap_make_init(s);
    snap_receive_init(s);
    snap_build_init(s);
    enum err e = os_worker_open(os, "aspen-snap", OS_SOMETIME, &s->worker);
    e = e == ERR_OK && dir != NULL ? list(s, most) : e;
    if (e != ERR_OK) {
        snap_close(s);
        return diag_set(diag, e, "snapshots: %s", err_text(e));
    }
    *out = s;
    return ERR_OK;
}

void snap_close(struct snap *s)
{
    s->handler = (struct snap_handler){ 0 };
    s->closing = true;
    if (s->worker != NULL) {
        os_worker_close(s->worker);
    }
    snap_make_close(s);
    snap_receive_close(s);
    snap_build_close(s);
    ASSERT(list_empty(&s->dropped)); /* readers are closed before */
    while (!list_empty(&s->items)) {
        item_free(s, item_of(s->items.next));
    }
    mem_free(s->mem, s);
}
