/* tests/unit/sim/test_run.c -- Subject: one world that is run and told of. Method: the story that
 * it is compared with is another one.
 */
#include "tap.h"

#include "sim/artifact.h"
#include "sim/run.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/aspen-test-run-XXXXXX";

/* What the only artifact there says, which is removed. */
static void take_artifact(char *out, size_t bytes)
{
    DIR *d = opendir(dir);
    uint32_t count = 0;
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.') {
            continue;
        }
        count++;
        FILE *f = fopen(path, "r");
        CHECK(f != NULL);
        out[fread(out, 1, bytes - 1, f)] = '\0';
        fclose(f);
        unlink(path);
    }
    closedir(d);
    CHECK_U64(count, 1);
}

static void another_story(void)
{
    static char text[1 << 20];
    struct sim_request r = { .artifact = dir, .twice = true };
    struct sim_options o = { .seed = 5, .nodes = 1, .virtual_ns = SIM_S };
    struct sim_outcome first;
    struct sim_outcome out;
    CHECK(mkdtemp(dir) != NULL);
    sim_run_world(&r, &o, NULL, &first);
    take_artifact(text, sizeof text);
    CHECK(!first.failed && !first.unwritten && strstr(text, "\"passed\"") != NULL);
    sim_run_world(&r, &o, &first, &out);
    take_artifact(text, sizeof text);
    CHECK(!out.failed && strstr(text, "\"passed\"") != NULL);
    first.hash ^= 1;
    sim_run_world(&r, &o, &first, &out);
    take_artifact(text, sizeof text);
    CHECK(out.failed && strstr(out.failure, "different stories") != NULL);
    CHECK(strstr(text, "\"failed\"") != NULL && strstr(text, out.failure) != NULL);
    CHECK(strstr(text, "\"aspen-sim --seed 5 --nodes 1 --minutes 0.016667 --twice\"") != NULL);
    rmdir(dir);
    sim_run_world(&r, &o, NULL, &out);
    CHECK(!out.failed && out.unwritten);
}

/* A history that nobody could judge is said to be one, of one seed too. */
static void undecided(void)
{
    struct sim_options o = { .seed = 5 };
    struct sim_outcome out = { .nodes = 3 };
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        size_t bytes = 0;
        FILE *f = open_memstream(&text, &bytes);
        CHECK(f != NULL);
        out.undecided = i == 1;
        sim_run_tell(&o, &out, f);
        fclose(f);
        CHECK(strstr(text, "seed 5: no finding, ") == text);
        CHECK((strstr(text, ", history undecided") != NULL) == out.undecided);
        free(text);
    }
}

int main(void)
{
    TAP_TEST("run: another story than the first time is a finding, in its artifact too",
             another_story);
    TAP_TEST("run: a history that nobody could judge is told of", undecided);
    return tap_done();
}
