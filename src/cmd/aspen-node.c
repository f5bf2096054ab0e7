/* cmd/aspen-node.c -- the server: configuration, loop, node, HTTP; and what the process ends
 * with. */
#include "api/api.h"
#include "base/panic.h"
#include "node/backend_local.h"
#include "node/node.h"
#include "os/linux/linux.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    TEXT_BYTES_MAX = 64 * 1024,
    DRAIN_MS_MAX = 2000,
    FILES = HTTP_CONNS_MAX + 512 /* connections, and everything else */
};

static_assert(DRAIN_MS_MAX < STOP_MS_MAX, "the rest is for closing node and log");

extern char **environ;

struct server {
    struct mem loop_mem;
    struct mem api_mem;
    struct mem local_mem;
    struct os_linux *loop;
    struct os *os;
    struct config config;
    struct config_report report;
    struct logger logger;
    struct node *node;
    struct service *service;
    struct api *api;
    bool stopping;
    enum err why; /* it stops on its own account */
};

static void print(FILE *to, void (*fill)(const void *what, struct writer *out), const void *what)
{
    uint8_t *room = malloc(TEXT_BYTES_MAX);
    if (room == NULL) {
        return;
    }
    struct writer w = writer_of(room, TEXT_BYTES_MAX);
    fill(what, &w);
    fwrite(room, 1, w.offset, to);
    free(room);
}

static void fill_report(const void *what, struct writer *out)
{
    config_report_print(what, out);
}

static void fill_config(const void *what, struct writer *out)
{
    config_print(what, out);
}

static void fill_help(const void *what, struct writer *out)
{
    config_help(what, out);
}

/* True when the process is to go on; else *out_code is what it ends with. */
static bool configure(struct server *s, int argc, char **argv, int *out_code)
{
    struct mem mem;
    struct config_source source;
    mem_init(&mem, "config", CONFIG_MEM_BYTES);
    config_source_os(s->os, argc, (const char *const *)argv, (const char *const *)environ, &source);
    enum err e = config_load(&source, &mem, &s->config, &s->report);
    print(stderr, fill_report, &s->report);
    *out_code = (int)config_exit_code(&s->report);
    switch (s->report.action) {
    case CONFIG_ACTION_HELP:
        print(stdout, fill_help, "aspen-node");
        return false;
    case CONFIG_ACTION_VERSION:
        printf("aspen-node %s\n", ASPEN_VERSION);
        return false;
    case CONFIG_ACTION_CHECK:
        print(stdout, fill_config, &s->config);
        return false;
    default:
        return e == ERR_OK;
    }
}

static void begin_stop(struct server *s)
{
    if (s->stopping) {
        return;
    }
    s->stopping = true;
    if (s->node != NULL) {
        node_stop(s->node);
    }
    if (s->api != NULL) {
        api_stop(s->api);
    }
    os_linux_stop(s->loop);
}

static void on_signal(void *arg, int signal)
{
    struct server *s = arg;
    logger_log(&s->logger, LOGGER_INFO, "stopping", logger_u64("signal", (uint64_t)signal));
    begin_stop(s);
}

static void on_failed(void *arg, enum err why)
{
    struct server *s = arg;
    s->why = why;
    begin_stop(s);
}

/* Tell systemd, where it asks, as sd_notify does; without its library for one datagram. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (path == NULL || strlen(path) >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    memcpy(to.sun_path, path, strlen(path));
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        ssize_t n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
        (void)n; /* nobody listens: nothing to do about it */
        close(fd);
    }
}

static enum err open_service(struct server *s, struct diag *diag)
{
    if (s->config.control_backend == CONFIG_CONTROL_DETERMINISTIC) {
        struct backend_local_options o = { .node_id = s->config.node_id,
                                           .node_port = (uint16_t)s->config.port,
                                           .logger = &s->logger };
        mem_init(&s->local_mem, "local", BACKEND_LOCAL_MEM_BYTES);
        return backend_local_open(s->os, &s->local_mem, &o, &s->service);
    }
    struct node_options o = {
        .config = &s->config, .logger = &s->logger, .failed = on_failed, .arg = s
    };
    TRY(node_open(s->os, &o, &s->node, diag));
    s->service = node_service(s->node);
    return ERR_OK;
}

static enum err write_file(struct os_dir *dir, const char *name, const char *text, size_t count)
{
    struct os_file *file = NULL;
    TRY(os_file_open(dir, name, OS_OPEN_WRITE | OS_OPEN_CREATE, &file));
    enum err e = os_file_write(file, 0, text, count);
    e = e == ERR_OK ? os_file_truncate(file, count) : e;
    os_file_close(file);
    return e;
}

/* The address that was chosen, for scripts: DIR/http.addr. On a full disk the old file's own bytes
 * are written over: a start must not need space. */
