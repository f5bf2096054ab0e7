/* bench/load.c -- closed-loop load: N clients, each with one request on the way, over one epoll
 * loop.
 *
 * Shape: warm up, measure, print one line of JSON; with --fill every key is written once instead
 * Why:   the same loop drives every system, so that differences are the systems'
 */
#include "protocols.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 1024,
    TARGETS_MAX = 8,
    PIDS_MAX = 16,
    EVENTS_MAX = 256,
    SUB_BITS = 5, /* 32 buckets for each power of two: 3 % wide */
    BUCKETS = 64 << SUB_BITS,
    STALL_S = 20 /* without any answer: give up */
};

struct target {
    char text[64];
    struct sockaddr_in addr;
};

struct client {
    int fd;
    const struct target *target;
    uint64_t sent_ns;
    size_t in_count;
    bool writing; /* the request did not fit the socket */
    size_t out_count;
    size_t out_done;
    char out[PROTOCOL_REQUEST_BYTES_MAX];
    char in[PROTOCOL_ANSWER_BYTES_MAX];
};

struct load {
    const struct protocol *protocol;
    bool write;
    bool fill;
    uint32_t clients;
    uint32_t keys;
    uint32_t filled;
    size_t value_bytes;
    double seconds;
    double warmup;
    struct target target[TARGETS_MAX];
    uint32_t target_count;
    pid_t pid[PIDS_MAX];
    uint32_t pid_count;
    int epoll_fd;
    uint64_t prng;
    char value[PROTOCOL_VALUE_BYTES_MAX];
    struct client *client;
    uint32_t idle;
    bool measuring;
    uint64_t answers;
    uint64_t ops;
    uint64_t errors;
    uint64_t latency_max_ns;
    uint64_t bucket[BUCKETS];
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t draw(struct load *l)
{
    uint64_t z = (l->prng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- latencies ---- */

static size_t bucket_of(uint64_t ns)
{
    int power = 63 - __builtin_clzll(ns | 1);
    if (power <= SUB_BITS) {
        return (size_t)ns;
    }
    uint64_t sub = (ns >> (power - SUB_BITS)) & ((1u << SUB_BITS) - 1);
    return ((size_t)(power - SUB_BITS + 1) << SUB_BITS) + (size_t)sub;
}

static uint64_t bucket_ns(size_t bucket)
{
    size_t power = bucket >> SUB_BITS;
    uint64_t sub = bucket & ((1u << SUB_BITS) - 1);
    return power == 0 ? sub : (sub + (1u << SUB_BITS)) << (power - 1);
}

static double percentile_us(const struct load *l, double share)
{
    uint64_t total = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        total += l->bucket[i];
    }
    uint64_t below = (uint64_t)((double)total * share);
    for (size_t i = 0; i < BUCKETS; i++) {
        if (l->bucket[i] > below) {
            return (double)bucket_ns(i) / 1000.0;
        }
        below -= l->bucket[i];
    }
    return (double)l->latency_max_ns / 1000.0;
}

/* Processor time of the server processes; ns, finer than the ticks of /proc/PID/stat. */
static uint64_t server_cpu_ns(const struct load *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->pid_count; i++) {
        clockid_t clock;
        struct timespec t;
        if (clock_getcpuclockid(l->pid[i], &clock) != 0 || clock_gettime(clock, &t) != 0) {
            fprintf(stderr, "load: server process %d is gone\n", (int)l->pid[i]);
            exit(1);
        }
        sum += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return sum;
}

/* ---- clients ---- */

static void watch(struct load *l, struct client *c, int op, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data = { .ptr = c } };
    if (epoll_ctl(l->epoll_fd, op, c->fd, &ev) != 0) {
        die("epoll_ctl");
    }
}

static void client_open(struct load *l, struct client *c)
{
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        connect(c->fd, (const struct sockaddr *)&c->target->addr, sizeof c->target->addr) != 0) {
        die(c->target->text);
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->in_count = 0;
    c->writing = false;
    watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void client_push(struct load *l, struct client *c)
{
    ssize_t n = send(c->fd, c->out + c->out_done, c->out_count - c->out_done, MSG_NOSIGNAL);
    c->out_done += n > 0 ? (size_t)n : 0;
    bool left = c->out_done < c->out_count;
    if (left != c->writing) {
        c->writing = left;
        watch(l, c, EPOLL_CTL_MOD, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void client_ask(struct load *l, struct client *c)
{
    struct protocol_op op = { .write = l->write,
                              .key = (uint32_t)(draw(l) % l->keys),
                              .value = l->value,
                              .value_bytes = l->value_bytes,
                              .host = c->target->text };
    if (l->fill) {
        if (l->filled == l->keys) {
            l->idle++;
            return;
        }
        op.key = l->filled++;
    }
    if (l->write) {
        uint64_t r = draw(l);
        for (size_t i = 0; i < 8 && i < l->value_bytes; i++, r >>= 8) {
            l->value[i] = (char)('a' + (r & 15));
        }
    }
    c->out_count = l->protocol->request(&op, c->out);
    c->out_done = 0;
    c->sent_ns = now_ns();
    client_push(l, c);
}

static void client_answered(struct load *l, struct client *c, bool good)
{
    uint64_t took = now_ns() - c->sent_ns;
    l->answers++;
    if (!good) {
        l->errors++;
    }
    if (l->measuring && good) {
        l->ops++;
        l->bucket[bucket_of(took)]++;
        l->latency_max_ns = took > l->latency_max_ns ? took : l->latency_max_ns;
    }
    client_ask(l, c);
}

static void client_again(struct load *l, struct client *c)
{
    l->errors++;
    close(c->fd);
    client_open(l, c);
    client_ask(l, c);
}

static void client_read(struct load *l, struct client *c)
{
    bool good = false;
    ssize_t n = recv(c->fd, c->in + c->in_count, sizeof c->in - c->in_count, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        client_again(l, c);
        return;
    }
    c->in_count += (size_t)n;
    long whole = l->protocol->answer(l->write, c->in, c->in_count, &good);
    if (whole < 0 || (whole == 0 && c->in_count == sizeof c->in)) {
        client_again(l, c);
    } else if (whole > 0) {
        if (!good && l->errors == 0) {
            fprintf(stderr, "load: first bad answer: %.*s\n", (int)c->in_count, c->in);
        }
        c->in_count -= (size_t)whole;
        memmove(c->in, c->in + whole, c->in_count);
        client_answered(l, c, good);
    }
}

/* ---- the run ---- */

static void run_until(struct load *l, uint64_t end_ns)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t answers = l->answers;
    uint64_t alive_ns = now_ns();
    for (uint64_t now = alive_ns; now < end_ns && l->idle < l->clients; now = now_ns()) {
        int n = epoll_wait(l->epoll_fd, events, EVENTS_MAX, 5);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            if (c->writing && (events[i].events & EPOLLOUT) != 0) {
                client_push(l, c);
            }
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
                client_read(l, c);
            }
        }
        if (l->answers != answers) {
            answers = l->answers;
            alive_ns = now;
        } else if (now - alive_ns > STALL_S * 1000000000ull) {
            fprintf(stderr, "load: no answer for %d s\n", STALL_S);
            exit(1);
        }
    }
}

static uint64_t after(double seconds)
{
    return now_ns() + (uint64_t)(seconds * 1e9);
}

static int run(struct load *l)
{
    l->client = calloc(l->clients, sizeof *l->client);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->client == NULL || l->epoll_fd < 0) {
        die("start");
    }
    for (uint32_t i = 0; i < l->clients; i++) {
        l->client[i].target = &l->target[i % l->target_count];
        client_open(l, &l->client[i]);
    }
    l->measuring = l->fill;
    uint64_t begin = now_ns();
    uint64_t cpu = server_cpu_ns(l);
    for (uint32_t i = 0; i < l->clients; i++) {
        client_ask(l, &l->client[i]);
    }
    if (!l->fill) {
        run_until(l, after(l->warmup));
        l->measuring = true;
        begin = now_ns();
        cpu = server_cpu_ns(l);
    }
    run_until(l, l->fill ? UINT64_MAX : after(l->seconds));
    double took = (double)(now_ns() - begin) / 1e9;
    cpu = server_cpu_ns(l) - cpu;
    printf("{\"ops\":%llu,\"seconds\":%.6f,\"per_second\":%.1f,\"errors\":%llu,\"p50_us\":%.1f,"
           "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"cpu_us\":%.1f}\n",
           (unsigned long long)l->ops, took, (double)l->ops / took, (unsigned long long)l->errors,
           percentile_us(l, 0.50), percentile_us(l, 0.99), percentile_us(l, 0.999),
           (double)l->latency_max_ns / 1000.0, (double)cpu / 1000.0);
    return 0;
}

/* ---- the command line ---- */

static int usage(void)
{
    fprintf(stderr,
            "usage: load --protocol aspen|etcd|redis --op write|read|fill --target IP:PORT\n"
            "            [--target IP:PORT ...] [--clients N] [--seconds S] [--warmup S]\n"
            "            [--keys N] [--value BYTES] [--pid SERVER_PID ...]\n");
    return 2;
}

static bool target_add(struct load *l, const char *text)
{
    struct target *t = &l->target[l->target_count];
    const char *colon = strrchr(text, ':');
    char host[32] = { 0 };
    if (l->target_count == TARGETS_MAX || colon == NULL || (size_t)(colon - text) >= sizeof host ||
        strlen(text) >= sizeof t->text) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    snprintf(t->text, sizeof t->text, "%s", text);
    t->addr.sin_family = AF_INET;
    t->addr.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    l->target_count++;
    return inet_pton(AF_INET, host, &t->addr.sin_addr) == 1;
}

static bool option_take(struct load *l, int option, const char *value)
{
    switch (option) {
    case 'p':
        l->protocol = protocol_find(value);
        return l->protocol != NULL;
    case 'o':
        l->fill = strcmp(value, "fill") == 0;
        l->write = l->fill || strcmp(value, "write") == 0;
        return l->write || strcmp(value, "read") == 0;
    case 't':
        return target_add(l, value);
    case 'c':
        l->clients = (uint32_t)strtoul(value, NULL, 10);
        return l->clients > 0 && l->clients <= CLIENTS_MAX;
    case 's':
        l->seconds = strtod(value, NULL);
        return l->seconds > 0;
    case 'w':
        l->warmup = strtod(value, NULL);
        return l->warmup >= 0;
    case 'k':
        l->keys = (uint32_t)strtoul(value, NULL, 10);
        return l->keys > 0;
    case 'v':
        l->value_bytes = strtoul(value, NULL, 10);
        return l->value_bytes <= PROTOCOL_VALUE_BYTES_MAX;
    case 'P':
        l->pid[l->pid_count] = (pid_t)strtol(value, NULL, 10);
        return l->pid[l->pid_count++] > 0 && l->pid_count < PIDS_MAX;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "protocol", required_argument, NULL, 'p' }, { "op", required_argument, NULL, 'o' },
        { "target", required_argument, NULL, 't' },   { "clients", required_argument, NULL, 'c' },
        { "seconds", required_argument, NULL, 's' },  { "warmup", required_argument, NULL, 'w' },
        { "keys", required_argument, NULL, 'k' },     { "value", required_argument, NULL, 'v' },
        { "pid", required_argument, NULL, 'P' },      { NULL, 0, NULL, 0 }
    };
    struct load *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return 1;
    }
    l->clients = 1;
    l->keys = 10000;
    l->value_bytes = 256;
    l->seconds = 3;
    l->warmup = 0.5;
    l->write = true;
    l->prng = now_ns();
    memset(l->value, 'v', sizeof l->value);
    for (int o = getopt_long(argc, argv, "", options, NULL); o != -1;
         o = getopt_long(argc, argv, "", options, NULL)) {
        if (!option_take(l, o, optarg)) {
            return usage();
        }
    }
    return l->protocol == NULL || l->target_count == 0 ? usage() : run(l);
}
