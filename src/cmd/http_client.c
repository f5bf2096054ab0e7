/* cmd/http_client.c -- connect, send, read until the length is there or the peer closes. */
#include "cmd/http_client.h"

#include "base/ids.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

static bool port_valid(const char *port)
{
    uint64_t n = 0;
    return ids_u64(bytes_text(port), &n) == ERR_OK && n > 0 && n <= UINT16_MAX;
}

/* host and port of http://host[:port][/]; [::1] for IPv6. */
static bool url_split(const char *url, char *host, char *port)
{
    const char *at = strncasecmp(url, "http://", 7) == 0 ? url + 7 : url;
    const char *end = at + strcspn(at, "/");
    const char *colon = NULL;
    if (*at == '[') {
        const char *close = memchr(at, ']', (size_t)(end - at));
        if (close == NULL) {
            return false;
        }
        colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
        snprintf(host, HTTP_CLIENT_HOST_BYTES_MAX, "%.*s", (int)(close - at - 1), at + 1);
    } else {
        colon = memchr(at, ':', (size_t)(end - at));
        size_t n = (size_t)((colon != NULL ? colon : end) - at);
        snprintf(host, HTTP_CLIENT_HOST_BYTES_MAX, "%.*s", (int)n, at);
    }
    snprintf(port, 16, "%.*s", colon != NULL ? (int)(end - colon - 1) : 2,
             colon != NULL ? colon + 1 : "80");
    bool nothing_behind = end[0] == '\0' || end[1] == '\0';
    bool one = strchr(host, ',') == NULL && strstr(at, "://") == NULL;
    return host[0] != '\0' && port_valid(port) && nothing_behind && one;
}

bool http_client_url_good(const char *url)
{
    char host[HTTP_CLIENT_HOST_BYTES_MAX];
    char port[16];
    return url_split(url, host, port);
}

static bool wait_for(int fd, short events, uint64_t end_ms)
{
    uint64_t now = now_ms();
    struct pollfd p = { fd, events, 0 };
    return now < end_ms && poll(&p, 1, (int)(end_ms - now)) == 1;
}

static enum err dial_one(const struct addrinfo *a, uint64_t end_ms, int *out_fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) {
        return ERR_PEER_GONE;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        close(fd);
        return ERR_PEER_GONE;
    }
    if (!wait_for(fd, POLLOUT, end_ms)) {
        close(fd);
        return ERR_TIMEOUT;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        close(fd);
        return ERR_PEER_GONE;
    }
    *out_fd = fd;
    return ERR_OK;
}

static enum err dial(const char *host, const char *port, uint64_t end_ms, int *out_fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    enum err e = ERR_PEER_GONE;
    if (getaddrinfo(host, port, &hints, &list) != 0) {
        return ERR_PEER_GONE;
    }
    for (const struct addrinfo *a = list; a != NULL && e != ERR_OK; a = a->ai_next) {
        e = dial_one(a, end_ms, out_fd);
    }
    freeaddrinfo(list);
    return e;
}

static enum err send_all(int fd, const char *data, size_t count, uint64_t end_ms)
{
    while (count > 0) {
        ssize_t n = send(fd, data, count, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            count -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return ERR_PEER_GONE;
        } else if (!wait_for(fd, POLLOUT, end_ms)) {
            return ERR_TIMEOUT;
        }
    }
    return ERR_OK;
}

/* Everything until the peer closes: the request asks for that. */
static enum err receive_all(int fd, uint64_t end_ms, char **out, size_t *out_count)
{
    size_t used = 0;
    size_t size = 16384;
    char *data = malloc(size);
    while (data != NULL) {
        ssize_t n = recv(fd, data + used, size - used - 1, 0);
        if (n == 0) {
            data[used] = '\0';
            *out = data;
            *out_count = used;
            return ERR_OK;
        }
        if (n > 0) {
            used += (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            free(data);
            return ERR_PEER_GONE;
        } else if (!wait_for(fd, POLLIN, end_ms)) {
            free(data);
            return ERR_TIMEOUT;
        }
        if (size - used < 2) {
            char *moved = size < HTTP_CLIENT_BODY_BYTES_MAX ? realloc(data, size * 2) : NULL;
            if (moved == NULL) {
                free(data);
                return ERR_FRAME_TOO_LARGE;
            }
            data = moved;
            size *= 2;
        }
    }
    return ERR_NO_MEMORY;
}

/* How long the body is to be, by the head; 0 when it does not say. */
static size_t length_told(const char *head, const char *body)
{
    static const char name[] = "\r\nContent-Length:";
    for (const char *at = strstr(head, "\r\n"); at != NULL && at < body;
         at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at, name, sizeof name - 1) == 0) {
            return strtoull(at + sizeof name - 1, NULL, 10);
        }
    }
    return 0;
}

static enum err reply_parse(char *data, size_t count, struct http_reply *out)
{
    char *body = strstr(data, "\r\n\r\n");
    if (body == NULL || sscanf(data, "HTTP/1.%*d %d", &out->status) != 1) {
        free(data);
        return count == 0 ? ERR_PEER_GONE : ERR_MALFORMED;
    }
    body += 4;
    out->count = count - (size_t)(body - data);
    if (out->count < length_told(data, body)) { /* the node died while it answered */
        free(data);
        return ERR_PEER_GONE;
    }
    memmove(data, body, out->count + 1);
    out->body = data;
    return ERR_OK;
}

enum err http_client_request(const char *url, const char *path, const char *body,
                             uint64_t timeout_ms, struct http_reply *out)
{
    char host[HTTP_CLIENT_HOST_BYTES_MAX];
    char port[16];
    char head[HTTP_CLIENT_HOST_BYTES_MAX + 256];
    uint64_t end_ms = now_ms() + timeout_ms;
    int fd = -1;
    memset(out, 0, sizeof *out);
    if (!url_split(url, host, port)) {
        return ERR_BAD_REQUEST;
    }
    TRY(dial(host, port, end_ms, &fd));
    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             body != NULL ? "POST" : "GET", path, host, body != NULL ? strlen(body) : 0);
    out->sent = true;
    enum err e = send_all(fd, head, strlen(head), end_ms);
    e = e == ERR_OK && body != NULL ? send_all(fd, body, strlen(body), end_ms) : e;
    char *data = NULL;
    size_t count = 0;
    e = e == ERR_OK ? receive_all(fd, end_ms, &data, &count) : e;
    close(fd);
    return e == ERR_OK ? reply_parse(data, count, out) : e;
}

void http_client_free(struct http_reply *r)
{
    free(r->body);
    r->body = NULL;
}
