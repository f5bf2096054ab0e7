/* tests/unit/node/test_peers.c -- the peer forms.
 *
 * Subject: node/peers.c
 * Method:  texts in, structs out; every refusal has its row
 */
#include "node/peers.h"

#include "tap.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX2 "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum err parse(const char *text, struct peers_entry *out)
{
    struct diag diag;
    return peers_parse(bytes_text(text), out, &diag);
}

static void test_bare(void)
{
    struct peers_entry e;
    CHECK(parse("7@" HEX, &e) == ERR_OK);
    CHECK_U64(e.id, 7);
    CHECK_U64(e.key.b[1], 0x11);
    CHECK_U64(e.addr_count, 0);
}

static void test_addrs(void)
{
    struct peers_entry e;
    CHECK(parse("1@" HEX "@127.0.0.1:45454,[::1]:4", &e) == ERR_OK);
    CHECK_U64(e.addr_count, 2);
    CHECK_U64(e.addr[0].port, 45454);
    CHECK_U64(e.addr[1].family, 6);
}

static void test_json(void)
{
    struct peers_entry e;
    CHECK(parse("3@{\"id\":\"" HEX "\",\"addrs\":[{\"Relay\":\"https://r.example/\"},"
                "{\"Ip\":\"127.0.0.1:45454\"}]}",
                &e) == ERR_OK);
    CHECK_U64(e.id, 3);
    CHECK_U64(e.relay_count, 1);
    CHECK(strcmp(e.relay[0], "https://r.example/") == 0);
    CHECK_U64(e.addr[0].port, 45454);
}

static void test_refused(void)
{
    static const char *const wrong[] = {
        "",
        "@",
        "1",
        "1@",
        "0@" HEX,
        "-1@" HEX,
        "18446744073709551616@" HEX,
        "x@" HEX,
        "1@" HEX "0",
        "1@zz" HEX,
        "1@" HEX "@",
        "1@" HEX "@127.0.0.1",
        "1@" HEX "@127.0.0.1:0",
        "1@" HEX "@0.0.0.0:5",
        "1@" HEX "@[::]:5",
        "1@" HEX "@127.0.0.1:5,",
        "1@" HEX "@name:5",
        "1@" HEX "@127.0.0.1:65536",
        "1@{",
        "1@{}",
        "1@{\"id\":1}",
        "1@{\"id\":\"" HEX "\",\"addrs\":{}}",
        "1@{\"id\":\"" HEX "\",\"addrs\":[{}]}",
        "1@{\"id\":\"" HEX "\",\"addrs\":[1]}",
        "1@{\"id\":\"" HEX "\",\"addrs\":[{\"Ip\":5}]}",
        "1@{\"id\":\"" HEX "\",\"addrs\":[{\"Ip\":\"1.2.3.4:5\",\"Relay\":\"http://a\"}]}",
        "1@{\"id\":\"" HEX "\",\"addrs\":[{\"Relay\":\"\"}]}",
        "1@{\"id\":\"" HEX "\"} x",
        "1@{\"id\":\"" HEX "\",\"id\":\"" HEX "\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct peers_entry e;
        memset(&e, 0x5A, sizeof e);
        struct diag diag = { ERR_OK, "" };
        if (peers_parse(bytes_text(wrong[i]), &e, &diag) != ERR_MALFORMED) {
            printf("# accepted: %s\n", wrong[i]);
            CHECK(false);
        }
        CHECK(diag.text[0] != '\0');
        CHECK_U64(e.id, 0x5A5A5A5A5A5A5A5Au);
    }
}

static void test_too_many_addrs(void)
{
    char text[1024] = "1@" HEX "@127.0.0.1:1";
    for (unsigned i = 1; i < NODE_ADDRS_MAX; i++) {
        strcat(text, ",127.0.0.1:1");
    }
    struct peers_entry e;
    CHECK(parse(text, &e) == ERR_OK);
    strcat(text, ",127.0.0.1:1");
    CHECK(parse(text, &e) == ERR_MALFORMED);
}

