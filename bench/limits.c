/* bench/limits.c -- what the machine itself does: a synced write, a datagram and a TCP round trip.
 *
 * Why: every figure of ours is read beside the limit it cannot pass
 * usage: limits DIRECTORY [SECONDS for each measurement, default 1]; one line of JSON
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK_BYTES = 4096,
    FILE_BLOCKS = 4096, /* written round and round */
    WRITERS_MAX = 3,
    UDP_BYTES = 400,
    TCP_REQUEST_BYTES = 420,
    TCP_ANSWER_BYTES = 440
};

struct writer_job {
    pthread_t thread;
    const char *dir;
    uint32_t number;
    double seconds;
    double per_second;
};

struct echo {
    int fd;
    size_t take;
    size_t give;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "limits: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- the device ---- */

static int file_open(const char *dir, uint32_t number)
{
    char path[4096];
    static const uint8_t zeros[BLOCK_BYTES];
    snprintf(path, sizeof path, "%s/limit-%u", dir, number);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        die(path);
    }
    for (int i = 0; i < FILE_BLOCKS; i++) {
        if (pwrite(fd, zeros, BLOCK_BYTES, (off_t)i * BLOCK_BYTES) != BLOCK_BYTES) {
            die(path);
        }
    }
    fsync(fd);
    close(fd);
    fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    fd = fd >= 0 ? fd : open(path, O_RDWR | O_CLOEXEC);
    unlink(path);
    return fd;
}

static void *write_synced(void *arg)
{
    struct writer_job *j = arg;
    void *block = NULL;
    int fd = file_open(j->dir, j->number);
    if (fd < 0 || posix_memalign(&block, BLOCK_BYTES, BLOCK_BYTES) != 0) {
        die("device");
    }
    memset(block, 'x', BLOCK_BYTES);
    uint64_t begin = now_ns();
    uint64_t end = begin + (uint64_t)(j->seconds * 1e9);
    uint64_t count = 0;
    for (; now_ns() < end; count++) {
        if (pwrite(fd, block, BLOCK_BYTES, (off_t)(count % FILE_BLOCKS) * BLOCK_BYTES) !=
                BLOCK_BYTES ||
            fdatasync(fd) != 0) {
            die("device");
        }
    }
    j->per_second = (double)count * 1e9 / (double)(now_ns() - begin);
    free(block);
    close(fd);
    return NULL;
}

/* The mean of so many writers at once, each with a file. */
static double device(const char *dir, uint32_t writers, double seconds)
{
    struct writer_job job[WRITERS_MAX];
    double sum = 0;
    for (uint32_t i = 0; i < writers; i++) {
        job[i] = (struct writer_job){ .dir = dir, .number = i, .seconds = seconds };
        if (pthread_create(&job[i].thread, NULL, write_synced, &job[i]) != 0) {
            die("thread");
        }
    }
    for (uint32_t i = 0; i < writers; i++) {
        pthread_join(job[i].thread, NULL);
        sum += job[i].per_second;
    }
    return sum / writers;
}

/* ---- loopback ---- */

static bool take_all(int fd, uint8_t *room, size_t bytes)
{
    size_t have = 0;
    while (have < bytes) {
        ssize_t n = recv(fd, room + have, bytes - have, 0);
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
    }
    return true;
}

static void *echo_run(void *arg)
{
    struct echo *e = arg;
    uint8_t room[BLOCK_BYTES] = { 0 };
    while (take_all(e->fd, room, e->take)) {
        if (send(e->fd, room, e->give, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    return NULL;
}

/* Two ends on loopback. */
static void ends(int type, int out[2])
{
    struct sockaddr_in a[2] = { { .sin_family = AF_INET }, { .sin_family = AF_INET } };
    socklen_t size = sizeof a[0];
    int on = 1;
    for (int i = 0; i < 2; i++) {
        a[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        out[i] = socket(AF_INET, type | SOCK_CLOEXEC, 0);
        size = sizeof a[i];
        if (out[i] < 0 || bind(out[i], (struct sockaddr *)&a[i], size) != 0 ||
            getsockname(out[i], (struct sockaddr *)&a[i], &size) != 0) {
            die("loopback");
        }
    }
    if (type == SOCK_STREAM && listen(out[1], 1) != 0) {
        die("loopback");
    }
    if (connect(out[0], (struct sockaddr *)&a[1], sizeof a[1]) != 0) {
        die("loopback");
    }
    if (type == SOCK_DGRAM && connect(out[1], (struct sockaddr *)&a[0], sizeof a[0]) != 0) {
        die("loopback");
    }
    if (type == SOCK_STREAM) {
        int fd = accept(out[1], NULL, NULL);
        close(out[1]);
        out[1] = fd;
        setsockopt(out[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(out[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
}

static double ping(int type, size_t request, size_t answer, double seconds)
{
    int fd[2];
    pthread_t thread;
    uint8_t room[BLOCK_BYTES] = { 0 };
    ends(type, fd);
    struct echo e = { fd[1], request, answer };
    if (pthread_create(&thread, NULL, echo_run, &e) != 0) {
        die("thread");
    }
    uint64_t begin = now_ns();
    uint64_t end = begin + (uint64_t)(seconds * 1e9);
    uint64_t count = 0;
    for (; now_ns() < end; count++) {
        if (send(fd[0], room, request, MSG_NOSIGNAL) < 0 || !take_all(fd[0], room, answer)) {
            die("ping");
        }
    }
    double rate = (double)count * 1e9 / (double)(now_ns() - begin);
    shutdown(fd[1], SHUT_RDWR);
    shutdown(fd[0], SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fd[0]);
    close(fd[1]);
    return rate;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: limits DIRECTORY [SECONDS]\n");
        return 2;
    }
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    double one = device(argv[1], 1, seconds);
    double three = device(argv[1], 3, seconds);
    double udp = ping(SOCK_DGRAM, UDP_BYTES, UDP_BYTES, seconds);
    double tcp = ping(SOCK_STREAM, TCP_REQUEST_BYTES, TCP_ANSWER_BYTES, seconds);
    printf("{\"device\":%.0f,\"device_three\":%.0f,\"udp\":%.0f,\"tcp\":%.0f}\n", one, three, udp,
           tcp);
    return 0;
}
