/* tests/unit/base/test_blake3.c -- Subject: BLAKE3, all three modes.
 *
 * Method: the official vectors, whole and in odd pieces; then random lengths against b3sum, where
 *         that is installed
 */
#include "blake3_vectors.h"
#include "tap.h"

#include "base/blake3.h"
#include "base/ids.h"
#include "base/prng.h"

enum {
    LONG_OUT = 131,
    FOREIGN_ROUNDS = 12
};

enum mode {
    HASH,
    KEYED,
    DERIVED,
    MODE_COUNT
};

static void begin(struct blake3 *h, enum mode mode)
{
    switch (mode) {
    case KEYED:
        blake3_init_keyed(h, (const uint8_t *)BLAKE3_VECTOR_KEY);
        break;
    case DERIVED:
        blake3_init_derive(h, BLAKE3_VECTOR_CONTEXT);
        break;
    default:
        blake3_init(h);
        break;
    }
}

static uint8_t *pattern(size_t count)
{
    uint8_t *data = malloc(count + 1);
    for (size_t i = 0; i < count; i++) {
        data[i] = (uint8_t)(i % 251);
    }
    return data;
}

/* Feed data in pieces of 1..piece_max bytes; 0: at once. */
static void digest(enum mode mode, const uint8_t *data, size_t count, size_t piece_max,
                   struct prng *p, uint8_t *out, size_t out_count)
{
    struct blake3 h;
    begin(&h, mode);
    for (size_t at = 0; at < count;) {
        size_t piece = piece_max == 0 ? count : (size_t)prng_below(p, piece_max) + 1;
        piece = piece < count - at ? piece : count - at;
        blake3_update(&h, data + at, piece);
        at += piece;
    }
    blake3_final(&h, out, out_count);
}

static void vectors_in_pieces(size_t piece_max)
{
    struct prng p;
    prng_seed(&p, piece_max);
    for (size_t i = 0; i < sizeof blake3_vectors / sizeof blake3_vectors[0]; i++) {
        const struct blake3_vector *v = &blake3_vectors[i];
        const char *expected[MODE_COUNT] = { v->hash, v->keyed, v->derived };
        uint8_t *data = pattern(v->count);
        for (int mode = HASH; mode < MODE_COUNT; mode++) {
            uint8_t out[BLAKE3_OUT];
            char text[2 * BLAKE3_OUT + 1];
            digest((enum mode)mode, data, v->count, piece_max, &p, out, sizeof out);
            ids_hex(out, sizeof out, text);
            CHECK(strcmp(text, expected[mode]) == 0);
        }
        free(data);
    }
}

static void vectors(void)
{
    vectors_in_pieces(0);
}

static void pieces(void)
{
    vectors_in_pieces(3);
    vectors_in_pieces(97);
    vectors_in_pieces(1500);
}

static void one_shot(void)
{
    for (size_t i = 0; i < sizeof blake3_vectors / sizeof blake3_vectors[0]; i++) {
        uint8_t *data = pattern(blake3_vectors[i].count);
        uint8_t out[BLAKE3_OUT];
        char text[2 * BLAKE3_OUT + 1];
        blake3_hash(data, blake3_vectors[i].count, out);
        ids_hex(out, sizeof out, text);
        CHECK(strcmp(text, blake3_vectors[i].hash) == 0);
        free(data);
    }
}

/* A longer output begins with the shorter one; the state can be asked twice and go on. */
static void outputs(void)
{
    uint8_t *data = pattern(5000);
    uint8_t whole[LONG_OUT];
    uint8_t part[LONG_OUT];
    digest(HASH, data, 5000, 0, NULL, whole, LONG_OUT);
    for (size_t count = 0; count <= LONG_OUT; count++) {
        memset(part, 0, sizeof part);
        digest(HASH, data, 5000, 0, NULL, part, count);
        CHECK(memcmp(part, whole, count) == 0);
        CHECK(count == LONG_OUT || part[count] == 0);
    }
    struct blake3 h;
    blake3_init(&h);
    blake3_update(&h, data, 1024);
    blake3_final(&h, part, 32);
    blake3_final(&h, part + 32, 32);
    CHECK(memcmp(part, part + 32, 32) == 0);
    blake3_update(&h, data + 1024, 5000 - 1024);
    blake3_final(&h, part, LONG_OUT);
    CHECK(memcmp(part, whole, LONG_OUT) == 0);
    free(data);
}

