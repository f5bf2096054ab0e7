/* os/linux/sockaddr.c -- addresses in the system's form and back. */
#include "os/linux/impl.h"

#include <errno.h>

socklen_t linux_sockaddr(const struct os_addr *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == 4) {
        struct sockaddr_in *four = (struct sockaddr_in *)out;
        four->sin_family = AF_INET;
        four->sin_port = htons(a->port);
        memcpy(&four->sin_addr, a->ip, 4);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(a->port);
    six->sin6_scope_id = a->scope;
    memcpy(&six->sin6_addr, a->ip, 16);
    return sizeof *six;
}

void linux_addr(const struct sockaddr_storage *ss, struct os_addr *out)
{
    memset(out, 0, sizeof *out);
    if (ss->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)ss;
        out->family = 4;
        out->port = ntohs(four->sin_port);
        memcpy(out->ip, &four->sin_addr, 4);
    } else if (ss->ss_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)ss;
        out->family = 6;
        out->port = ntohs(six->sin6_port);
        out->scope = six->sin6_scope_id;
        memcpy(out->ip, &six->sin6_addr, 16);
    }
}

enum err linux_bind_error(int error)
{
    return error == EADDRINUSE || error == EACCES ? ERR_ADDRESS_IN_USE : ERR_IO;
}
