/* node/book_keeper.c -- the book of nodes on disk: written whole by a worker, then renamed.
 *
 * Why: it decides nothing, so nobody waits for it, and a disk that refuses it ends no node
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"

static const char book_name[] = "nodes";

static void save_run(void *arg)
{
    struct node *n = arg;
    struct os_file *file = NULL;
    enum err e = os_file_open(n->dir, "nodes.part", OS_OPEN_WRITE | OS_OPEN_CREATE, &file);
    if (e == ERR_OK) {
        e = os_file_truncate(file, 0);
        e = e == ERR_OK ? os_file_write(file, 0, n->book_bytes, n->book_count) : e;
        e = e == ERR_OK ? os_file_sync(file) : e;
        os_file_close(file);
    }
    e = e == ERR_OK ? os_dir_rename(n->dir, "nodes.part", book_name) : e;
    n->book_err = e == ERR_OK ? os_dir_sync(n->dir) : e;
}

static void save_done(void *arg)
{
    struct node *n = arg;
    n->book_saving = false;
    if (n->book_err != ERR_OK) {
        MARK("node: the book cannot be kept");
        metrics_add(&n->metrics, METRICS_STORAGE_ERRORS, 1);
        logger_log(n->logger, LOGGER_WARN, "the book of nodes cannot be kept",
                   logger_err(n->book_err));
        n->book.dirty = true;
        supervisor_failed(&n->parts.child[NODE_PART_KEEPER], n->book_err);
        return;
    }
    book_keeper_save(n);
}

void book_keeper_save(struct node *n)
{
    if (!n->book.dirty || n->book_saving || n->keeper == NULL) {
        return;
    }
    struct writer w = writer_of(n->book_bytes, BOOK_BYTES_MAX);
    book_encode(&n->book, &w);
    ASSERT(!w.bad);
    n->book_count = w.offset;
    n->book.dirty = false;
    n->book_saving = true;
    n->book_job = (struct os_job){ .run = save_run, .done = save_done, .arg = n };
    list_init(&n->book_job.link);
    os_worker_submit(n->keeper, &n->book_job);
}

enum err book_keeper_start(void *self)
{
    struct node *n = self;
    if (n->keeper == NULL) {
        TRY(os_worker_open(n->os, "aspen-keep", OS_SOON, &n->keeper));
    }
    book_keeper_save(n); /* what could not be kept before */
    return ERR_OK;
}

void book_keeper_stop(void *self)
{
    (void)self; /* its thread ends with the storage: a save under way is brought to its end */
}

enum err book_keeper_load(struct node *n, struct diag *diag)
{
    struct os_file *file = NULL;
    size_t count = 0;
    enum err e = os_file_open(n->dir, book_name, OS_OPEN_READ, &file);
    if (e == ERR_NO_FILE) {
        return ERR_OK;
    }
    if (e == ERR_OK) {
        e = os_file_read(file, 0, n->book_bytes, BOOK_BYTES_MAX, &count);
        os_file_close(file);
    }
    e = e == ERR_OK ? book_decode(&n->book, bytes_of(n->book_bytes, count)) : e;
    if (e == ERR_NEWER_FORMAT) {
        return diag_set(diag, e, "nodes: %s", err_text(e));
    }
    if (e != ERR_OK) { /* addresses decide nothing: without them, they will be learnt again */
        MARK("node: the book cannot be read");
        logger_log(n->logger, LOGGER_WARN, "the book of nodes cannot be read and begins anew",
                   logger_err(e));
        book_init(&n->book);
    }
    return ERR_OK;
}
