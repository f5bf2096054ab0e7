/* os/linux/udp.h -- a UDP socket, shared by its receiving and its sending file. */
#ifndef OS_LINUX_UDP_H
#define OS_LINUX_UDP_H

#include "os/linux/impl.h"

struct linux_udp {
    struct os_udp base;
    struct linux_source source;
    os_udp_recv_fn fn;
    void *arg;
    struct os_addr bound;
    bool no_segment; /* the kernel or the device refused send offload once */
};

/* linux_udp_of -- the socket behind a handle. */
static inline struct linux_udp *linux_udp_of(struct os_udp *u)
{
    return CONTAINER_OF(u, struct linux_udp, base);
}

#endif
