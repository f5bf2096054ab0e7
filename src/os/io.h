/* os/io.h -- the only door to the machine: clock, entropy, timers, wake-ups, files, UDP, TCP,
 * workers.
 *
 * Shape:      struct os is an object with a table of functions; os/linux is one implementation, the
 *             simulator's world is the other. Code outside os/linux calls only the inline functions
 *             below, so it cannot tell which one it runs on.
 * Order:      callbacks come from the loop, later, never from inside the call that asked for them
 * Owns:       an open handle belongs to the opener until its close; memory handed to a callback is
 *             valid until the callback returns
 * Thread:     one loop thread owns a struct os and calls everything here; the exceptions are marked
 *             "any thread": os_wake, and file functions from inside a worker's job
 * Why:        deterministic simulation needs exactly one place where time, chance and bytes enter
 */
#ifndef OS_IO_H
#define OS_IO_H

#include "base/bytes.h"
#include "base/heap.h"
#include "base/list.h"

struct os;
struct os_udp;
struct os_listener;
struct os_conn;
struct os_file;
struct os_dir;
struct os_worker;
struct os_waker;

/* ---- Addresses ------------------------------------------------------------------------------ */

/* An IP address with port. IPv4 uses the first 4 bytes of ip, network order. */
struct os_addr {
    uint8_t family; /* 4 or 6; 0 = none */
    uint8_t ip[16];
    uint16_t port;  /* host order */
    uint32_t scope; /* IPv6 zone, else 0 */
};

enum {
    OS_ADDR_TEXT_MAX = 65 /* "[", 45 of an address, "%", 10 of a zone, "]:", 5 of a port, NUL */
};

/* os_addr_parse -- "1.2.3.4:80", "[::1]:80"; numbers only, no names. err ERR_MALFORMED. */
MUST_CHECK
enum err os_addr_parse(struct bytes text, struct os_addr *out);

/* os_addr_format -- text form and NUL into out[OS_ADDR_TEXT_MAX]. */
void os_addr_format(const struct os_addr *a, char *out);

/* os_addr_equal -- same family, address, port and zone. */
bool os_addr_equal(const struct os_addr *a, const struct os_addr *b);

/* ---- Timers ---------------------------------------------------------------------------------- */

typedef void (*os_timer_fn)(void *arg, uint64_t now_ns);

/* A one-shot timer; lives in its owner's memory, armed by os_timer_set. */
struct os_timer {
    struct heap_item item; /* key: absolute deadline */
    os_timer_fn fn;
    void *arg;
};

/* os_timer_init -- not armed; fn is called on the loop. */
static inline void os_timer_init(struct os_timer *t, os_timer_fn fn, void *arg)
{
    memset(t, 0, sizeof *t);
    t->fn = fn;
    t->arg = arg;
}

/* ---- UDP ------------------------------------------------------------------------------------- */

/* One datagram received. With receive offload the loop has already split the batch. */
struct os_datagram {
    struct os_addr local; /* address it was sent to, port filled */
    struct os_addr remote;
    uint8_t ecn; /* two bits of the IP header */
    struct bytes payload;
};

/* One send: count bytes cut into datagrams of segment bytes each (the last may be shorter). */
struct os_udp_send {
    struct os_addr local; /* source; family 0: the system chooses */
    struct os_addr remote;
    uint8_t ecn;
    uint16_t segment; /* bytes of one datagram; 0 = all of payload is one */
    struct bytes payload;
};

/* count datagrams of one wake-up, at most OS_UDP_BATCH at a time. */
typedef void (*os_udp_recv_fn)(void *arg, const struct os_datagram *datagrams, uint32_t count);

enum {
    OS_UDP_BATCH = 64
};

/* ---- TCP ------------------------------------------------------------------------------------- */

/* Called by the loop for a listener and its connections. */
struct os_tcp_handler {
    /* new connection, paused until os_conn_start; return a context for it, or NULL to refuse it */
    void *(*accepted)(void *arg, struct os_conn *conn, const struct os_addr *remote);
    /* bytes arrived; all of them are the handler's concern (it keeps what it cannot use yet) */
    void (*data)(void *context, struct bytes data);
    /* the peer sends no more; the connection can still be written to */
    void (*end)(void *context);
    /* os_conn_write took less than asked before; there is room again */
    void (*writable)(void *context);
    /* broken or reset; the handler must call os_conn_close, now or later */
    void (*failed)(void *context);
};

