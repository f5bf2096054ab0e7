/* tests/unit/store/rig.h -- a log (and its vote) in a directory of its own, for tests that write,
 * close, damage and open again.
 *
 * Shape:      rig_open, rig_append ..., rig_close; what an entry holds follows from index and term
 * Thread:     one
 */
#ifndef STORE_RIG_H
#define STORE_RIG_H

#include "loop.h"

#include "base/prng.h"
#include "store/log.h"

#define RIG_UNUSED __attribute__((unused))

struct rig {
    struct loop loop;
    struct os_dir *dir;
    bool in_memory;
    uint64_t salt;
    struct log *log;
    struct log_recovered rec;
    struct diag diag;
    uint64_t ticket;  /* asked for */
    uint64_t durable; /* told */
    uint64_t index;   /* told with it */
    uint64_t term;
    uint64_t found;     /* while opening: newest entry */
    uint64_t installed; /* while opening: newest snapshot */
    enum err failed;
};

/* Of the first segment; 0: the default. Small ones make many. */
RIG_UNUSED static uint32_t rig_segment_bytes;

RIG_UNUSED static void rig_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    struct rig *r = arg;
    CHECK(ticket > r->durable && r->failed == ERR_OK);
    r->durable = ticket;
    r->index = index;
    r->term = term;
}

RIG_UNUSED static void rig_failed(void *arg, enum err e)
{
    struct rig *r = arg;
    r->failed = e;
}

/* Bytes of an entry; bytes < 16 are padded to it. */
RIG_UNUSED static struct bytes rig_data(uint64_t index, uint64_t term, size_t bytes)
{
    static uint8_t data[16 << 20];
    static size_t at;
    size_t n = bytes < 16 ? 16 : bytes;
    at = at + n > sizeof data ? 0 : at;
    uint8_t *out = data + at;
    at += n;
    memset(out, (int)(index & 0xff), n);
    memcpy(out, &index, 8);
    memcpy(out + 8, &term, 8);
    return bytes_of(out, n);
}

RIG_UNUSED static void rig_found(void *arg, const struct log_entry *e)
{
    struct rig *r = arg;
    CHECK(bytes_equal(e->data, rig_data(e->index, e->term, e->data.count)));
    r->found = e->index;
}

RIG_UNUSED static void rig_truncated(void *arg, uint64_t to)
{
    struct rig *r = arg;
    CHECK(to <= r->found);
    r->found = to;
}

RIG_UNUSED static void rig_installed(void *arg, uint64_t index, uint64_t term)
{
    struct rig *r = arg;
    CHECK(term > 0);
    r->found = index;
    r->installed = index;
}

RIG_UNUSED static enum err rig_try(struct rig *r)
{
    struct log_options o = { .in_memory = r->in_memory, .salt = r->salt, .mem = &r->loop.mem };
    struct log_handler h = { rig_durable, rig_failed, rig_found,    rig_truncated,
                             r,           NULL,       rig_installed };
    r->ticket = r->durable = r->found = r->installed = 0;
    o.segment_bytes = rig_segment_bytes;
    r->failed = ERR_OK;
    r->diag = (struct diag){ 0 };
    r->log = NULL;
    return log_open(r->loop.os, r->dir, &o, &h, &r->rec, &r->log, &r->diag);
}

RIG_UNUSED static void rig_start(struct rig *r)
{
    enum err e = rig_try(r);
    if (e != ERR_OK) {
        printf("# %s: %s\n", err_name(e), r->diag.text);
    }
    CHECK(e == ERR_OK);
}

RIG_UNUSED static void rig_open(struct rig *r, bool in_memory)
{
    memset(r, 0, sizeof *r);
    r->in_memory = in_memory;
    r->salt = 42;
    loop_open(&r->loop);
    CHECK(os_dir_open(r->loop.os, r->loop.path, false, &r->dir) == ERR_OK);
    rig_start(r);
}

RIG_UNUSED static void rig_stop(struct rig *r)
{
    log_close(r->log);
    r->log = NULL;
}

RIG_UNUSED static void rig_close(struct rig *r)
{
    if (r->log != NULL) {
        rig_stop(r);
    }
    os_dir_close(r->dir);
    loop_close(&r->loop);
}

