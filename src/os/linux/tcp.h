/* os/linux/tcp.h -- what a listener needs of connections; included from this folder only. */
#ifndef OS_LINUX_TCP_H
#define OS_LINUX_TCP_H

#include "os/linux/impl.h"

/* linux_conn_accept -- take over an accepted descriptor and offer it to the handler. */
void linux_conn_accept(struct os_linux *loop, int fd, const struct os_addr *remote,
                       const struct os_tcp_handler *handler, void *arg);

#endif
