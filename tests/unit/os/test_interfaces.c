/* tests/unit/os/test_interfaces.c -- Subject: the addresses of this machine. Method: against
 * getifaddrs, and by binding to each. */
#include "loop.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

enum {
    ADDRS_MAX = 64
};

static bool is_loopback(const struct os_addr *a)
{
    static const uint8_t six[16] = { [15] = 1 };
    return a->family == 4 ? a->ip[0] == 127 : memcmp(a->ip, six, 16) == 0;
}

static void never(void *arg, const struct os_datagram *datagrams, uint32_t count)
{
    (void)arg;
    (void)datagrams;
    (void)count;
}

static void listed(void)
{
    struct loop l;
    struct os_addr all[ADDRS_MAX];
    loop_open(&l);
    uint32_t count = os_interfaces(l.os, all, ADDRS_MAX);
    bool loopback_seen = false;
    CHECK(count > 0 && count <= ADDRS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct os_udp *udp = NULL;
        CHECK(all[i].port == 0 && (all[i].family == 4 || all[i].family == 6));
        CHECK(!(all[i].family == 6 && all[i].ip[0] == 0xfe && (all[i].ip[1] & 0xc0) == 0x80));
        CHECK(!loopback_seen || is_loopback(&all[i])); /* loopback ones last */
        loopback_seen = loopback_seen || is_loopback(&all[i]);
        CHECK(os_udp_open(l.os, &all[i], never, NULL, &udp) == ERR_OK); /* it is ours */
        os_udp_close(udp);
    }
    CHECK(loopback_seen);
    loop_close(&l);
}

static void at_most(void)
{
    struct loop l;
    struct os_addr all[ADDRS_MAX];
    loop_open(&l);
    uint32_t count = os_interfaces(l.os, all, ADDRS_MAX);
    for (uint32_t max = 0; max <= count; max++) {
        struct os_addr some[ADDRS_MAX];
        memset(some, 0, sizeof some);
        CHECK_U64(os_interfaces(l.os, some, max), max);
        CHECK_U64(some[max < ADDRS_MAX ? max : 0].family, max < ADDRS_MAX ? 0 : some[0].family);
        for (uint32_t i = 0; i < max; i++) {
            CHECK(os_addr_equal(&some[i], &all[i]));
        }
    }
    loop_close(&l);
}

/* Each IPv4 address of an interface that is up is in the list. */
static void complete(void)
{
    struct loop l;
    struct os_addr all[ADDRS_MAX];
    struct ifaddrs *theirs = NULL;
    loop_open(&l);
    uint32_t count = os_interfaces(l.os, all, ADDRS_MAX);
    CHECK(getifaddrs(&theirs) == 0);
    for (const struct ifaddrs *i = theirs; i != NULL; i = i->ifa_next) {
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET ||
            (i->ifa_flags & IFF_UP) == 0) {
            continue;
        }
        const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)i->ifa_addr;
        bool found = false;
        for (uint32_t k = 0; k < count; k++) {
            found = found || (all[k].family == 4 && memcmp(all[k].ip, &four->sin_addr, 4) == 0);
        }
        CHECK(found);
    }
    freeifaddrs(theirs);
    loop_close(&l);
}

int main(void)
{
    TAP_TEST("interfaces: ours, without link-local ones, loopback last", listed);
    TAP_TEST("interfaces: at most as many as asked for", at_most);
    TAP_TEST("interfaces: none that is up is missing", complete);
    return tap_done();
}