RIG_UNUSED static void rig_wait(struct rig *r)
{
    LOOP_UNTIL(&r->loop, r->durable == r->ticket || r->failed != ERR_OK);
    CHECK(r->failed == ERR_OK);
}

/* Entries first.. in one write; behind a truncation when they are there already. */
RIG_UNUSED static void rig_append(struct rig *r, uint64_t first, uint32_t count, uint64_t term,
                                  size_t bytes)
{
    struct log_entry e[256];
    CHECK(count <= 256);
    for (uint32_t i = 0; i < count; i++) {
        e[i] = (struct log_entry){ first + i, term, 3, rig_data(first + i, term, bytes) };
    }
    struct log_write w = { .ticket = ++r->ticket, .entries = e, .count = count };
    w.truncate = first <= log_last(r->log);
    w.truncate_to = first - 1;
    CHECK(log_append(r->log, &w) == ERR_OK);
}

RIG_UNUSED static void rig_vote(struct rig *r, uint64_t term, uint64_t vote)
{
    struct log_write w = { .ticket = ++r->ticket, .hard = true, .term = term, .vote = vote };
    CHECK(log_append(r->log, &w) == ERR_OK);
}

RIG_UNUSED static void rig_check(struct rig *r, uint64_t index, uint64_t term)
{
    struct log_entry e;
    CHECK(log_read(r->log, index, &e) == ERR_OK);
    CHECK_U64(e.index, index);
    CHECK_U64(e.term, term);
    CHECK(bytes_equal(e.data, rig_data(index, term, e.data.count)));
}

/* ---- files, behind the log's back ---- */

RIG_UNUSED static FILE *rig_file(struct rig *r, const char *name, const char *mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", r->loop.path, name);
    FILE *f = fopen(path, mode);
    CHECK(f != NULL);
    return f;
}

RIG_UNUSED static void rig_get(struct rig *r, const char *name, long offset, void *out, size_t n)
{
    FILE *f = rig_file(r, name, "rb");
    CHECK(fseek(f, offset, SEEK_SET) == 0 && fread(out, 1, n, f) == n);
    fclose(f);
}

RIG_UNUSED static void rig_put(struct rig *r, const char *name, long offset, const void *in,
                               size_t n)
{
    FILE *f = rig_file(r, name, "r+b");
    CHECK(fseek(f, offset, SEEK_SET) == 0 && fwrite(in, 1, n, f) == n);
    CHECK(fclose(f) == 0);
}

RIG_UNUSED static void rig_flip(struct rig *r, const char *name, long offset)
{
    uint8_t byte = 0;
    rig_get(r, name, offset, &byte, 1);
    byte ^= 0x41;
    rig_put(r, name, offset, &byte, 1);
}

RIG_UNUSED static void rig_cut(struct rig *r, const char *name, long bytes)
{
    FILE *f = rig_file(r, name, "r+b");
    CHECK(ftruncate(fileno(f), bytes) == 0 && fclose(f) == 0);
}

RIG_UNUSED static long rig_size(struct rig *r, const char *name)
{
    FILE *f = rig_file(r, name, "rb");
    CHECK(fseek(f, 0, SEEK_END) == 0);
    long n = ftell(f);
    fclose(f);
    return n;
}

/* rig_sum -- of all bytes of the directory's files: equal sums, nothing was changed. */
RIG_UNUSED static void rig_sum(struct rig *r, char out[64])
{
    char command[160];
    snprintf(command, sizeof command, "cd '%s' && find . -type f | sort | xargs cat | cksum",
             r->loop.path);
    FILE *f = popen(command, "r");
    CHECK(f != NULL && fgets(out, 64, f) != NULL);
    CHECK(pclose(f) == 0);
}

/* rig_refused -- opening gives e, says what, and changes no byte. */
RIG_UNUSED static void rig_refused(struct rig *r, enum err e, const char *what)
{
    char before[64];
    char after[64];
    rig_sum(r, before);
    enum err got = rig_try(r);
    if (got != e || strstr(r->diag.text, what) == NULL) {
        printf("# %s: %s\n", err_name(got), r->diag.text);
    }
    CHECK(got == e);
    CHECK(strstr(r->diag.text, what) != NULL);
    rig_sum(r, after);
    CHECK(strcmp(before, after) == 0);
}

#endif
