/* os/linux/machine.c -- clock, entropy, the list of interfaces, the limit of descriptors. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "os/linux/impl.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;
    int rc = clock_gettime(id, &ts);
    ASSERT(rc == 0);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t linux_now(struct os *os)
{
    (void)os;
    return read_clock(CLOCK_BOOTTIME);
}

uint64_t linux_wall(struct os *os)
{
    (void)os;
    return read_clock(CLOCK_REALTIME);
}

void linux_entropy(struct os *os, void *out, size_t count)
{
    uint8_t *at = out;
    (void)os;
    while (count > 0) {
        ssize_t n = getrandom(at, count, 0);
        if (n > 0) {
            at += n;
            count -= (size_t)n;
        }
    }
}

/* Link-local addresses need a zone that another host does not share: they are of no use to it. */
static bool usable(const struct ifaddrs *i)
{
    if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0) {
        return false;
    }
    if (i->ifa_addr->sa_family == AF_INET) {
        return true;
    }
    if (i->ifa_addr->sa_family != AF_INET6) {
        return false;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
    return !IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
}

static uint32_t collect(const struct ifaddrs *all, bool loopback, struct os_addr *out, uint32_t max)
{
    uint32_t count = 0;
    for (const struct ifaddrs *i = all; i != NULL && count < max; i = i->ifa_next) {
        if (!usable(i) || ((i->ifa_flags & IFF_LOOPBACK) != 0) != loopback) {
            continue;
        }
        struct sockaddr_storage ss = { 0 };
        size_t size = i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                        : sizeof(struct sockaddr_in6);
        memcpy(&ss, i->ifa_addr, size);
        linux_addr(&ss, &out[count]);
        out[count++].port = 0;
    }
    return count;
}

uint32_t linux_interfaces(struct os *os, struct os_addr *out, uint32_t max)
{
    struct ifaddrs *all = NULL;
    (void)os;
    if (getifaddrs(&all) != 0) {
        return 0;
    }
    uint32_t count = collect(all, false, out, max);
    count += collect(all, true, out + count, max - count);
    freeifaddrs(all);
    return count;
}

void linux_memory_rest(struct os *os)
{
    (void)os;
    mem_rest();
}

void os_linux_files(uint32_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count) {
        limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
        int rc = setrlimit(RLIMIT_NOFILE, &limit);
        (void)rc; /* then it is as it was */
    }
}
