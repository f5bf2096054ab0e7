/* sim/copy.c -- copying the safe version of every file, the names, and the rows. */
#include "sim/copy.h"

#include "base/panic.h"
#include "sim/world.h"

/* What is seen is what is safe. */
static void file_copy(struct mem *mem, const struct sim_file *from, struct sim_file *to)
{
    memset(to, 0, sizeof *to);
    if (from->capacity == 0) {
        return;
    }
    enum err e = sim_file_reserve(mem, to, from->capacity);
    ASSERT(e == ERR_OK); /* the account has room for many disks */
    sim_image_share(mem, &to->now, &from->safe, 0, from->capacity);
    sim_image_share(mem, &to->safe, &from->safe, 0, from->capacity);
    sim_image_share(mem, &to->before, &from->before, 0, from->capacity);
    to->now_bytes = from->safe_bytes;
    to->safe_bytes = from->safe_bytes;
    to->told_bytes = from->told_bytes;
}

/* Names point to what is safe, and they alone use files. */
static void names_copy(const struct sim_name *from, struct sim_name *to, struct sim_file *files)
{
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        to[i] = from[i];
        to[i].now = from[i].safe;
        if (to[i].safe >= 0) {
            files[to[i].safe].users += 2;
        }
    }
}

static void files_copy(struct mem *mem, const struct sim_file *from, const struct sim_name *names,
                       struct sim_file *to)
{
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        int file = names[i].safe;
        if (file >= 0 && to[file].capacity == 0) {
            file_copy(mem, &from[file], &to[file]);
        }
    }
}

static void rows_copy(const struct sim_backing *from, struct sim_backing *to)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        struct bytes key = { 0 };
        struct bytes value;
        bool more = btree_seek(&from->tree[i], key, false, &key, &value);
        while (more) {
            enum err e = btree_put(&to->tree[i], key, value);
            ASSERT(e == ERR_OK);
            more = btree_seek(&from->tree[i], key, true, &key, &value);
        }
    }
}

void sim_copy_take(struct sim_copy *c, struct sim_host *h)
{
    sim_copy_done(c, h);
    memset(c, 0, sizeof *c);
    c->taken = true;
    files_copy(&h->disk_mem, h->disk.file, h->disk.name, c->file);
    names_copy(h->disk.name, c->name, c->file);
    sim_backing_init(&c->rows, &h->disk_mem, NULL);
    rows_copy(&h->backing, &c->rows);
    sim_look_copied(&h->world->look, h);
    sim_world_tell(h->world, h->id, "disk copied", h->process, 0);
}

bool sim_copy_same(const struct sim_copy *c, const struct sim_host *h, const char *suffix)
{
    size_t n = strlen(suffix);
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        const struct sim_name *old = &c->name[i];
        const struct sim_name *now = &h->disk.name[i];
        size_t bytes = strlen(old->name);
        if (old->safe < 0 || bytes < n || strcmp(old->name + bytes - n, suffix) != 0) {
            continue;
        }
        const struct sim_file *a = &c->file[old->safe];
        const struct sim_file *b = now->safe >= 0 ? &h->disk.file[now->safe] : a;
        return now->safe >= 0 && strcmp(now->name, old->name) == 0 &&
               a->safe_bytes == b->safe_bytes && sim_image_same(&a->safe, &b->safe, a->safe_bytes);
    }
    return false;
}

static void disk_empty(struct sim_host *h)
{
    sim_disk_stale_end(&h->disk);
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        sim_file_drop(&h->disk_mem, &h->disk.file[i]);
    }
    sim_backing_done(&h->backing);
    sim_backing_init(&h->backing, &h->disk_mem, &h->disk);
}

void sim_copy_restore(const struct sim_copy *c, struct sim_host *h)
{
    ASSERT(c->taken && h->state != SIM_HOST_UP);
    disk_empty(h);
    files_copy(&h->disk_mem, c->file, c->name, h->disk.file);
    names_copy(c->name, h->disk.name, h->disk.file);
    rows_copy(&c->rows, &h->backing);
    sim_look_restored(&h->world->look, h);
    h->restored = true;
    h->reminded = true;
    sim_world_tell(h->world, h->id, "disk restored", h->process, 0);
}

void sim_copy_wipe(struct sim_host *h)
{
    ASSERT(h->state != SIM_HOST_UP);
    disk_empty(h);
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        h->disk.name[i] = (struct sim_name){ .now = -1, .safe = -1 };
    }
    h->wiped = true;
    h->restored = false; /* what it forgot, another incarnation has promised */
    h->reminded = false;
    sim_look_wiped(&h->world->look, h);
    sim_world_tell(h->world, h->id, "disk wiped", h->process, 0);
}

void sim_copy_done(struct sim_copy *c, struct sim_host *h)
{
    if (!c->taken) {
        return;
    }
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        sim_file_drop(&h->disk_mem, &c->file[i]);
    }
    sim_backing_done(&c->rows);
    c->taken = false;
}
