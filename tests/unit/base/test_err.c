/* tests/unit/base/test_err.c -- Subject: the list of errors, a diag, TRY. Method: rows and samples.
 */
#include "tap.h"

#include "base/err.h"

static void rows(void)
{
    for (int i = 0; i < err_count(); i++) {
        enum err e = (enum err)i;
        CHECK(strcmp(err_name(e), "UNKNOWN") != 0 && err_name(e)[0] != '\0');
        CHECK(err_text(e)[0] != '\0');
        CHECK(err_http(e) >= 200 && err_http(e) < 600);
        CHECK(err_class(e) <= ERR_CLASS_FATAL);
        CHECK((err_class(e) == ERR_CLASS_OK) == (e == ERR_OK));
        CHECK((err_http(e) < 400) == (e == ERR_OK));
        for (int j = 0; j < i; j++) {
            CHECK(strcmp(err_name(e), err_name((enum err)j)) != 0);
            CHECK(strcmp(err_text(e), err_text((enum err)j)) != 0);
        }
    }
}

static void names(void)
{
    CHECK(ERR_OK == 0 && strcmp(err_name(ERR_OK), "OK") == 0);
    CHECK(strcmp(err_name(ERR_NOT_LEADER), "NOT_LEADER") == 0);
    CHECK(strcmp(err_text(ERR_KEY_EMPTY), "the key is empty") == 0);
    CHECK(strcmp(err_name(ERR_INTERNAL), "INTERNAL") == 0);
    CHECK_U64(err_count(), ERR_INTERNAL + 1);
}

/* The class says what a caller does, the status what a client does: they may not contradict. */
static void classes(void)
{
    for (int i = 0; i < err_count(); i++) {
        enum err e = (enum err)i;
        int http = err_http(e);
        if (err_class(e) == ERR_CLASS_AGAIN) {
            CHECK(http == 503 || http == 429);
        }
        if (err_class(e) == ERR_CLASS_FATAL) {
            CHECK(http == 500);
        }
        if (err_class(e) == ERR_CLASS_IO) {
            CHECK(http >= 500);
        }
    }
    CHECK(err_class(ERR_QUEUE_FULL) == ERR_CLASS_AGAIN);
    CHECK(err_class(ERR_KEY_EMPTY) == ERR_CLASS_REFUSED);
    CHECK(err_class(ERR_MALFORMED) == ERR_CLASS_PEER);
    CHECK(err_class(ERR_NO_SPACE) == ERR_CLASS_IO);
    CHECK(err_class(ERR_SYNC_FAILED) == ERR_CLASS_FATAL);
    CHECK_U64(err_http(ERR_KEY_TOO_LARGE), 413);
    CHECK_U64(err_http(ERR_NOT_FOUND), 404);
}

static void strangers(void)
{
    enum err far[] = { (enum err)err_count(), (enum err)100000, (enum err) - 1 };
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        CHECK(strcmp(err_name(far[i]), "UNKNOWN") == 0);
        CHECK(err_text(far[i])[0] != '\0');
        CHECK(err_class(far[i]) == ERR_CLASS_FATAL);
        CHECK_U64(err_http(far[i]), 500);
    }
}

static void diag(void)
{
    struct diag d = { 0 };
    char text[1000];
    CHECK(diag_set(&d, ERR_BAD_CONFIG, "row %d: %s", 7, "no") == ERR_BAD_CONFIG);
    CHECK(d.code == ERR_BAD_CONFIG && strcmp(d.text, "row 7: no") == 0);
    CHECK(diag_set(NULL, ERR_IO, "%s", "nobody asked") == ERR_IO);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    CHECK(diag_set(&d, ERR_IO, "%s", text) == ERR_IO);
    CHECK_U64(strlen(d.text), sizeof d.text - 1);
}

static enum err tries(enum err e, int *after)
{
    TRY(e);
    (*after)++;
    return ERR_OK;
}

static void macros(void)
{
    int after = 0;
    CHECK(tries(ERR_BUSY, &after) == ERR_BUSY && after == 0);
    CHECK(tries(ERR_OK, &after) == ERR_OK && after == 1);
    IGNORE(tries(ERR_BUSY, &after));
    CHECK_U64(after, 1);
}

int main(void)
{
    TAP_TEST("errors: every row has a name and a text of its own, a class and a status", rows);
    TAP_TEST("errors: names and texts are those that clients know", names);
    TAP_TEST("errors: class and status do not contradict each other", classes);
    TAP_TEST("errors: a code outside the list is unknown and fatal", strangers);
    TAP_TEST("diag: tells its story, cut where it is too long", diag);
    TAP_TEST("TRY returns the error, IGNORE drops it", macros);
    return tap_done();
}
