/* tests/unit/os/test_addr.c -- Subject: text forms of addresses. Method: back, forth, refusals. */
#include "tap.h"

#include "base/prng.h"
#include "os/io.h"

static bool taken(const char *text, struct os_addr *out)
{
    struct os_addr a = { .port = 7 };
    struct os_addr before = a;
    enum err e = os_addr_parse(bytes_text(text), &a);
    if (e != ERR_OK) {
        CHECK(e == ERR_MALFORMED && memcmp(&a, &before, sizeof a) == 0);
        return false;
    }
    *out = a;
    return true;
}

static void forms(void)
{
    struct os_addr a;
    CHECK(taken("1.2.3.4:80", &a));
    CHECK(a.family == 4 && memcmp(a.ip, "\1\2\3\4", 4) == 0 && a.port == 80 && a.scope == 0);
    CHECK(taken("[::1]:65535", &a));
    CHECK(a.family == 6 && a.ip[15] == 1 && a.ip[0] == 0 && a.port == 65535);
    CHECK(taken("[2001:db8::ff00:42:8329]:0", &a) && a.port == 0);
    CHECK(taken("[::ffff:1.2.3.4]:1", &a) && a.family == 6);
    CHECK(taken("0.0.0.0:0", &a));
}

static void refusals(void)
{
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:1 ",
        " 1.2.3.4:1",
        "1.2.3:1",
        "1.2.3.256:1",
        "1.2.3.4.5:1",
        "01.2.3.4:1",
        "0x1.2.3.4:1",
        "16909060:1",
        "localhost:80",
        "[::1]",
        "[::1]:",
        "[::1]80",
        "::1:80",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "[1.2.3.4]:80",
        "[::1]]:80",
        "[[::1]]:80",
        "[::g]:80",
        "[1::2::3]:80",
        "[fe80::1%2]:80", /* a zone means nothing to another host */
        "[fe80::1%eth0]:80",
        "1.2.3.4:99999999999999999999",
        "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff:ffff:ffff:ffff]:65535",
    };
    struct os_addr a;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (taken(bad[i], &a)) {
            printf("# taken: %s\n", bad[i]);
            CHECK(strcmp(bad[i], "") < 0); /* never */
        }
    }
    CHECK(os_addr_parse(bytes_of("1.2.3.4\0:80", 11), &a) == ERR_MALFORMED);
    CHECK(os_addr_parse(bytes_of("1.2.3.4:8\0", 10), &a) == ERR_MALFORMED);
    CHECK(os_addr_parse(bytes_of(NULL, 0), &a) == ERR_MALFORMED);
}

static void there_and_back(void)
{
    struct prng p;
    prng_seed(&p, 1);
    for (int i = 0; i < 20000; i++) {
        struct os_addr a = { .family = prng_below(&p, 2) == 0 ? 4 : 6 };
        struct os_addr b;
        char text[OS_ADDR_TEXT_MAX];
        prng_fill(&p, a.ip, a.family == 4 ? 4 : 16);
        for (size_t k = 0; k < 16; k++) {
            a.ip[k] = prng_below(&p, 3) == 0 ? 0 : a.ip[k]; /* runs of zeroes are shortened */
        }
        a.port = (uint16_t)prng_next(&p);
        os_addr_format(&a, text);
        CHECK(taken(text, &b) && os_addr_equal(&a, &b));
    }
}

static void texts(void)
{
    struct os_addr a = { .family = 4, .ip = { 255, 255, 255, 255 }, .port = 65535 };
    char text[OS_ADDR_TEXT_MAX];
    os_addr_format(&a, text);
    CHECK(strcmp(text, "255.255.255.255:65535") == 0);
    a.family = 6;
    memset(a.ip, 0xff, sizeof a.ip);
    a.scope = UINT32_MAX;
    os_addr_format(&a, text);
    CHECK(strcmp(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535") == 0);
}

static void equal(void)
{
    struct os_addr a = { .family = 4, .ip = { 1, 2, 3, 4 }, .port = 5 };
    struct os_addr b = a;
    b.ip[9] = 1; /* not part of an IPv4 address */
    CHECK(os_addr_equal(&a, &b));
    b.port = 6;
    CHECK(!os_addr_equal(&a, &b));
    b = a;
    b.ip[3] = 5;
    CHECK(!os_addr_equal(&a, &b));
    b = a;
    b.scope = 1;
    CHECK(!os_addr_equal(&a, &b));
    b = a;
    b.family = 6;
    CHECK(!os_addr_equal(&a, &b));
    a.family = 6;
    CHECK(os_addr_equal(&a, &b));
    b.ip[15] = 1;
    CHECK(!os_addr_equal(&a, &b));
}

int main(void)
{
    TAP_TEST("addresses: both families are read", forms);
    TAP_TEST("addresses: names, zones and half-right texts are refused, the output untouched",
             refusals);
    TAP_TEST("addresses: random ones are formatted and read back", there_and_back);
    TAP_TEST("addresses: the longest texts fit", texts);
    TAP_TEST("addresses: equal in family, address, port and zone", equal);
    return tap_done();
}