/* ---- Files ----------------------------------------------------------------------------------- */

enum os_open {
    OS_OPEN_READ = 1,
    OS_OPEN_WRITE = 2,
    OS_OPEN_CREATE = 4,
    OS_OPEN_EXCLUSIVE = 8,
    OS_OPEN_DIRECT =
        16, /* unbuffered where the file system takes it, buffered elsewhere, quietly */
    OS_OPEN_PRIVATE = 32, /* mode 0600 instead of 0644 */
};

struct os_space {
    uint64_t total_bytes;
    uint64_t free_bytes; /* for an ordinary user */
};

struct os_stat {
    uint64_t bytes;
    uint32_t mode; /* permission bits */
};

/* Name of one entry; "." and ".." are left out. */
typedef void (*os_dir_entry_fn)(void *arg, const char *name);

/* ---- Workers --------------------------------------------------------------------------------- */

/* One blocking job. run is called on the worker's thread, done on the loop thread afterwards. Jobs
 * of one worker run one at a time, in order. In its owner's memory, untouched until done. */
struct os_job {
    struct list link;
    void (*run)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

/* Whether somebody waits for the jobs of a worker, or they may take what processors the others
 * leave over. */
enum os_haste {
    OS_SOON,
    OS_SOMETIME
};

/* A wake-up from another thread: coalesced, fn is called once on the loop after any number of
 * wakes. */
typedef void (*os_wake_fn)(void *arg);

/* ---- The table ------------------------------------------------------------------------------- */

struct os_table {
    uint64_t (*now)(struct os *os);
    uint64_t (*wall)(struct os *os);
    void (*entropy)(struct os *os, void *out, size_t count);
    enum err (*timer_set)(struct os *os, struct os_timer *t, uint64_t at_ns);
    void (*timer_cancel)(struct os *os, struct os_timer *t);
    void (*turn_end)(struct os *os, struct os_job *hook);
    uint32_t (*interfaces)(struct os *os, struct os_addr *out, uint32_t max);
    void (*memory_rest)(struct os *os);

    enum err (*waker_open)(struct os *os, os_wake_fn fn, void *arg, struct os_waker **out);
    void (*wake)(struct os_waker *w);
    void (*waker_close)(struct os_waker *w);

    enum err (*udp_open)(struct os *os, const struct os_addr *bind, os_udp_recv_fn fn, void *arg,
                         struct os_udp **out);
    void (*udp_addr)(struct os_udp *udp, struct os_addr *out);
    enum err (*udp_send)(struct os_udp *udp, const struct os_udp_send *send);
    void (*udp_close)(struct os_udp *udp);

    enum err (*tcp_listen)(struct os *os, const struct os_addr *bind,
                           const struct os_tcp_handler *handler, void *arg,
                           struct os_listener **out);
    void (*listener_addr)(struct os_listener *l, struct os_addr *out);
    void (*listener_close)(struct os_listener *l);
    void (*conn_start)(struct os_conn *c);
    void (*conn_pause)(struct os_conn *c);
    size_t (*conn_write)(struct os_conn *c, struct bytes data);
    void (*conn_shutdown)(struct os_conn *c);
    void (*conn_close)(struct os_conn *c);

    enum err (*dir_open)(struct os *os, const char *path, bool create, struct os_dir **out);
    void (*dir_close)(struct os_dir *d);
    enum err (*dir_lock)(struct os_dir *d, const char *name, uint64_t *out_pid);
    enum err (*dir_list)(struct os_dir *d, os_dir_entry_fn fn, void *arg);
    enum err (*dir_rename)(struct os_dir *d, const char *from, const char *to);
    enum err (*dir_unlink)(struct os_dir *d, const char *name);
    enum err (*dir_sync)(struct os_dir *d);
    enum err (*dir_space)(struct os_dir *d, struct os_space *out);
    enum err (*dir_stat)(struct os_dir *d, const char *name, struct os_stat *out);
    const char *(*dir_path)(struct os_dir *d);

