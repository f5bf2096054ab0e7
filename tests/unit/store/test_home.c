/* tests/unit/store/test_home.c -- Subject: identity and secret key of a data directory. Method:
 * make them, damage, remove or exchange files, open again.
 */
#include "rig.h"

#include "store/home.h"

#include <sys/stat.h>

static struct rig r; /* its directory; no log is opened */
static const struct node_key key = { { 1, 2, 3 } };
static struct home first;

static enum err open_home(uint64_t id, struct home *out)
{
    return home_open(r.loop.os, r.dir, id, &key, out, &r.diag);
}

static void begin(void)
{
    memset(&r, 0, sizeof r);
    loop_open(&r.loop);
    CHECK(os_dir_open(r.loop.os, r.loop.path, false, &r.dir) == ERR_OK);
    CHECK(open_home(7, &first) == ERR_OK && first.fresh);
}

static void end(void)
{
    os_dir_close(r.dir);
    loop_close(&r.loop);
}

static void same(void)
{
    struct home h;
    CHECK(open_home(7, &h) == ERR_OK);
    CHECK(!h.fresh && memcmp(&h.incarnation, &first.incarnation, sizeof h.incarnation) == 0);
}

static void disowned(void)
{
    struct home h;
    begin();
    CHECK(home_disown(r.dir) == ERR_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(open_home(7, &h) == ERR_OUTDATED);
        CHECK(strstr(r.diag.text, "secret.key") != NULL);
    }
    CHECK(open_home(8, &h) == ERR_WRONG_NODE); /* that first */
    CHECK(home_disown(r.dir) == ERR_OK);
    CHECK(os_dir_unlink(r.dir, "outdated") == ERR_OK);
    same();
    end();
}

/* The directory was emptied, but not of that: it is refused at once and later, and stays as it is;
 * likewise with an identity that the power cut off, and where a node has lived. */
static void disowned_without_identity(void)
{
    char path[128];
    struct home h;
    begin();
    CHECK(home_disown(r.dir) == ERR_OK);
    rig_cut(&r, "identity", 0);
    CHECK(open_home(7, &h) == ERR_OUTDATED);
    snprintf(path, sizeof path, "%s/identity", r.loop.path);
    CHECK(unlink(path) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(open_home(7, &h) == ERR_OUTDATED);
        CHECK(strstr(r.diag.text, "secret.key") != NULL);
        CHECK(access(path, F_OK) != 0);
    }
    fclose(rig_file(&r, "vote", "wb"));
    CHECK(open_home(7, &h) == ERR_OUTDATED);
    end();
    EXPECT_MARK("store: a directory is disowned and has no identity");
}

static void every_byte(void)
{
    begin();
    for (long at = 0; at < 8192; at += at % 4096 < 100 ? 1 : 509) {
        rig_flip(&r, "identity", at);
        same();
    }
    rig_cut(&r, "identity", 4096);
    same();
    end();
    EXPECT_MARK("store: a slot is healed");
}

static void both_slots(void)
{
    struct home h;
    begin();
    rig_flip(&r, "identity", 40);
    rig_flip(&r, "identity", 4096 + 40);
    CHECK(open_home(7, &h) == ERR_CORRUPT);
    CHECK(strstr(r.diag.text, "identity") != NULL);
    end();
    EXPECT_MARK("store: both slots are damaged");
}

/* A new identity would make the old log unreadable: never where a node has lived. */
static void lost(void)
{
    static const char *const traces[] = { "vote", "wal/0000000000000001.seg", "state/data.mdb",
                                          "nodes" };
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        char path[128];
        struct home h;
        begin();
        int n = snprintf(path, sizeof path, "%s/", r.loop.path);
        snprintf(path + n, sizeof path - (size_t)n, "%s", traces[i]);
        path[(size_t)n + strcspn(traces[i], "/")] = '\0'; /* its folder */
        CHECK(strchr(traces[i], '/') == NULL || mkdir(path, 0755) == 0);
        fclose(rig_file(&r, traces[i], "wb"));
        rig_cut(&r, "identity", 0);
        CHECK(open_home(7, &h) == ERR_CORRUPT);
        rig_cut(&r, "identity", 8192);
        CHECK(open_home(7, &h) == ERR_CORRUPT);
        snprintf(path, sizeof path, "%s/identity", r.loop.path);
        CHECK(unlink(path) == 0);
        CHECK(open_home(7, &h) == ERR_CORRUPT);
        CHECK(strstr(r.diag.text, traces[i]) != NULL);
        CHECK(access(path, F_OK) != 0);
        end();
    }
    EXPECT_MARK("store: an identity is lost");
}

static void unfinished(void)
{
    struct home h;
    begin();
    rig_cut(&r, "identity", 0); /* the power went while it was made */
    CHECK(open_home(7, &h) == ERR_OK && h.fresh);
    rig_cut(&r, "identity", 0);
    rig_cut(&r, "identity", 5000);
    CHECK(open_home(7, &h) == ERR_OK && h.fresh);
    end();
}

/* The rest of a node is in the same directory, as far as this test goes. */
static enum err renew(struct home *home)
{
    const struct home_rest rest = { r.dir, r.dir, r.dir };
    return home_renew(r.loop.os, r.dir, &rest, home, &r.diag);
}

