/* tests/unit/node/test_examples.c -- every file of examples/ is a configuration without mistakes.
 *
 * Subject: the files of examples/, and node/config.c
 * Method:  as --check-config does, with the folder as the argument of the program; files of one
 *          cluster must differ in what cannot be shared
 */
#include "node/config_rows.h"

#include "tap.h"

#include <dirent.h>

enum {
    FILES_MAX = 64
};

static const char *folder;
static char names[FILES_MAX][256];
static int name_count;
static struct config config[FILES_MAX];
static struct config_report report;

static enum err file_read(void *arg, const char *path, char *out, size_t max, size_t *out_count)
{
    (void)arg;
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return ERR_NO_FILE;
    }
    *out_count = fread(out, 1, max, f);
    fclose(f);
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void test_found(void)
{
    DIR *d = opendir(folder);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        size_t n = strlen(e->d_name);
        if (n > 5 && strcmp(e->d_name + n - 5, ".toml") == 0 && name_count < FILES_MAX) {
            strcpy(names[name_count++], e->d_name);
        }
    }
    closedir(d);
    qsort(names, (size_t)name_count, sizeof names[0], by_name);
    CHECK(name_count >= 9);
}

static void test_each(void)
{
    for (int i = 0; i < name_count; i++) {
        char path[1024];
        int n = snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        CHECK(n > 0 && (size_t)n < sizeof path);
        const char *const argv[] = { "aspen-node", "--check-config", "--config", path };
        struct config_source src = { .argc = 4, .argv = argv, .file_read = file_read };
        struct mem mem;
        mem_init(&mem, "config", CONFIG_MEM_BYTES);
        if (config_load(&src, &mem, &config[i], &report) != ERR_OK) {
            printf("# %s: %s\n", names[i], report.issue[0].text);
            CHECK(false);
        }
        CHECK(config_exit_code(&report) == CONFIG_EXIT_OK);
    }
}

/* Files whose names differ only in their last number are one cluster. */
static bool same_cluster(const char *a, const char *b)
{
    size_t n = strlen(a);
    return n == strlen(b) && n > 7 && a[n - 7] == '-' && strncmp(a, b, n - 7) == 0;
}

static void test_clusters(void)
{
    int pairs = 0;
    for (int i = 0; i < name_count; i++) {
        for (int k = 0; k < i; k++) {
            if (!same_cluster(names[i], names[k])) {
                continue;
            }
            pairs++;
            CHECK(config[i].node_id != config[k].node_id);
            CHECK(strcmp(config[i].data_dir, config[k].data_dir) != 0);
            CHECK(strcmp(config[i].cookie, config[k].cookie) == 0);
            CHECK(config[i].http_addr.port != config[k].http_addr.port);
            CHECK(config[i].port == 0 || config[i].port != config[k].port);
            CHECK(!os_addr_equal(&config[i].bind.addr[0], &config[k].bind.addr[0]));
        }
    }
    CHECK_U64(pairs, 3 + 10);
}

/* The file that promises every key has a line for each, as a comment where two exclude others. */
static void test_every_key(void)
{
#define CONFIG_TOML(KEY, field, type, flag, alias, toml, ...) toml,
    static const char *const keys[] = { CONFIG_ROWS(CONFIG_TOML) };
    static char text[16384];
    char path[1024];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/every-key.toml", folder);
    CHECK(file_read(NULL, path, text + 1, sizeof text - 2, &count) == ERR_OK);
    text[0] = '\n';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char live[64];
        char quiet[64];
        snprintf(live, sizeof live, "\n%s = ", keys[i]);
        snprintf(quiet, sizeof quiet, "\n# %s = ", keys[i]);
        bool has = strstr(text, live) != NULL || strstr(text, quiet) != NULL;
        if (!has) {
            printf("# every-key.toml has no line for %s\n", keys[i]);
        }
        CHECK(has);
    }
}

int main(int argc, char **argv)
{
    folder = argc > 1 ? argv[1] : "examples";
    TAP_TEST("examples: one, three and five nodes are there", test_found);
    TAP_TEST("examples: every file passes --check-config", test_each);
    TAP_TEST("examples: nodes of one cluster share the cookie and nothing else", test_clusters);
    TAP_TEST("examples: the file of every key has every key", test_every_key);
    return tap_done();
}
