/* tests/unit/sim/test_story.c -- Subject: the hash of a story. Method: two stories that differ in
 * one thing must differ in it.
 */
#include "tap.h"

#include "sim/story.h"

static struct sim_story one;
static struct sim_story other;

static bool differ(void)
{
    bool is = one.hash != other.hash;
    sim_story_init(&one, NULL);
    sim_story_init(&other, NULL);
    return is;
}

static void events(void)
{
    struct sim_story_node a = { .role = 'L', .term = 3, .last = 5, .commit = 4, .applied = 4 };
    struct sim_story_node b = a;
    differ();
    sim_story_add(&one, 1, 1, "crashes", 0, 0, NULL);
    sim_story_add(&other, 1, 1, "confess", 0, 0, NULL); /* as long, and the same first letter */
    CHECK(differ());
    sim_story_add(&one, 1, 1, "starts", 0, 0, NULL);
    sim_story_add(&other, 1, 2, "starts", 0, 0, NULL);
    CHECK(differ());
    b.applied = 3;
    sim_story_add(&one, 1, 1, "role", 0, 0, &a);
    sim_story_add(&other, 1, 1, "role", 0, 0, &b);
    CHECK(differ());
    b = a;
    b.term = 2; /* 5 less, which the role used to make up for */
    b.role = 'Q';
    sim_story_add(&one, 1, 1, "role", 0, 0, &a);
    sim_story_add(&other, 1, 1, "role", 0, 0, &b);
    CHECK(differ());
    sim_story_add(&one, 1, 1, "starts", 0, 0, &a);
    sim_story_add(&other, 1, 1, "starts", 0, 0, &a);
    CHECK(!differ());
}

static void bytes(void)
{
    uint8_t data[40] = { 0 };
    differ();
    for (size_t count = 1; count <= sizeof data; count++) {
        for (size_t i = 0; i < count; i++) {
            sim_story_fold_bytes(&one, bytes_of(data, count));
            data[i] ^= 1;
            sim_story_fold_bytes(&other, bytes_of(data, count));
            data[i] ^= 1;
            CHECK(differ());
        }
        sim_story_fold_bytes(&one, bytes_of(data, count));
        sim_story_fold_bytes(&other, bytes_of(data, count - 1));
        CHECK(differ());
    }
}

int main(void)
{
    TAP_TEST("story: whatever differs in an event is in the hash", events);
    TAP_TEST("story: every bit of folded bytes is in the hash", bytes);
    return tap_done();
}