static bool is_first(const struct home *h)
{
    return memcmp(&h->incarnation, &first.incarnation, sizeof h->incarnation) == 0;
}

/* Vote and log went, the identity stayed: another incarnation from then on, of the same node. */
static void renewed(void)
{
    struct home h;
    struct home again;
    begin();
    CHECK(open_home(7, &h) == ERR_OK && is_first(&h));
    CHECK(renew(&h) == ERR_OK && !is_first(&h));
    CHECK(open_home(7, &again) == ERR_OK && !again.fresh);
    CHECK(memcmp(&again.incarnation, &h.incarnation, sizeof h.incarnation) == 0);
    CHECK(open_home(8, &again) == ERR_WRONG_NODE);
    h = first;
    CHECK(renew(&h) == ERR_OK && is_first(&h)); /* made just now: nothing was promised in it */
    end();
    EXPECT_MARK("store: another incarnation is drawn");
}

/* With another incarnation they would be another's: it is said what is there, and nothing done. */
static void renewed_beside_the_rest(void)
{
    static const char *const left[] = { "start", "data.mdb",
                                        "0000000000000009-0000000000000001-0000000000000003.snap" };
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        struct home h;
        begin();
        CHECK(open_home(7, &h) == ERR_OK);
        fclose(rig_file(&r, left[i], "wb"));
        CHECK(renew(&h) == ERR_CORRUPT);
        CHECK(strstr(r.diag.text, i < 2 ? left[i] : "snapshot") != NULL);
        CHECK(strstr(r.diag.text, "secret.key") != NULL);
        same();
        h.fresh = true;
        CHECK(renew(&h) == ERR_CORRUPT);
        CHECK(os_dir_unlink(r.dir, left[i]) == ERR_OK);
        fclose(rig_file(&r, "0000000000000009-0000000000000001-0000000000000003.part", "wb"));
        CHECK(renew(&h) == ERR_OK);
        end();
    }
    EXPECT_MARK("store: vote and log are gone, not all the rest");
}

static void other_node(void)
{
    struct home h;
    struct node_key other = { { 3, 2, 1 } };
    begin();
    CHECK(open_home(8, &h) == ERR_WRONG_NODE);
    CHECK(strstr(r.diag.text, "node 7, not 8") != NULL);
    CHECK(home_open(r.loop.os, r.dir, 7, &other, &h, &r.diag) == ERR_WRONG_NODE);
    CHECK(strstr(r.diag.text, "--secret-key") != NULL);
    same();
    end();
}

static void secret(void)
{
    static const long sizes[] = { 0, 1, 63, 66 };
    uint8_t a[HOME_SECRET_BYTES];
    uint8_t b[HOME_SECRET_BYTES];
    char path[128];
    memset(&r, 0, sizeof r);
    loop_open(&r.loop);
    CHECK(os_dir_open(r.loop.os, r.loop.path, false, &r.dir) == ERR_OK);
    CHECK(home_secret(r.loop.os, r.dir, a, &r.diag) == ERR_OK);
    CHECK(home_secret(r.loop.os, r.dir, b, &r.diag) == ERR_OK);
    CHECK(memcmp(a, b, sizeof a) == 0);
    snprintf(path, sizeof path, "%s/secret.key", r.loop.path);
    CHECK(chmod(path, 0640) == 0);
    CHECK(home_secret(r.loop.os, r.dir, b, &r.diag) == ERR_BAD_PERMISSIONS);
    CHECK(chmod(path, 0600) == 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rig_cut(&r, "secret.key", sizes[i]);
        CHECK(home_secret(r.loop.os, r.dir, b, &r.diag) == ERR_CORRUPT);
        CHECK(strstr(r.diag.text, "secret.key") != NULL);
    }
    end();
}

static void secret_lost(void)
{
    uint8_t a[HOME_SECRET_BYTES];
    begin();
    CHECK(home_secret(r.loop.os, r.dir, a, &r.diag) == ERR_WRONG_NODE);
    CHECK(strstr(r.diag.text, "secret.key is missing") != NULL);
    struct os_stat st;
    CHECK(os_dir_stat(r.dir, "secret.key", &st) == ERR_NO_FILE);
    end();
}

int main(void)
{
    TAP_TEST("home: any byte of the identity may rot, it stays", every_byte);
    TAP_TEST("home: without a whole copy it is refused", both_slots);
    TAP_TEST("home: a lost identity is not made anew where a node has lived", lost);
    TAP_TEST("home: one that was never finished is", unfinished);
    TAP_TEST("home: one that is known to be old is refused from then on", disowned);
    TAP_TEST("home: a directory that holds nothing but its disavowal is refused at once",
             disowned_without_identity);
    TAP_TEST("home: where vote and log are gone it is another incarnation", renewed);
    TAP_TEST("home: not while something of the old one is left", renewed_beside_the_rest);
    TAP_TEST("home: another node's directory is refused with both names", other_node);
    TAP_TEST("home: a secret key that others read or that is damaged is refused", secret);
    TAP_TEST("home: no new key is made beside an identity", secret_lost);
    return tap_done();
}