    enum err (*file_open)(struct os_dir *d, const char *name, uint32_t flags, struct os_file **out);
    enum err (*file_read)(struct os_file *f, uint64_t offset, void *out, size_t count,
                          size_t *out_count);
    enum err (*file_write)(struct os_file *f, uint64_t offset, const void *data, size_t count);
    enum err (*file_sync)(struct os_file *f);
    enum err (*file_size)(struct os_file *f, uint64_t *out);
    enum err (*file_truncate)(struct os_file *f, uint64_t bytes);
    void (*file_close)(struct os_file *f);

    enum err (*worker_open)(struct os *os, const char *name, enum os_haste haste,
                            struct os_worker **out);
    void (*worker_submit)(struct os_worker *w, struct os_job *job);
    void (*worker_close)(struct os_worker *w);
};

/* First member of every implementation, and of everything that one hands out. */
struct os {
    const struct os_table *table;
};
struct os_waker {
    struct os *os;
};
struct os_udp {
    struct os *os;
};
struct os_listener {
    struct os *os;
};
struct os_conn {
    struct os *os;
};
struct os_file {
    struct os *os;
};
struct os_dir {
    struct os *os;
};
struct os_worker {
    struct os *os;
};

/* ---- Time and chance ------------------------------------------------------------------------- */

/* os_now -- monotonic clock that counts suspended time, ns; never goes back. Any thread. */
static inline uint64_t os_now(struct os *os)
{
    return os->table->now(os);
}

/* os_wall -- wall clock, ns since 1970; for logs and records only, may jump. Any thread. */
static inline uint64_t os_wall(struct os *os)
{
    return os->table->wall(os);
}

/* os_entropy -- unpredictable bytes from the system. */
static inline void os_entropy(struct os *os, void *out, size_t count)
{
    os->table->entropy(os, out, count);
}

/* os_timer_set -- fire once at at_ns (or in the next turn when past); re-arms when armed.
 *   err ERR_QUEUE_FULL  more timers than the loop was made for; nothing changed */
MUST_CHECK
static inline enum err os_timer_set(struct os *os, struct os_timer *t, uint64_t at_ns)
{
    return os->table->timer_set(os, t, at_ns);
}

/* os_timer_cancel -- it will not fire; fine when not armed. */
static inline void os_timer_cancel(struct os *os, struct os_timer *t)
{
    os->table->timer_cancel(os, t);
}

/* os_turn_end -- call job->run(arg) once when all events of this turn have been handled, before the
 * loop sleeps; asking again while pending is fine (once is enough). done is not used. */
static inline void os_turn_end(struct os *os, struct os_job *hook)
{
    os->table->turn_end(os, hook);
}

/* os_interfaces -- addresses of the interfaces that are up, port 0, loopback ones last;
 * link-local ones are left out. Returns how many were written, at most max. */
static inline uint32_t os_interfaces(struct os *os, struct os_addr *out, uint32_t max)
{
    return os->table->interfaces(os, out, max);
}

/* os_memory_rest -- give the process's free pages back to the system; worth its time
 * (milliseconds) only after a busy while is over. */
static inline void os_memory_rest(struct os *os)
{
    os->table->memory_rest(os);
}

/* ---- Wake-ups -------------------------------------------------------------------------------- */

/* os_waker_open -- fn(arg) on the loop after os_wake. err ERR_NO_MEMORY. */
MUST_CHECK
static inline enum err os_waker_open(struct os *os, os_wake_fn fn, void *arg, struct os_waker **out)
{
    return os->table->waker_open(os, fn, arg, out);
}

/* os_wake -- any thread; never blocks. */
static inline void os_wake(struct os_waker *w)
{
    w->os->table->wake(w);
}

/* os_waker_close -- no call comes after it; no thread may wake it any more. */
static inline void os_waker_close(struct os_waker *w)
{
    w->os->table->waker_close(w);
}

/* ---- UDP ------------------------------------------------------------------------------------- */

/* os_udp_open -- bound socket; port 0 = chosen by the system. err ERR_ADDRESS_IN_USE, ERR_IO. */
MUST_CHECK
static inline enum err os_udp_open(struct os *os, const struct os_addr *bind, os_udp_recv_fn fn,
                                   void *arg, struct os_udp **out)
{
    return os->table->udp_open(os, bind, fn, arg, out);
}

/* os_udp_addr -- the bound address with its real port. */
static inline void os_udp_addr(struct os_udp *udp, struct os_addr *out)
{
    udp->os->table->udp_addr(udp, out);
}

/* os_udp_send -- at most 64 segments and 65,000 bytes. err ERR_WOULD_BLOCK (drop or retry; UDP
 * may lose anyway), ERR_IO (unreachable and the like; the socket lives on). */
MUST_CHECK
static inline enum err os_udp_send(struct os_udp *udp, const struct os_udp_send *send)
{
    return udp->os->table->udp_send(udp, send);
}

/* os_udp_close -- no callback comes after it; may be called from inside one. */
static inline void os_udp_close(struct os_udp *udp)
{
    udp->os->table->udp_close(udp);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

/* os_tcp_listen -- err ERR_ADDRESS_IN_USE, ERR_IO. */
MUST_CHECK
static inline enum err os_tcp_listen(struct os *os, const struct os_addr *bind,
                                     const struct os_tcp_handler *handler, void *arg,
                                     struct os_listener **out)
{
    return os->table->tcp_listen(os, bind, handler, arg, out);
}

/* os_listener_addr -- the bound address with its real port. */
static inline void os_listener_addr(struct os_listener *l, struct os_addr *out)
{
    l->os->table->listener_addr(l, out);
}

/* os_listener_close -- stops accepting; its connections live on. */
static inline void os_listener_close(struct os_listener *l)
{
    l->os->table->listener_close(l);
}

/* os_conn_start -- deliver data from now on (after accept or pause). */
static inline void os_conn_start(struct os_conn *c)
{
    c->os->table->conn_start(c);
}

/* os_conn_pause -- no more data callbacks until os_conn_start; the system's buffer pushes back. */
static inline void os_conn_pause(struct os_conn *c)
{
    c->os->table->conn_pause(c);
}

/* os_conn_write -- hand bytes to the system now; returns how many it took (0..count). When fewer
 * than count, writable is called once there is room. */
static inline size_t os_conn_write(struct os_conn *c, struct bytes data)
{
    return c->os->table->conn_write(c, data);
}

/* os_conn_shutdown -- no more writes; the peer sees the end. */
static inline void os_conn_shutdown(struct os_conn *c)
{
    c->os->table->conn_shutdown(c);
}

/* os_conn_close -- gone; no callback comes after it. May be called from inside a callback. */
static inline void os_conn_close(struct os_conn *c)
{
    c->os->table->conn_close(c);
}

/* ---- Files (loop thread at start, or inside a worker's job) ---------------------------------- */

/* os_dir_open -- create makes the last component and syncs its parent. err ERR_NO_FILE, ERR_IO. */
MUST_CHECK
static inline enum err os_dir_open(struct os *os, const char *path, bool create,
                                   struct os_dir **out)
{
    return os->table->dir_open(os, path, create, out);
}

/* os_dir_close -- gives its lock back. */
static inline void os_dir_close(struct os_dir *d)
{
    d->os->table->dir_close(d);
}

/* os_dir_lock -- hold name exclusively until os_dir_close. err ERR_LOCKED (out_pid: the holder, 0
 * when unknown). */
MUST_CHECK
static inline enum err os_dir_lock(struct os_dir *d, const char *name, uint64_t *out_pid)
{
    return d->os->table->dir_lock(d, name, out_pid);
}

/* os_dir_list -- fn(arg, name) for each entry, in no order, before it returns. err ERR_IO. */
MUST_CHECK
static inline enum err os_dir_list(struct os_dir *d, os_dir_entry_fn fn, void *arg)
{
    return d->os->table->dir_list(d, fn, arg);
}

/* os_dir_rename -- atomic, replaces to; durable after os_dir_sync. */
MUST_CHECK
static inline enum err os_dir_rename(struct os_dir *d, const char *from, const char *to)
{
    return d->os->table->dir_rename(d, from, to);
}

/* os_dir_unlink -- durable after os_dir_sync. err ERR_NO_FILE, ERR_IO. */
MUST_CHECK
static inline enum err os_dir_unlink(struct os_dir *d, const char *name)
{
    return d->os->table->dir_unlink(d, name);
}

/* os_dir_sync -- names made, moved and removed so far are durable. err ERR_SYNC_FAILED. */
MUST_CHECK
static inline enum err os_dir_sync(struct os_dir *d)
{
    return d->os->table->dir_sync(d);
}

/* os_dir_space -- of the file system below, bytes. err ERR_IO. */
MUST_CHECK
static inline enum err os_dir_space(struct os_dir *d, struct os_space *out)
{
    return d->os->table->dir_space(d, out);
}

/* os_dir_stat -- err ERR_NO_FILE when name is not there. */
MUST_CHECK
static inline enum err os_dir_stat(struct os_dir *d, const char *name, struct os_stat *out)
{
    return d->os->table->dir_stat(d, name, out);
}

/* os_dir_path -- absolute path, valid until close (LMDB wants one); NULL where there is none. */
static inline const char *os_dir_path(struct os_dir *d)
{
    return d->os->table->dir_path(d);
}

/* os_file_open -- flags of enum os_open. err ERR_NO_FILE, ERR_FILE_EXISTS, ERR_NO_SPACE,
 * ERR_NO_ACCESS, ERR_READ_ONLY, ERR_WRONG_KIND (a directory, a pipe), ERR_IO. */
MUST_CHECK
static inline enum err os_file_open(struct os_dir *d, const char *name, uint32_t flags,
                                    struct os_file **out)
{
    return d->os->table->file_open(d, name, flags, out);
}

/* os_file_read -- out_count less than count only at the end of the file. err ERR_IO. */
MUST_CHECK
static inline enum err os_file_read(struct os_file *f, uint64_t offset, void *out, size_t count,
                                    size_t *out_count)
{
    return f->os->table->file_read(f, offset, out, count, out_count);
}

/* os_file_write -- all of it or an error. With OS_OPEN_DIRECT offset, count and address must be
 * multiples of WAL_BLOCK_BYTES. err ERR_NO_SPACE, ERR_IO (what is on disk is then unknown). */
MUST_CHECK
static inline enum err os_file_write(struct os_file *f, uint64_t offset, const void *data,
                                     size_t count)
{
    return f->os->table->file_write(f, offset, data, count);
}

/* os_file_sync -- data and the size durable. err ERR_SYNC_FAILED: never to be retried. */
MUST_CHECK
static inline enum err os_file_sync(struct os_file *f)
{
    return f->os->table->file_sync(f);
}

/* os_file_size -- bytes. err ERR_IO. */
MUST_CHECK
static inline enum err os_file_size(struct os_file *f, uint64_t *out)
{
    return f->os->table->file_size(f, out);
}

/* os_file_truncate -- cut or grow to so many bytes; new ones are zero. err ERR_IO. */
MUST_CHECK
static inline enum err os_file_truncate(struct os_file *f, uint64_t bytes)
{
    return f->os->table->file_truncate(f, bytes);
}

/* os_file_close -- syncs nothing. */
static inline void os_file_close(struct os_file *f)
{
    f->os->table->file_close(f);
}

/* ---- Workers --------------------------------------------------------------------------------- */

/* os_worker_open -- one thread (one virtual thread in the simulator, which is never short of
 * processors: there haste is nothing). */
MUST_CHECK
static inline enum err os_worker_open(struct os *os, const char *name, enum os_haste haste,
                                      struct os_worker **out)
{
    return os->table->worker_open(os, name, haste, out);
}

/* os_worker_submit -- queue a job; the queue is the jobs themselves, so it cannot be full. */
static inline void os_worker_submit(struct os_worker *w, struct os_job *job)
{
    w->os->table->worker_submit(w, job);
}

/* os_worker_close -- waits until all submitted jobs have run and their done was called. */
static inline void os_worker_close(struct os_worker *w)
{
    w->os->table->worker_close(w);
}

#endif