static void separate(void)
{
    uint8_t key[BLAKE3_KEY] = { 0 };
    uint8_t out[4][BLAKE3_OUT];
    struct blake3 h;
    blake3_hash("x", 1, out[0]);
    for (int i = 1; i < 3; i++) {
        blake3_init_keyed(&h, key);
        blake3_update(&h, "x", 1);
        blake3_final(&h, out[i], BLAKE3_OUT);
        key[31] ^= 1;
    }
    blake3_init_derive(&h, "");
    blake3_update(&h, "x", 1);
    blake3_final(&h, out[3], BLAKE3_OUT);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < i; k++) {
            CHECK(memcmp(out[i], out[k], BLAKE3_OUT) != 0);
        }
    }
}

/* ---- against b3sum ---- */

/* What b3sum says of a file, in hex; false when it cannot be run. */
static bool foreign(enum mode mode, const char *path, const char *key_path, char *out)
{
    static const char *const flag[MODE_COUNT] = { "", "--keyed",
                                                  "--derive-key '" BLAKE3_VECTOR_CONTEXT "'" };
    char command[512];
    snprintf(command, sizeof command, "b3sum --no-names --length %d %s %s <%s 2>/dev/null",
             LONG_OUT, flag[mode], path, key_path);
    FILE *f = popen(command, "r");
    if (f == NULL) {
        return false;
    }
    bool good = fgets(out, 2 * LONG_OUT + 1, f) != NULL;
    return pclose(f) == 0 && good;
}

static void write_file(const char *path, const void *data, size_t count)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fwrite(data, 1, count, f) == count && fclose(f) == 0);
}

static void foreign_round(const char *dir, struct prng *p, size_t count)
{
    char path[64];
    char key_path[64];
    uint8_t *data = malloc(count + 1);
    prng_fill(p, data, count);
    snprintf(path, sizeof path, "%s/data", dir);
    snprintf(key_path, sizeof key_path, "%s/key", dir);
    write_file(path, data, count);
    write_file(key_path, BLAKE3_VECTOR_KEY, BLAKE3_KEY);
    for (int mode = HASH; mode < MODE_COUNT; mode++) {
        uint8_t out[LONG_OUT];
        char text[2 * LONG_OUT + 1];
        char expected[2 * LONG_OUT + 1];
        digest((enum mode)mode, data, count, 700, p, out, sizeof out);
        ids_hex(out, sizeof out, text);
        CHECK(foreign((enum mode)mode, path, key_path, expected));
        CHECK(strcmp(text, expected) == 0);
    }
    unlink(path);
    unlink(key_path);
    free(data);
}

static void against_b3sum(void)
{
    char dir[] = "/tmp/aspen-test-XXXXXX";
    struct prng p;
    if (system("b3sum --version >/dev/null 2>&1") != 0) {
        printf("# b3sum is not installed: only the vectors judge\n");
        return;
    }
    CHECK(mkdtemp(dir) != NULL);
    prng_seed(&p, (uint64_t)getpid());
    printf("# seed %d\n", (int)getpid());
    for (int round = 0; round < FOREIGN_ROUNDS; round++) {
        size_t most = round % 2 == 0 ? 3000 : 300000;
        foreign_round(dir, &p, (size_t)prng_below(&p, most));
    }
    CHECK(rmdir(dir) == 0);
}

int main(void)
{
    TAP_TEST("blake3: hash, keyed hash and derived key of the official vectors", vectors);
    TAP_TEST("blake3: the same in odd pieces", pieces);
    TAP_TEST("blake3: the same in one call", one_shot);
    TAP_TEST("blake3: an output of any length, asked for at any time", outputs);
    TAP_TEST("blake3: modes and keys give different values", separate);
    TAP_TEST("blake3: b3sum agrees on random lengths, modes and long outputs", against_b3sum);
    return tap_done();
}
