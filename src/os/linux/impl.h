/* os/linux/impl.h -- what the files of the Linux side share; included from this folder only.
 *
 * Shape:      every descriptor in the loop is a source; closed ones wait in `dead` until the turn
 *             is over, so that a callback may close anything
 * Invariants: a source in `dead` gets no callback
 * Thread:     the loop's, but for linux_wake and the file functions
 */
#ifndef OS_LINUX_IMPL_H
#define OS_LINUX_IMPL_H

#include "os/linux/linux.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum {
    LINUX_EVENTS = 128,        /* taken from epoll at a time */
    LINUX_TCP_SCRATCH = 65536, /* bytes read from one connection in a turn */
    LINUX_UDP_MSGS = 8,        /* system messages of one receive, each up to 64 KiB by offload */
    LINUX_UDP_MSG_BYTES = 65536,
    LINUX_UDP_ROUNDS = 4,   /* receives in one turn, so that others get theirs */
    LINUX_ACCEPTS = 32,     /* connections accepted in one turn */
    LINUX_HOOK_ROUNDS = 64, /* rounds of turn-end hooks before the loop looks at sockets again */
};

struct linux_source {
    int fd;
    bool dead;
    void (*ready)(struct linux_source *s, uint32_t events);
    struct list link; /* in dead */
    void *block;      /* what to free */
};

struct os_linux {
    struct os os;
    struct mem *mem;
    int epoll_fd;
    bool stopping;
    struct heap timers;
    uint64_t timers_from; /* earliest deadline that can be set now; 0: any */
    struct list dead;
    struct list hooks;  /* os_job.link of pending turn-end hooks */
    struct list wakers; /* linux_waker.link */
    struct linux_source wake_source;
    struct linux_source signal_source;
    void (*signal_fn)(void *arg, int signal);
    void *signal_arg;
    uint8_t *tcp_scratch;
    uint8_t *udp_scratch;
};

/* linux_of -- the loop behind an os. */
static inline struct os_linux *linux_of(struct os *os)
{
    return CONTAINER_OF(os, struct os_linux, os);
}

/* linux_source_add -- watch s->fd for events. err ERR_IO. */
MUST_CHECK
enum err linux_source_add(struct os_linux *l, struct linux_source *s, uint32_t events);

/* linux_source_mod -- watch for these events instead. */
void linux_source_mod(struct os_linux *l, struct linux_source *s, uint32_t events);

/* linux_source_close -- stop watching, close fd, free block when the turn is over. */
void linux_source_close(struct os_linux *l, struct linux_source *s);

/* linux_sockaddr -- to the system's form; returns its size. */
socklen_t linux_sockaddr(const struct os_addr *a, struct sockaddr_storage *out);

/* linux_addr -- from the system's form. */
void linux_addr(const struct sockaddr_storage *ss, struct os_addr *out);

/* linux_bind_error -- errno of a failed bind as ours. */
enum err linux_bind_error(int error);

/* linux_wakers_start -- the eventfd behind all wakers. err ERR_IO. */
enum err linux_wakers_start(struct os_linux *l);

/* ---- Rows of the os_table; their cards are in os/io.h ---- */
uint64_t linux_now(struct os *os);
uint64_t linux_wall(struct os *os);
void linux_entropy(struct os *os, void *out, size_t count);
uint32_t linux_interfaces(struct os *os, struct os_addr *out, uint32_t max);
void linux_memory_rest(struct os *os);
enum err linux_waker_open(struct os *os, os_wake_fn fn, void *arg, struct os_waker **out);
void linux_wake(struct os_waker *w);
void linux_waker_close(struct os_waker *w);
enum err linux_udp_open(struct os *os, const struct os_addr *bind, os_udp_recv_fn fn, void *arg,
                        struct os_udp **out);
void linux_udp_addr(struct os_udp *udp, struct os_addr *out);
enum err linux_udp_send(struct os_udp *udp, const struct os_udp_send *send);
void linux_udp_close(struct os_udp *udp);
enum err linux_tcp_listen(struct os *os, const struct os_addr *bind,
                          const struct os_tcp_handler *handler, void *arg,
                          struct os_listener **out);
void linux_listener_addr(struct os_listener *l, struct os_addr *out);
void linux_listener_close(struct os_listener *l);
void linux_conn_start(struct os_conn *c);
void linux_conn_pause(struct os_conn *c);
size_t linux_conn_write(struct os_conn *c, struct bytes data);
void linux_conn_shutdown(struct os_conn *c);
void linux_conn_close(struct os_conn *c);
enum err linux_dir_open(struct os *os, const char *path, bool create, struct os_dir **out);
void linux_dir_close(struct os_dir *d);
enum err linux_dir_lock(struct os_dir *d, const char *name, uint64_t *out_pid);
enum err linux_dir_list(struct os_dir *d, os_dir_entry_fn fn, void *arg);
enum err linux_dir_rename(struct os_dir *d, const char *from, const char *to);
enum err linux_dir_unlink(struct os_dir *d, const char *name);
enum err linux_dir_sync(struct os_dir *d);
enum err linux_dir_space(struct os_dir *d, struct os_space *out);
enum err linux_dir_stat(struct os_dir *d, const char *name, struct os_stat *out);
const char *linux_dir_path(struct os_dir *d);
enum err linux_file_open(struct os_dir *d, const char *name, uint32_t flags, struct os_file **out);
enum err linux_file_read(struct os_file *f, uint64_t offset, void *out, size_t count,
                         size_t *out_count);
enum err linux_file_write(struct os_file *f, uint64_t offset, const void *data, size_t count);
enum err linux_file_sync(struct os_file *f);
enum err linux_file_size(struct os_file *f, uint64_t *out);
enum err linux_file_truncate(struct os_file *f, uint64_t bytes);
void linux_file_close(struct os_file *f);
enum err linux_worker_open(struct os *os, const char *name, enum os_haste haste,
                           struct os_worker **out);
void linux_worker_submit(struct os_worker *w, struct os_job *job);
void linux_worker_close(struct os_worker *w);

#endif
