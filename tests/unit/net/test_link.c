/* tests/unit/net/test_link.c -- links over real QUIC on loopback.
 *
 * Subject: net/quic_link.h
 * Method:  several links in one loop; see rig.h
 */
#include "rig.h"

static void test_connect(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    side_dial(a, b);
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    CHECK(ids_key_equal(&a->from, &b->key));
    CHECK(ids_key_equal(&b->from, &a->key));
    CHECK(side_send(a, b, LINK_CONTROL, "hello") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_CONTROL] == 1);
    CHECK(b->last_count == 5 && memcmp(b->last, "hello", 5) == 0);
    rig_close(&r);
}

int main(void)
{
    TAP_TEST("link: one side dials, both are up, a frame arrives", test_connect);
    return tap_done();
}
