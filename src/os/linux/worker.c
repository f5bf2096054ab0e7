/* os/linux/worker.c -- a thread for blocking jobs; jobs and completions are two lists under a lock.
 *
 * Invariants: one job runs at a time, in order of submission; done is called on the loop
 * Thread:     run on the worker's; everything else on the loop
 * Why:        the other side is woken after the lock is given back, or it would wake only to wait
 *             for it: two system calls and a switch more for each job
 */
#include "base/mark.h"
#include "base/panic.h"
#include "os/linux/impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

enum {
    WORKER_NICE = 10 /* of OS_SOMETIME; a tenth of the share of one that is not */
};

struct linux_worker {
    struct os_worker base;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work; /* there is a job, or the end */
    pthread_cond_t idle; /* nothing waits and nothing runs */
    struct list jobs;
    struct list finished;
    bool running;
    bool closing;
    enum os_haste haste;
    struct os_waker *waker;
};

static void *work(void *arg)
{
    struct linux_worker *w = arg;
    if (w->haste == OS_SOMETIME) { /* of this thread alone; above 19 it counts as 19 */
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + WORKER_NICE);
    }
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (list_empty(&w->jobs) && !w->closing) {
            pthread_cond_wait(&w->work, &w->lock);
        }
        if (list_empty(&w->jobs)) {
            break;
        }
        struct os_job *job = CONTAINER_OF(w->jobs.next, struct os_job, link);
        list_remove(&job->link);
        w->running = true;
        pthread_mutex_unlock(&w->lock);
        job->run(job->arg);
        pthread_mutex_lock(&w->lock);
        w->running = false;
        list_push_back(&w->finished, &job->link);
        pthread_cond_signal(&w->idle);
        pthread_mutex_unlock(&w->lock);
        os_wake(w->waker);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Report what is finished; a done may submit again. */
static void reap(void *arg)
{
    struct linux_worker *w = arg;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        bool none = list_empty(&w->finished);
        struct list *node = w->finished.next;
        if (!none) {
            list_remove(node);
        }
        pthread_mutex_unlock(&w->lock);
        if (none) {
            return;
        }
        struct os_job *job = CONTAINER_OF(node, struct os_job, link);
        job->done(job->arg);
    }
}

/* Signals are the loop's business. */
static int start_thread(struct linux_worker *w)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

enum err linux_worker_open(struct os *os, const char *name, enum os_haste haste,
                           struct os_worker **out)
{
    struct os_linux *l = linux_of(os);
    struct linux_worker *w = mem_alloc(l->mem, sizeof *w);
    if (w == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(w, 0, sizeof *w);
    w->base.os = os;
    w->haste = haste;
    list_init(&w->jobs);
    list_init(&w->finished);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    pthread_cond_init(&w->idle, NULL);
    enum err e = os_waker_open(os, reap, w, &w->waker);
    if (e == ERR_OK && start_thread(w) != 0) {
        os_waker_close(w->waker);
        e = ERR_IO;
    }
    if (e != ERR_OK) {
        mem_free(l->mem, w);
        return e;
    }
    char short_name[16]; /* the system's limit, NUL included */
    snprintf(short_name, sizeof short_name, "%.15s", name);
    pthread_setname_np(w->thread, short_name);
    *out = &w->base;
    return ERR_OK;
}

void linux_worker_submit(struct os_worker *base, struct os_job *job)
{
    struct linux_worker *w = CONTAINER_OF(base, struct linux_worker, base);
    ASSERT(job->run != NULL && job->done != NULL);
    pthread_mutex_lock(&w->lock);
    ASSERT(!w->closing);
    list_push_back(&w->jobs, &job->link);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->work);
}

void linux_worker_close(struct os_worker *base)
{
    struct linux_worker *w = CONTAINER_OF(base, struct linux_worker, base);
    bool more = true;
    while (more) {
        pthread_mutex_lock(&w->lock);
        while (w->running || !list_empty(&w->jobs)) {
            pthread_cond_wait(&w->idle, &w->lock);
        }
        more = !list_empty(&w->finished);
        w->closing = !more;
        pthread_cond_signal(&w->work);
        pthread_mutex_unlock(&w->lock);
        if (more) {
            MARK("os: a job ends while its thread is closed");
            reap(w); /* a done may submit again */
        }
    }
    pthread_join(w->thread, NULL);
    os_waker_close(w->waker);
    pthread_cond_destroy(&w->idle);
    pthread_cond_destroy(&w->work);
    pthread_mutex_destroy(&w->lock);
    mem_free(linux_of(base->os)->mem, w);
}
