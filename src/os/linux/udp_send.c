/* os/linux/udp_send.c -- sending datagrams; the kernel cuts a batch of equal ones apart.
 *
 * Why: where send offload is refused (old drivers), the same batch goes out one by one, quietly
 */
#include "base/mark.h"
#include "base/panic.h"
#include "os/linux/udp.h"

#include <errno.h>
#include <netinet/udp.h>

enum {
    SEND_BESIDE_BYTES = 256
};

static void beside_add(struct msghdr *msg, int level, int type, const void *data, size_t count)
{
    uint8_t *at = (uint8_t *)msg->msg_control + msg->msg_controllen;
    struct cmsghdr *c = (struct cmsghdr *)(void *)at;
    ASSERT(msg->msg_controllen + CMSG_SPACE(count) <= SEND_BESIDE_BYTES);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(count);
    memcpy(CMSG_DATA(c), data, count);
    msg->msg_controllen += CMSG_SPACE(count);
}

static void beside_fill(struct msghdr *msg, const struct os_udp_send *s, uint16_t segment)
{
    bool six = s->remote.family == 6;
    msg->msg_controllen = 0;
    if (s->ecn != 0) {
        int tos = s->ecn;
        beside_add(msg, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TCLASS : IP_TOS, &tos,
                   sizeof tos);
    }
    if (s->local.family == 6) {
        struct in6_pktinfo info = { 0 };
        memcpy(&info.ipi6_addr, s->local.ip, 16);
        beside_add(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    } else if (s->local.family == 4) {
        struct in_pktinfo info = { 0 };
        memcpy(&info.ipi_spec_dst, s->local.ip, 4);
        beside_add(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (segment != 0) {
        beside_add(msg, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    if (msg->msg_controllen == 0) {
        msg->msg_control = NULL;
    }
}

/* errno, or 0. */
static int send_once(struct linux_udp *u, const struct os_udp_send *s, struct bytes payload,
                     uint16_t segment)
{
    struct sockaddr_storage ss;
    _Alignas(struct cmsghdr) uint8_t beside[SEND_BESIDE_BYTES] = { 0 };
    struct iovec iov = { (void *)(uintptr_t)payload.data, payload.count };
    struct msghdr msg = { 0 };
    msg.msg_name = &ss;
    msg.msg_namelen = linux_sockaddr(&s->remote, &ss);
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = beside;
    beside_fill(&msg, s, segment);
    ssize_t n = -1;
    do {
        n = sendmsg(u->source.fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

static enum err send_error(int error)
{
    if (error == 0) {
        return ERR_OK;
    }
    return error == EAGAIN || error == ENOBUFS ? ERR_WOULD_BLOCK : ERR_IO;
}

enum err linux_udp_send(struct os_udp *base, const struct os_udp_send *s)
{
    struct linux_udp *u = linux_udp_of(base);
    bool cut = s->segment != 0 && s->payload.count > s->segment;
    if (!cut || !u->no_segment) {
        int error = send_once(u, s, s->payload, cut ? s->segment : 0);
        if (!cut || (error != EIO && error != EINVAL && error != EOPNOTSUPP)) {
            return send_error(error);
        }
    }
    for (size_t at = 0; at < s->payload.count; at += s->segment) {
        size_t left = s->payload.count - at;
        size_t size = left < s->segment ? left : s->segment;
        int error = send_once(u, s, bytes_of(s->payload.data + at, size), 0);
        if (error != 0) {
            return send_error(error); /* it was not the offload */
        }
        MARK("os: the kernel cuts no batches");
        u->no_segment = true; /* the same bytes went alone */
    }
    return ERR_OK;
}