static void test_split(void)
{
    struct bytes rest =
        bytes_text("1@" HEX "@1.2.3.4:5,6.7.8.9:10, 2@{\"id\":\"" HEX
                   "\",\"addrs\":[{\"Ip\":\"1.2.3.4:5\"},{\"Relay\":\"a,3@b\"}]},4@x");
    struct bytes item;
    CHECK(peers_next(&rest, &item));
    CHECK(bytes_equal(item, bytes_text("1@" HEX "@1.2.3.4:5,6.7.8.9:10")));
    CHECK(peers_next(&rest, &item));
    CHECK(item.data[0] == '2' && item.data[item.count - 1] == '}');
    CHECK(peers_next(&rest, &item));
    CHECK(bytes_equal(item, bytes_text("4@x")));
    CHECK(!peers_next(&rest, &item));
}

static struct peers list;

static void test_add(void)
{
    struct diag diag;
    struct peers_entry e;
    memset(&list, 0, sizeof list);
    CHECK(parse("1@" HEX, &e) == ERR_OK);
    CHECK(peers_add(&list, &e, &diag) == ERR_OK);
    CHECK(peers_add(&list, &e, &diag) == ERR_MALFORMED);
    e.id = 2;
    CHECK(peers_add(&list, &e, &diag) == ERR_MALFORMED);
    e.key.b[0] = 9;
    CHECK(peers_add(&list, &e, &diag) == ERR_OK);
    CHECK(peers_find(&list, 2) == &list.entry[1]);
    CHECK(peers_find(&list, 3) == NULL);
}

static void test_full(void)
{
    struct diag diag;
    struct peers_entry e;
    memset(&list, 0, sizeof list);
    CHECK(parse("1@" HEX, &e) == ERR_OK);
    for (unsigned i = 0; i < NET_PEERS_MAX; i++) {
        e.id = i + 1;
        e.key.b[0] = (uint8_t)i;
        CHECK(peers_add(&list, &e, &diag) == ERR_OK);
    }
    e.id = 1000;
    e.key.b[0] = 200;
    CHECK(peers_add(&list, &e, &diag) == ERR_BUSY);
}

/* What format writes, parse reads back. */
static void check_round_trip(const char *text, const char *expected)
{
    struct peers_entry e;
    struct peers_entry again;
    char out[512];
    struct writer w = writer_of(out, sizeof out);
    CHECK(parse(text, &e) == ERR_OK);
    peers_format(&e, &w);
    CHECK(!w.bad);
    CHECK(bytes_equal(writer_bytes(&w), bytes_text(expected)));
    struct diag diag;
    CHECK(peers_parse(writer_bytes(&w), &again, &diag) == ERR_OK);
    CHECK(again.id == e.id && ids_key_equal(&again.key, &e.key));
    char out_again[512];
    struct writer w_again = writer_of(out_again, sizeof out_again);
    peers_format(&again, &w_again);
    CHECK(bytes_equal(writer_bytes(&w_again), writer_bytes(&w)));
}

static void test_format(void)
{
    check_round_trip("5@" HEX, "5@" HEX);
    check_round_trip("5@" HEX "@1.2.3.4:5,[::1]:6", "5@" HEX "@1.2.3.4:5,[::1]:6");
    check_round_trip(
        "5@{\"id\":\"" HEX2 "\",\"addrs\":[{\"Ip\":\"1.2.3.4:5\"},{\"Relay\":\"http://a\"}]}",
        "5@{\"id\":\"" HEX2 "\",\"addrs\":[{\"Relay\":\"http://a\"},{\"Ip\":\"1.2.3.4:5\"}]}");
}

int main(void)
{
    TAP_TEST("peers: an id and a key are a peer", test_bare);
    TAP_TEST("peers: addresses follow the key", test_addrs);
    TAP_TEST("peers: the JSON of an endpoint is taken", test_json);
    TAP_TEST("peers: everything else is refused with a reason", test_refused);
    TAP_TEST("peers: addresses are bounded", test_too_many_addrs);
    TAP_TEST("peers: a list is cut only between peers", test_split);
    TAP_TEST("peers: an id or key stands once in a list", test_add);
    TAP_TEST("peers: a list is bounded", test_full);
    TAP_TEST("peers: what is written reads back the same", test_format);
    return tap_done();
}