static enum err write_addr(struct server *s, const struct os_addr *addr)
{
    char text[OS_ADDR_TEXT_MAX + 1];
    struct os_dir *own = NULL;
    struct os_dir *dir = s->node != NULL ? node_dir(s->node) : NULL;
    if (dir == NULL) { /* a node that keeps nothing tells where it is, where it can */
        if (os_dir_open(s->os, s->config.data_dir, true, &own) != ERR_OK) {
            return ERR_OK;
        }
        dir = own;
    }
    os_addr_format(addr, text);
    size_t count = strlen(text);
    text[count++] = '\n';
    enum err e = write_file(dir, "http.addr.part", text, count);
    e = e == ERR_OK ? os_dir_rename(dir, "http.addr.part", "http.addr") : e;
    if (e == ERR_NO_SPACE) {
        e = write_file(dir, "http.addr", text, count);
    }
    if (e == ERR_NO_SPACE) {
        logger_log(&s->logger, LOGGER_WARN, "no space for http.addr");
        e = ERR_OK;
    }
    if (own != NULL) {
        os_dir_close(own);
    }
    return e;
}

static enum err open_api(struct server *s, struct diag *diag)
{
    struct api_options o = { .addr = s->config.http_addr };
    struct os_addr addr;
    char text[OS_ADDR_TEXT_MAX];
    mem_init(&s->api_mem, "api", API_MEM_BYTES);
    TRY(api_open(s->os, &s->api_mem, s->service, &o, &s->api, diag));
    api_addr(s->api, &addr);
    os_addr_format(&addr, text);
    enum err e = write_addr(s, &addr);
    if (e != ERR_OK) {
        return diag_set(diag, e, "http.addr: %s", err_text(e));
    }
    logger_log(&s->logger, LOGGER_INFO, "ready", logger_text("http", text),
               logger_text("version", ASPEN_VERSION));
    notify("READY=1");
    return ERR_OK;
}

/* What a panic adds to its reason. */
static void dump(void *arg, int fd)
{
    const struct server *s = arg;
    if (s->node != NULL) {
        node_dump(s->node, fd);
    }
}

/* Let answers that are on their way go out, for a bounded time. */
static void drain(struct server *s)
{
    uint64_t end = os_now(s->os) + DRAIN_MS_MAX * NS_PER_MS;
    while (s->api != NULL && !api_idle(s->api) && os_now(s->os) < end) {
        os_linux_turn(s->loop, 10 * NS_PER_MS);
    }
}

static void close_all(struct server *s)
{
    drain(s);
    if (s->api != NULL) {
        api_close(s->api);
    }
    if (s->node != NULL) {
        node_close(s->node);
    } else if (s->service != NULL) {
        backend_local_close(s->service);
    }
    panic_hook_set(NULL, NULL); /* there is nothing left to dump */
    logger_flush(&s->logger);
}

static int serve(struct server *s)
{
    struct diag diag = { 0 };
    struct logger_sink sink = logger_sink_os(s->os);
    logger_init(&s->logger, (enum logger_level)s->config.log_level,
                (enum logger_format)s->config.log_format, s->config.node_id, &sink);
    panic_hook_set(dump, s);
    enum err e = os_linux_signals(s->loop, on_signal, s);
    e = e == ERR_OK ? open_service(s, &diag) : e;
    e = e == ERR_OK ? open_api(s, &diag) : e;
    if (e != ERR_OK) {
        logger_log(&s->logger, LOGGER_ERROR, "cannot start", logger_err(e),
                   logger_text("what", diag.text[0] != '\0' ? diag.text : err_text(e)));
        close_all(s);
        return (int)config_exit_of(e);
    }
    os_linux_run(s->loop);
    notify("STOPPING=1");
    close_all(s);
    logger_log(&s->logger, LOGGER_INFO, "stopped");
    return s->why == ERR_OK ? CONFIG_EXIT_OK : (int)config_exit_of(s->why);
}

int main(int argc, char **argv)
{
    struct diag diag = { 0 };
    int code = CONFIG_EXIT_FAILED;
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return CONFIG_EXIT_FAILED;
    }
    signal(SIGPIPE, SIG_IGN); /* whoever reads the log may end before the node does */
    mem_init(&s->loop_mem, "loop", OS_LINUX_MEM_BYTES);
    if (os_linux_open(&s->loop_mem, &s->loop, &diag) != ERR_OK) {
        fprintf(stderr, "aspen-node: %s\n", diag.text);
        free(s);
        return CONFIG_EXIT_FAILED;
    }
    s->os = os_linux_os(s->loop);
    os_linux_files(FILES);
    if (configure(s, argc, argv, &code)) {
        code = serve(s);
    }
    os_linux_close(s->loop);
    free(s);
    return code;
}
