/* os/addr.c -- text forms of addresses; numbers only, never a name lookup. */
#include "os/io.h"

#include "base/ids.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
    ADDR_PORT_MAX = 65535
};

bool os_addr_equal(const struct os_addr *a, const struct os_addr *b)
{
    size_t n = a->family == 4 ? 4 : 16;
    return a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->ip, b->ip, n) == 0;
}

void os_addr_format(const struct os_addr *a, char *out)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, ip, sizeof ip) == NULL) {
        ip[0] = '?';
    }
    if (a->family == 4) {
        snprintf(out, OS_ADDR_TEXT_MAX, "%s:%u", ip, a->port);
    } else if (a->scope != 0) {
        snprintf(out, OS_ADDR_TEXT_MAX, "[%s%%%u]:%u", ip, a->scope, a->port);
    } else {
        snprintf(out, OS_ADDR_TEXT_MAX, "[%s]:%u", ip, a->port);
    }
}

/* The host part as an address; text is not NUL-terminated. */
static bool host_parse(struct bytes host, int family, uint8_t *out)
{
    char text[INET6_ADDRSTRLEN];
    if (host.count == 0 || host.count >= sizeof text) {
        return false;
    }
    memcpy(text, host.data, host.count);
    text[host.count] = '\0';
    return strlen(text) == host.count && inet_pton(family, text, out) == 1;
}

enum err os_addr_parse(struct bytes text, struct os_addr *out)
{
    size_t colon = text.count;
    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    if (colon < 2 || text.count > OS_ADDR_TEXT_MAX) {
        return ERR_MALFORMED;
    }
    struct os_addr a = { 0 };
    uint64_t port = 0;
    TRY(ids_u64(bytes_of(text.data + colon, text.count - colon), &port));
    struct bytes host = bytes_of(text.data, colon - 1);
    bool six = host.count >= 2 && host.data[0] == '[' && host.data[host.count - 1] == ']';
    if (six) {
        host = bytes_of(host.data + 1, host.count - 2);
    }
    a.family = six ? 6 : 4;
    if (port > ADDR_PORT_MAX || !host_parse(host, six ? AF_INET6 : AF_INET, a.ip)) {
        return ERR_MALFORMED;
    }
    a.port = (uint16_t)port;
    *out = a;
    return ERR_OK;
}
