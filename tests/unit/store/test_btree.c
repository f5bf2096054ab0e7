/* tests/unit/store/test_btree.c -- Subject: the copy-on-write tree. Method: random changes beside a
 * sorted array; a frozen tree must stay as it was; every byte is given back. */
#include "tap.h"

#include "base/prng.h"
#include "store/btree.h"

enum {
    KEYS = 3000
};

static struct {
    struct mem mem;
    struct btree tree;
    bool there[KEYS];
    uint64_t value[KEYS];
    struct prng prng;
} w;

static struct bytes key_of(uint32_t k, char out[40])
{
    /* many share their first eight bytes; lengths differ */
    int n = snprintf(out, 40, "%s%06u%s", k % 3 == 0 ? "a-common-prefix-" : "", k,
                     k % 5 == 0 ? "-long-tail" : "");
    return bytes_of(out, (size_t)n);
}

static void compare(const struct btree *t, const bool *there, const uint64_t *value)
{
    uint64_t count = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        char text[40];
        struct bytes v;
        bool found = btree_get(t, key_of(k, text), &v);
        CHECK(found == there[k]);
        count += found;
        CHECK(!found || (v.count == 8 && memcmp(v.data, &value[k], 8) == 0));
    }
    CHECK_U64(t->count, count);
    struct bytes key = bytes_of("", 0);
    struct bytes v;
    struct bytes before = key;
    bool first = true;
    while (btree_seek(t, key, !first, &key, &v)) {
        CHECK(first || bytes_compare(before, key) < 0);
        before = key;
        first = false;
        count--;
    }
    CHECK_U64(count, 0);
    key = bytes_of(NULL, 0);
    uint64_t back = 0;
    while (btree_seek_last(t, key, &key, &v)) {
        back++;
    }
    CHECK_U64(back, t->count);
}

static void change(uint32_t times, uint64_t delete_of_10)
{
    for (uint32_t i = 0; i < times; i++) {
        uint32_t k = (uint32_t)prng_below(&w.prng, KEYS);
        char text[40];
        enum err e = ERR_OK;
        if (prng_below(&w.prng, 10) < delete_of_10) {
            CHECK(btree_del(&w.tree, key_of(k, text), &e) == w.there[k]);
            w.there[k] = false;
        } else {
            w.value[k] = prng_next(&w.prng);
            CHECK(btree_put(&w.tree, key_of(k, text), bytes_of(&w.value[k], 8)) == ERR_OK);
            w.there[k] = true;
        }
        CHECK(e == ERR_OK);
    }
}

static void random_changes(void)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "test", 64u << 20);
    btree_init(&w.tree, &w.mem);
    prng_seed(&w.prng, 7);
    for (int round = 0; round < 6; round++) {
        static bool there[KEYS];
        static uint64_t value[KEYS];
        struct btree frozen;
        change(5000, round % 2 == 0 ? 3 : 8);
        compare(&w.tree, w.there, w.value);
        btree_freeze(&w.tree, &frozen);
        memcpy(there, w.there, sizeof there);
        memcpy(value, w.value, sizeof value);
        change(3000, 5);
        compare(&frozen, there, value);
        compare(&w.tree, w.there, w.value);
        btree_done(&frozen);
    }
    btree_done(&w.tree);
    CHECK_U64(w.mem.used, 0);
}

/* A tree is given back bit by bit while somebody looks at what it was once. */
static void shed_beside_a_view(void)
{
    static bool there[KEYS];
    static uint64_t value[KEYS];
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "test", 64u << 20);
    btree_init(&w.tree, &w.mem);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct btree frozen;
        prng_seed(&w.prng, seed);
        change(5000, 8);
        btree_freeze(&w.tree, &frozen);
        memcpy(there, w.there, sizeof there);
        memcpy(value, w.value, sizeof value);
        change(seed == 1 ? 0 : 800, 5);
        for (int i = 0; !btree_shed(&w.tree, 300); i++) {
            CHECK(i < 1000);
            compare(&frozen, there, value);
        }
        compare(&frozen, there, value);
        memset(w.there, 0, sizeof w.there);
        btree_done(&frozen);
        CHECK_U64(w.mem.used, 0);
    }
}

static void no_memory(void)
{
    struct mem mem;
    struct btree t;
    mem_init(&mem, "test", 20000);
    btree_init(&t, &mem);
    uint32_t k = 0;
    char text[40];
    uint64_t v = 1;
    while (btree_put(&t, key_of(k, text), bytes_of(&v, 8)) == ERR_OK) {
        k++;
    }
    CHECK(k > 50);
    CHECK_U64(t.count, k);
    struct bytes got;
    CHECK(btree_get(&t, key_of(0, text), &got));
    btree_done(&t);
    CHECK_U64(mem.used, 0);
}

int main(void)
{
    TAP_TEST("btree: random changes agree with an array, frozen views stay", random_changes);
    TAP_TEST("btree: what a view shares outlives a tree that is given back", shed_beside_a_view);
    TAP_TEST("btree: at the limit a put is refused and nothing is lost", no_memory);
    return tap_done();
}
