/* tests/unit/sim/test_run.c -- Subject: one world that is run and told of. Method: the story that
 * it is compared with is another one; with --quic a library asks the test for chance, and panics.
 */
#include "tap.h"

#include "base/panic.h"
#include "base/prng.h"
#include "sim/artifact.h"
#include "sim/run.h"

#include <dirent.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/aspen-test-run-XXXXXX";

/* What GnuTLS draws is asked of us: the place in a world where this test lets an assertion fail.
 * Each world is a process here, and all of them count. */
static struct prng chance = { { 1, 2, 3, 4 } };
static uint32_t *worlds;      /* shared; NULL: nothing fails */
static uint32_t other_worlds; /* from that one on another assertion fails */
static uint64_t panic_ns;     /* nothing fails earlier in a world */
static const uint64_t *world_ns;

int gnutls_rnd(gnutls_rnd_level_t level, void *data, size_t count)
{
    (void)level;
    bool due = world_ns != NULL && *world_ns >= panic_ns;
    if (worlds != NULL && *worlds >= other_worlds && due) {
        PANIC("an apple is a \"pear\"");
    }
    if (worlds != NULL && *worlds > 0 && due) {
        PANIC("two and two are five");
    }
    prng_fill(&chance, data, count);
    return 0;
}

static void count_worlds(uint64_t seed, const uint64_t *now_ns)
{
    (void)seed;
    *worlds += now_ns != NULL;
    world_ns = now_ns;
}

/* What the artifacts there say, one after the other; they are removed. */
static uint32_t take_artifacts(char *out, size_t bytes)
{
    DIR *d = opendir(dir);
    uint32_t count = 0;
    size_t have = 0;
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
        have += fread(out + have, 1, bytes - 1 - have, f);
        fclose(f);
        unlink(path);
    }
    closedir(d);
    out[have] = '\0';
    return count;
}

static void take_artifact(char *out, size_t bytes)
{
    CHECK_U64(take_artifacts(out, bytes), 1);
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

static void begin_panics(void)
{
    memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
    CHECK(mkdtemp(dir) != NULL);
    worlds = mmap(NULL, sizeof *worlds, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(worlds != MAP_FAILED);
}

static void end_panics(void)
{
    munmap(worlds, sizeof *worlds);
    worlds = NULL;
    rmdir(dir);
}

/* A world that panics, in a process of its own; what it prints goes to out. */
static void panics(const struct sim_request *r, uint32_t other, char *out, size_t bytes)
{
    int ends[2];
    int status = 0;
    size_t have = 0;
    *worlds = 0;
    other_worlds = other;
    CHECK(pipe(ends) == 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct sim_outcome never;
        dup2(ends[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        sim_run_world(r, &r->world, NULL, &never);
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n = 1; n > 0 && have<bytes - 1; have += n> 0 ? (size_t)n : 0) {
        n = read(ends[0], out + have, bytes - 1 - have);
    }
    out[have] = '\0';
    close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

/* The last line that replays a world, without its end. */
static const char *last_replay(char *said)
{
    char *line = said;
    for (char *next = said; next != NULL; next = strstr(next + 1, "replay: ")) {
        line = next;
    }
    line[strcspn(line, "\n")] = '\0';
    CHECK(strncmp(line, "replay: ", 8) == 0);
    return line + 8;
}

/* What failed is in the artifact, not only that something did; and a world is the smaller one of
 * that finding only when the same thing fails in it. */
static void what_panicked(void)
{
    static char text[1 << 20];
    static char said[1 << 16];
    struct sim_request r = { .artifact = dir, .shrink = true };
    r.world = (struct sim_options){ .seed = 5,
                                    .nodes = 3,
                                    .virtual_ns = SIM_S,
                                    .faults_off = sim_fault_bit(SIM_FAULT_COUNT) - 1,
                                    .quic = true,
                                    .chance = count_worlds };
    begin_panics();
    panic_ns = 0;
    panics(&r, UINT32_MAX, said, sizeof said);
    CHECK_U64(take_artifacts(text, sizeof text), 2); /* the smallest world's too */
    CHECK(strstr(text, "\"failed\"") != NULL && strstr(text, "test_run.c:") != NULL);
    CHECK(strstr(text, ": two and two are five\"") != NULL);
    CHECK(strstr(said, "smallest world") != NULL && strstr(said, "--nodes 3") == NULL);
    CHECK(*worlds > 5);
    panics(&r, 3, said, sizeof said); /* it comes again, and then only another one */
    take_artifact(text, sizeof text);
    CHECK(strstr(text, ": two and two are five\"") != NULL);
    CHECK(strstr(said, "smallest world") != NULL);
    CHECK(strstr(said, "replay: aspen-sim --seed 5 --nodes 3 --minutes 0.016667 ") != NULL);
    CHECK(*worlds > 5);
    panics(&r, 1, said, sizeof said);
    CHECK_U64(take_artifacts(text, sizeof text), 2);
    CHECK(strstr(text, ": an apple is a \\\"pear\\\"\"") != NULL);
    end_panics();
}

/* It has a story of its own, and a file as any run. */
static void smallest_that_panics(void)
{
    static char text[1 << 22];
    static char said[1 << 16];
    char replay[256];
    struct sim_request r = { .artifact = dir, .shrink = true };
    r.world = (struct sim_options){
        .seed = 5, .nodes = 3, .virtual_ns = 4 * SIM_S, .quic = true, .chance = count_worlds
    };
    begin_panics();
    panic_ns = SIM_S / 2;
    panics(&r, UINT32_MAX, said, sizeof said);
    CHECK_U64(take_artifacts(text, sizeof text), 2);
    CHECK(strstr(text, "\"aspen-sim --seed 5 --nodes 3 --minutes 0.066667 --quic\"") != NULL);
    snprintf(replay, sizeof replay, "\"replay\": \"%s\"", last_replay(said));
    const char *at = strstr(text, replay);
    CHECK(at != NULL && strstr(replay, "--minutes 0.066667") == NULL);
    CHECK(strstr(at, ": two and two are five\"") != NULL);
    end_panics();
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
    TAP_TEST("run: an artifact says what panicked, and no other panic is taken for it",
             what_panicked);
    TAP_TEST("run: the smallest world that panics has its artifact too", smallest_that_panics);
    TAP_TEST("run: a history that nobody could judge is told of", undecided);
    return tap_done();
}
