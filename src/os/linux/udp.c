/* os/linux/udp.c -- UDP sockets and what they receive, many datagrams a system call.
 *
 * Shape: receive offload glues datagrams of one flow together; the segment size comes beside them
 *        and they are cut apart again here
 * Why:   without offloads QUIC's cost is dominated by system calls, several times over
 */
#include "os/linux/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    UDP_BUFFER_BYTES = 8 * 1024 * 1024,
    UDP_BESIDE_BYTES = 256
};

/* What came beside one message. */
struct beside {
    struct os_addr local;
    uint8_t ecn;
    size_t segment; /* 0: a single datagram */
};

static void beside_read(const struct linux_udp *u, struct msghdr *msg, struct beside *out)
{
    memset(out, 0, sizeof *out);
    out->local = u->bound;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        int v = 0;
        struct in_pktinfo four;
        struct in6_pktinfo six;
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            out->ecn = (uint8_t)(*CMSG_DATA(c) & 3u);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            memcpy(&v, CMSG_DATA(c), sizeof v);
            out->ecn = (uint8_t)((unsigned)v & 3u);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&four, CMSG_DATA(c), sizeof four);
            memcpy(out->local.ip, &four.ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&six, CMSG_DATA(c), sizeof six);
            memcpy(out->local.ip, &six.ipi6_addr, 16);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&v, CMSG_DATA(c), sizeof v);
            out->segment = v > 0 ? (size_t)v : 0;
        }
    }
}

/* Hand one message over, cut into its datagrams, in batches. */
static void deliver(struct linux_udp *u, struct msghdr *msg, const uint8_t *data, size_t count)
{
    struct os_datagram batch[OS_UDP_BATCH];
    struct beside b;
    struct os_addr remote;
    uint32_t n = 0;
    size_t at = 0;
    beside_read(u, msg, &b);
    linux_addr(msg->msg_name, &remote);
    size_t segment = b.segment == 0 ? count : b.segment;
    do {
        size_t size = count - at < segment ? count - at : segment;
        batch[n].local = b.local;
        batch[n].remote = remote;
        batch[n].ecn = b.ecn;
        batch[n].payload = bytes_of(data + at, size);
        at += size;
        n++;
        if (n == OS_UDP_BATCH || at >= count) {
            u->fn(u->arg, batch, n);
            n = 0;
        }
    } while (at < count && !u->source.dead);
}

/* One receive call; false when there is no more for now. */
static bool receive(struct linux_udp *u)
{
    struct os_linux *l = linux_of(u->base.os);
    struct mmsghdr msgs[LINUX_UDP_MSGS];
    struct iovec iov[LINUX_UDP_MSGS];
    struct sockaddr_storage names[LINUX_UDP_MSGS];
    _Alignas(struct cmsghdr) uint8_t beside[LINUX_UDP_MSGS][UDP_BESIDE_BYTES];
    memset(msgs, 0, sizeof msgs);
    for (size_t i = 0; i < LINUX_UDP_MSGS; i++) {
        iov[i].iov_base = l->udp_scratch + i * LINUX_UDP_MSG_BYTES;
        iov[i].iov_len = LINUX_UDP_MSG_BYTES;
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
        msgs[i].msg_hdr.msg_name = &names[i];
        msgs[i].msg_hdr.msg_namelen = sizeof names[i];
        msgs[i].msg_hdr.msg_control = beside[i];
        msgs[i].msg_hdr.msg_controllen = UDP_BESIDE_BYTES;
    }
    int n = recvmmsg(u->source.fd, msgs, LINUX_UDP_MSGS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n && !u->source.dead; i++) {
        deliver(u, &msgs[i].msg_hdr, iov[i].iov_base, msgs[i].msg_len);
    }
    return n == LINUX_UDP_MSGS;
}

static void udp_ready(struct linux_source *s, uint32_t events)
{
    struct linux_udp *u = CONTAINER_OF(s, struct linux_udp, source);
    if ((events & EPOLLERR) != 0) {
        int pending = 0;
        socklen_t size = sizeof pending; /* reading it clears it: the socket lives on */
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &pending, &size);
    }
    for (int round = 0; round < LINUX_UDP_ROUNDS && !s->dead; round++) {
        if (!receive(u)) {
            return;
        }
    }
}

static void options(int fd, bool six)
{
    int on = 1;
    int bytes = UDP_BUFFER_BYTES;
    int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    int discover = six ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(fd, level, six ? IPV6_RECVTCLASS : IP_RECVTOS, &on, sizeof on);
    setsockopt(fd, level, six ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on);
    setsockopt(fd, level, six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &discover, sizeof discover);
    setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
    if (six) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
}

/* A bound socket in u->source.fd, watched. */
static enum err udp_bind(struct linux_udp *u, const struct os_addr *bind_to)
{
    struct sockaddr_storage ss;
    socklen_t size = linux_sockaddr(bind_to, &ss);
    u->source.fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->source.fd < 0) {
        return ERR_IO;
    }
    options(u->source.fd, ss.ss_family == AF_INET6);
    if (bind(u->source.fd, (struct sockaddr *)&ss, size) != 0) {
        return linux_bind_error(errno);
    }
    size = sizeof ss;
    if (getsockname(u->source.fd, (struct sockaddr *)&ss, &size) != 0) {
        return ERR_IO;
    }
    linux_addr(&ss, &u->bound);
    return linux_source_add(linux_of(u->base.os), &u->source, EPOLLIN);
}

enum err linux_udp_open(struct os *os, const struct os_addr *bind_to, os_udp_recv_fn fn, void *arg,
                        struct os_udp **out)
{
    struct os_linux *l = linux_of(os);
    if (l->udp_scratch == NULL) {
        l->udp_scratch = mem_alloc(l->mem, (size_t)LINUX_UDP_MSGS * LINUX_UDP_MSG_BYTES);
    }
    struct linux_udp *u = mem_alloc(l->mem, sizeof *u);
    if (u == NULL || l->udp_scratch == NULL) {
        mem_free(l->mem, u);
        return ERR_NO_MEMORY;
    }
    memset(u, 0, sizeof *u);
    u->base.os = os;
    u->fn = fn;
    u->arg = arg;
    u->source.ready = udp_ready;
    u->source.block = u;
    enum err e = udp_bind(u, bind_to);
    if (e != ERR_OK) {
        if (u->source.fd >= 0) {
            close(u->source.fd);
        }
        mem_free(l->mem, u);
        return e;
    }
    *out = &u->base;
    return ERR_OK;
}

void linux_udp_addr(struct os_udp *base, struct os_addr *out)
{
    *out = linux_udp_of(base)->bound;
}

void linux_udp_close(struct os_udp *base)
{
    linux_source_close(linux_of(base->os), &linux_udp_of(base)->source);
}
