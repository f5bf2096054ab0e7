/* cmd/aspen.c -- the command line client: arguments, tables and exit codes. */
#include "cmd/cli.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TIMEOUT_MS = 7000 /* longer than a node takes to say that it could not */
};

struct command {
    const char *name;
    int (*run)(struct cli *cli);
    int arguments_min; /* behind the name */
    int arguments_max;
    const char *usage;
    const char *help;
};

static const struct command commands[] = {
    { "status", cli_status, 0, 0, "status", "every endpoint: role, leader, term, indexes" },
    { "init", cli_init, 0, CLI_ARGS_MAX, "init [ID=ADDR ...]",
      "start a cluster: introduce the endpoints to each other, or the members named" },
    { "cluster", cli_cluster, 0, CLI_ARGS_MAX, "cluster COMMAND ...",
      "members: see aspen cluster" },
    { "put", cli_put, 2, 2, "put KEY VALUE", "write one key" },
    { "get", cli_get, 1, 1, "get KEY [--serializable]", "read one key" },
    { "leader", cli_leader, 0, 0, "leader", "who leads" },
    { "health", cli_health, 0, 0, "health", "is the first reachable endpoint healthy" },
};

static void usage(FILE *to)
{
    fprintf(to, "usage: aspen [options] command [arguments]\n\ncommands\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(to, "  %-26s %s\n", commands[i].usage, commands[i].help);
    }
    fprintf(to, "\noptions\n"
                "  --endpoints URL[,URL...]   also ASPEN_ENDPOINTS; http://127.0.0.1:8080\n"
                "  -o table|json|raw          how results are printed\n"
                "  --timeout SECONDS          for each request; 7\n"
                "  --                         what follows are arguments, dashes or not\n"
                "  --version, --help\n\n"
                "exit codes: 0 done, 1 failed or refused, 2 usage, 3 not found, 4 outcome unknown,"
                " 5 unreachable\n");
}

/* Value of an option given as `--name value` or `--name=value`; NULL when it is another. */
static const char *option(int argc, char **argv, int *i, const char *name)
{
    size_t n = strlen(name);
    if (strcmp(argv[*i], name) == 0) {
        return *i + 1 < argc ? argv[++*i] : ""; /* nothing is no value of any option */
    }
    return strncmp(argv[*i], name, n) == 0 && argv[*i][n] == '=' ? argv[*i] + n + 1 : NULL;
}

static bool output_of(const char *text, enum cli_output *out)
{
    static const char *const names[] = { "table", "json", "raw" };
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum cli_output)i;
            return true;
        }
    }
    return false;
}

static bool seconds_of(const char *text, uint64_t *out_ms)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v > 0) || v > 3600) {
        return false;
    }
    *out_ms = (uint64_t)(v * 1000) + 1;
    return true;
}

/* One argument that begins with a dash; else what to say about it. */
static const char *take_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *v = option(argc, argv, i, "--endpoints");
    if (v != NULL) {
        return cli_endpoints(cli, v) ? NULL : "takes one to 32 URLs, as URL[,URL...]";
    }
    v = option(argc, argv, i, "--timeout");
    if (v != NULL) {
        cli->timeout_given = true;
        return seconds_of(v, &cli->timeout_ms) ? NULL : "takes seconds, up to 3600";
    }
    v = option(argc, argv, i, "-o");
    if (v != NULL) {
        return output_of(v, &cli->output) ? NULL : "takes table, json or raw";
    }
    if (strcmp(argv[*i], "--serializable") == 0) {
        cli->serializable = true;
        return NULL;
    }
    return "this option is not understood";
}

static int parse(struct cli *cli, int argc, char **argv)
{
    bool literal = false; /* after --, everything is an argument */
    for (int i = 1; i < argc; i++) {
        if (literal || argv[i][0] != '-' || argv[i][1] == '\0') {
            if (cli->argc == CLI_ARGS_MAX) {
                fprintf(stderr, "aspen: too many arguments\n");
                return CLI_USAGE;
            }
            cli->argv[cli->argc++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            literal = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            exit(CLI_OK);
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("aspen %s\n", ASPEN_VERSION);
            exit(CLI_OK);
        } else {
            const char *name = argv[i];
            const char *wrong = take_option(cli, argc, argv, &i);
            if (wrong != NULL) {
                fprintf(stderr, "aspen: %s: %s; see aspen --help\n", name, wrong);
                return CLI_USAGE;
            }
        }
    }
    return CLI_OK;
}

static int dispatch(struct cli *cli)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        int given = cli->argc - 1;
        if (strcmp(cli->argv[0], c->name) != 0) {
            continue;
        }
        if (given < c->arguments_min || given > c->arguments_max) {
            fprintf(stderr, "usage: aspen %s\n", c->usage);
            return CLI_USAGE;
        }
        return c->run(cli);
    }
    fprintf(stderr, "aspen: no command %s; see aspen --help\n", cli->argv[0]);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    static struct cli cli;
    const char *env = getenv("ASPEN_ENDPOINTS");
    cli.timeout_ms = TIMEOUT_MS;
    if (!cli_endpoints(&cli, env != NULL && env[0] != '\0' ? env : "http://127.0.0.1:8080")) {
        cli.endpoint_count = 0;
    }
    int rc = parse(&cli, argc, argv);
    if (rc != CLI_OK) {
        return rc;
    }
    if (cli.endpoint_count == 0) { /* and no --endpoints either */
        fprintf(stderr, "aspen: ASPEN_ENDPOINTS takes one to 32 URLs, as URL[,URL...]\n");
        return CLI_USAGE;
    }
    if (cli.argc == 0) {
        usage(stderr);
        return CLI_USAGE;
    }
    rc = dispatch(&cli);
    if (fflush(stdout) != 0 || ferror(stdout)) { /* a disk that is full, a reader that has gone */
        fprintf(stderr, "aspen: the result could not be written\n");
        return rc == CLI_OK ? CLI_FAILED : rc;
    }
    return rc;
}
