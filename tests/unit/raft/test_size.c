/* tests/unit/raft/test_size.c -- Subject: the memory of a group, all of which is known before it
 * starts. Method: the printed size of the core and of its parts, against one MiB. */
#include "tap.h"

#include "raft/impl.h"

/* One part of the core: so many of so many bytes each. */
static size_t part(const char *name, size_t count, size_t each)
{
    printf("# %-34s %6zu x %4zu = %7zu bytes\n", name, count, each, count * each);
    return count * each;
}

static void under_one_mib(void)
{
    size_t parts = 0;
    parts += part("sizes of the newest entries", RAFT_SIZE_RING, sizeof(uint32_t));
    parts += part("terms in the log", RAFT_TERM_RUNS_MAX, sizeof(struct raft_run));
    parts += part("peers with their windows", RAFT_PEERS_MAX, sizeof(struct raft_peer));
    parts += part("reads that wait", RAFT_READ_BATCHES_MAX, sizeof(struct raft_read));
    parts += part("proposals in flight", RAFT_PROPOSALS_MAX, sizeof(struct raft_proposal));
    parts += part("promises", RAFT_PEERS_MAX, sizeof(struct raft_promise));
    parts += part("configurations", 3, sizeof(struct raft_conf));
    part("the rest", 1, raft_size() - parts);
    printf("# a group: %zu bytes, of at most %u\n", raft_size(), MIB);
    printf("# beside it, the driver's, effects of a step: %zu bytes\n", sizeof(struct raft_out));
    CHECK(parts < raft_size() && raft_size() - parts < KIB); /* nothing large that is not named */
    CHECK(raft_size() < MIB);
}

/* Nothing beyond its own memory: a core that is given no more than raft_size() bytes lives in it,
 * and its copy too (bytes before and after stay as they are). */
static void within_it(void)
{
    size_t size = raft_size();
    size_t edge = 64;
    uint8_t *area = malloc(size + 2 * edge);
    uint8_t *copy = malloc(size + 2 * edge);
    struct raft *r = NULL;
    struct raft_config c = { .id = 1, .election_ns_min = 10, .election_ns_max = 20 };
    struct raft_boot b = { .now_ns = 1 };
    CHECK(area != NULL && copy != NULL);
    memset(area, 0xa5, size + 2 * edge);
    memset(copy, 0xa5, size + 2 * edge);
    memset(area + edge, 0, size);
    CHECK(raft_init(area + edge, &c, &b, &r) == ERR_OK && (uint8_t *)r == area + edge);
    raft_clone((struct raft *)(void *)(copy + edge), r);
    for (size_t i = 0; i < edge; i++) {
        CHECK(area[i] == 0xa5 && area[edge + size + i] == 0xa5);
        CHECK(copy[i] == 0xa5 && copy[edge + size + i] == 0xa5);
    }
    CHECK(raft_hash((const struct raft *)(const void *)(copy + edge)) == raft_hash(r));
    free(area);
    free(copy);
}

int main(void)
{
    TAP_TEST("size: a group with all its bounds is under one MiB", under_one_mib);
    TAP_TEST("size: a core and its copy keep to their memory", within_it);
    return tap_done();
}
