/* store/flush.c -- the job and its end. */
#include "store/flush.h"

#include "base/mark.h"
#include "base/panic.h"

static void run(void *arg)
{
    struct flush *f = arg;
    f->result = tables_write(f->tables);
}

static void submit(struct flush *f)
{
    f->began_ns = os_now(f->os);
    os_worker_submit(f->worker, &f->job);
}

/* The map was too small for what came: ask for twice as much and go on. */
static enum err enlarge(struct flush *f)
{
    uint64_t rows = f->retry_rows == 0 ? 1u << 16 : f->retry_rows * 2;
    enum err e = backing_prepare(f->tables->backing, rows, rows);
    f->retry_rows = e == ERR_OK ? rows : f->retry_rows; /* refused: the same is asked again */
    return e;
}

static void ended(void *arg)
{
    struct flush *f = arg;
    enum err e = f->result;
    uint64_t now = os_now(f->os);
    if (e == ERR_BUSY && f->worker != NULL) {
        e = enlarge(f);
        if (e == ERR_OK) {
            submit(f);
            return;
        }
        if (e == ERR_BUSY) { /* room comes when the view ends: nobody needs to know */
            MARK("store: a flush waits for the end of a view");
            e = os_timer_set(f->os, &f->retry, now + FLUSH_RETRY_NS);
            if (e == ERR_OK) {
                return;
            }
        }
    }
    if (e == ERR_OK) {
        f->retry_rows = 0;
        tables_thaw(f->tables);
    } else if (e == ERR_NO_SPACE && f->worker != NULL) {
        e = os_timer_set(f->os, &f->retry, now + FLUSH_RETRY_NS) == ERR_OK ? e : ERR_IO;
    }
    f->done(f->arg, e, now - f->began_ns);
}

static void again(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    submit(arg);
}

enum err flush_open(struct flush *f, struct os *os, struct tables *tables,
                    void (*done)(void *arg, enum err e, uint64_t took_ns), void *arg)
{
    memset(f, 0, sizeof *f);
    f->os = os;
    f->tables = tables;
    f->done = done;
    f->arg = arg;
    f->job = (struct os_job){ .run = run, .done = ended, .arg = f };
    os_timer_init(&f->retry, again, f);
    return tables->backing != NULL ? os_worker_open(os, "aspen-flush", OS_SOON, &f->worker)
                                   : ERR_OK;
}

bool flush_busy(const struct flush *f)
{
    return f->tables != NULL && (f->tables->flushing || f->tables->swapping);
}

enum err flush_begin(struct flush *f)
{
    ASSERT(f->worker != NULL);
    if (flush_busy(f)) {
        return ERR_BUSY;
    }
    TRY(tables_freeze(f->tables));
    submit(f);
    return ERR_OK;
}

void flush_close(struct flush *f)
{
    if (f->worker == NULL) {
        return;
    }
    struct os_worker *w = f->worker;
    os_timer_cancel(f->os, &f->retry);
    f->worker = NULL; /* what ends from now on is not tried again */
    os_worker_close(w);
}
