/* net/quic_addr.c -- addresses between our form and the system's; ngtcp2 compares them as bytes. */
#include "net/quic.h"

#include "base/panic.h"

#include <arpa/inet.h>

ngtcp2_socklen quic_addr_sockaddr(const struct os_addr *a, union quic_sockaddr *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == 4) {
        out->four.sin_family = AF_INET;
        out->four.sin_port = htons(a->port);
        memcpy(&out->four.sin_addr, a->ip, 4);
        return sizeof out->four;
    }
    ASSERT(a->family == 6);
    out->six.sin6_family = AF_INET6;
    out->six.sin6_port = htons(a->port);
    out->six.sin6_scope_id = a->scope;
    memcpy(&out->six.sin6_addr, a->ip, 16);
    return sizeof out->six;
}

void quic_addr_of(const ngtcp2_addr *a, struct os_addr *out)
{
    union quic_sockaddr s;
    ASSERT(a->addrlen <= sizeof s);
    memset(&s, 0, sizeof s);
    memcpy(&s, a->addr, a->addrlen);
    memset(out, 0, sizeof *out);
    if (s.any.sa_family == AF_INET) {
        out->family = 4;
        out->port = ntohs(s.four.sin_port);
        memcpy(out->ip, &s.four.sin_addr, 4);
        return;
    }
    ASSERT(s.any.sa_family == AF_INET6);
    out->family = 6;
    out->port = ntohs(s.six.sin6_port);
    out->scope = s.six.sin6_scope_id;
    memcpy(out->ip, &s.six.sin6_addr, 16);
}

bool quic_addr_is_wildcard(const struct os_addr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->ip, zero, a->family == 4 ? 4 : 16) == 0;
}

bool quic_addr_is_loopback(const struct os_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    return a->family == 4 ? a->ip[0] == 127 : memcmp(a->ip, one, 16) == 0;
}
