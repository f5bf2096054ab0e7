/* sim/options.c -- reading and writing the command line. */
#include "sim/options.h"

#include "base/ids.h"

#include <stdlib.h>

enum {
    OPTIONS_MINUTE_MS = 60000,
    OPTIONS_MINUTES_MAX = 10000,
    OPTIONS_MINUTE_PARTS = 1000000 /* six decimals: fifteen times finer than a millisecond */
};

static const char options_help[] =
    "usage: aspen-sim [--seed N] [options]\n"
    "\n"
    "A whole cluster in one thread under one seed: whole nodes over a simulated network, disk\n"
    "and clock, with faults, clients and judges. Without --seed it goes on with fresh seeds until\n"
    "it is told to stop. Exit: 0 no finding, 1 a finding, 2 usage, or a file was not written.\n"
    "\n"
    "  --seed N            this seed; the same seed gives the same story, on any machine\n"
    "  --seeds K           K seeds, from --seed on\n"
    "  --for SECONDS       no new seed when so much time of day has passed\n"
    "  --nodes N           1..9 nodes (default: drawn)\n"
    "  --minutes M         virtual minutes in which things go wrong, to the ms (default 2)\n"
    "  --until EVENT       stop after that event of the story\n"
    "  --without A,B       leave fault classes out\n"
    "  --all-faults        no fault class is switched off by the draw\n"
    "  --quic              real QUIC over simulated UDP instead of messages\n"
    "  --trace             print every event as it comes\n"
    "  --log               print the nodes' own log lines\n"
    "  --twice             run each seed twice and compare the stories\n"
    "  --bench             five nodes (or --nodes), all faults, ten minutes a seed, from --seed\n"
    "                      on, for ten seconds: virtual time per processor time of one core\n"
    "  --keep-going        go on with the next seed after a finding (a panic ends it anyway)\n"
    "  --shrink            make a failing seed smaller before it is reported\n"
    "  --artifact DIR      write a JSON file about each run; it is made\n"
    "  --history FILE      write what the clients of one seed saw, for aspen-lincheck\n"
    "                      (- is no file: standard output tells of the world)\n"
    "  --marks             count the rare paths that were reached (a build with -Dmarks=true)\n"
    "  --list              the fault classes\n";

static int mistake(const char *what, const char *value)
{
    fprintf(stderr, "aspen-sim: %s: '%s'; see --help\n", what, value);
    return 2;
}

static bool number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    return text != NULL && ids_u64(bytes_text(text), out) == ERR_OK && *out >= least &&
           *out <= most;
}

/* Decimal digits with one point or none; what else strtod would take is a slip of the hand. */
static bool minutes(const char *text, uint64_t *out_ns)
{
    char *end = NULL;
    if (text == NULL || text[strspn(text, "0123456789.")] != '\0') {
        return false;
    }
    double m = strtod(text, &end);
    if (*end != '\0' || !(m > 0) || m > OPTIONS_MINUTES_MAX) {
        return false;
    }
    *out_ns = (uint64_t)(m * OPTIONS_MINUTE_MS + 0.5) * SIM_MS;
    return *out_ns > 0;
}

/* Whole milliseconds, so that reading it gives the same ones. */
static void print_minutes(uint64_t ns, FILE *out)
{
    char decimals[16];
    uint64_t ms = ns / SIM_MS;
    uint64_t part = ms % OPTIONS_MINUTE_MS * OPTIONS_MINUTE_PARTS;
    int n = snprintf(decimals, sizeof decimals, ".%06llu",
                     (unsigned long long)((part + OPTIONS_MINUTE_MS / 2) / OPTIONS_MINUTE_MS));
    while (n > 0 && (decimals[n - 1] == '0' || decimals[n - 1] == '.')) {
        decimals[--n] = '\0';
    }
    fprintf(out, " --minutes %llu%s", (unsigned long long)(ms / OPTIONS_MINUTE_MS), decimals);
}

static bool without(const char *text, uint64_t *out)
{
    struct bytes rest = bytes_text(text == NULL ? "" : text);
    bool more = true; /* a name follows: an empty one is none */
    while (more) {
        char name[32] = "";
        size_t n = 0;
        while (n < rest.count && rest.data[n] != ',') {
            n++;
        }
        if (n == 0 || n >= sizeof name) {
            return false;
        }
        memcpy(name, rest.data, n);
        enum sim_fault_class class = sim_fault_find(name);
        if (class == SIM_FAULT_COUNT) {
            return false;
        }
        *out |= sim_fault_bit(class);
        more = n < rest.count;
        n += more ? 1 : 0;
        rest = bytes_of(rest.data + n, rest.count - n);
    }
    return true;
}

/* One option that takes a value; false: it is none, or the value is wrong (*wrong). */
static bool valued(const char *name, const char *value, struct sim_request *r, bool *wrong)
{
    uint64_t n = 0;
    bool good = true;
    if (strcmp(name, "--seed") == 0) {
        good = number(value, 0, UINT64_MAX, &r->world.seed);
        r->seeded = true;
    } else if (strcmp(name, "--seeds") == 0) {
        good = number(value, 1, UINT64_MAX, &r->seeds);
    } else if (strcmp(name, "--for") == 0) {
        good = number(value, 1, UINT64_MAX / SIM_S, &r->for_s);
    } else if (strcmp(name, "--nodes") == 0) {
        good = number(value, 1, SIM_NODES_MAX, &n);
        r->world.nodes = (uint32_t)n;
    } else if (strcmp(name, "--minutes") == 0) {
        good = minutes(value, &r->world.virtual_ns);
        r->timed = true;
    } else if (strcmp(name, "--until") == 0) {
        good = number(value, 1, UINT64_MAX, &r->world.events_max);
    } else if (strcmp(name, "--without") == 0) {
        good = without(value, &r->world.faults_off);
    } else if (strcmp(name, "--artifact") == 0) {
        r->artifact = value;
    } else if (strcmp(name, "--history") == 0) {
        r->history = value;
    } else {
        return false;
    }
    *wrong = !good || value == NULL;
    return true;
}

static bool plain(const char *name, struct sim_request *r)
{
    if (strcmp(name, "--quic") == 0) {
        r->world.quic = true;
    } else if (strcmp(name, "--all-faults") == 0) {
        r->world.faults_all = true;
    } else if (strcmp(name, "--trace") == 0) {
        r->world.trace = stdout;
    } else if (strcmp(name, "--log") == 0) {
        r->world.node_log = stderr;
    } else if (strcmp(name, "--twice") == 0) {
        r->twice = true;
    } else if (strcmp(name, "--bench") == 0) {
        r->bench = true;
    } else if (strcmp(name, "--shrink") == 0) {
        r->shrink = true;
    } else if (strcmp(name, "--marks") == 0) {
        r->marks = true;
    } else if (strcmp(name, "--keep-going") == 0) {
        r->keep_going = true;
    } else {
        return false;
    }
    return true;
}

bool sim_options_one(const struct sim_request *r)
{
    return !r->bench && (r->seeds == 1 || (r->seeds == 0 && r->seeded));
}

static int list_classes(void)
{
    for (int c = 0; c < SIM_FAULT_COUNT; c++) {
        puts(sim_fault_name((enum sim_fault_class)c));
    }
    return 0;
}

/* Options that do not go together; -1: they do. */
static int together(const struct sim_request *r)
{
    if (r->bench && (r->timed || r->seeds != 0 || r->for_s != 0)) {
        return mistake("no --minutes, --seeds or --for goes with", "--bench");
    }
    if (r->history != NULL && !sim_options_one(r)) {
        return mistake("no more than one seed goes with", "--history");
    }
    if (r->history != NULL && strcmp(r->history, "-") == 0) {
        return mistake("standard output is no file for --history", r->history);
    }
    return -1;
}

int sim_options_parse(int argc, char **argv, struct sim_request *out)
{
    memset(out, 0, sizeof *out);
    out->world.virtual_ns = 120 * SIM_S;
    out->table = true;
    bool list = false;
    for (int i = 1; i < argc; i++) {
        bool wrong = false;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(options_help, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--list") == 0) {
            list = true;
            continue;
        }
        if (plain(argv[i], out)) {
            continue;
        }
        if (!valued(argv[i], argv[i + 1], out, &wrong)) {
            return mistake("unknown option", argv[i]);
        }
        if (wrong) {
            return mistake(argv[i], argv[i + 1] == NULL ? "" : argv[i + 1]);
        }
        i++;
    }
    int code = together(out);
    return code == -1 && list ? list_classes() : code;
}

void sim_options_print(const struct sim_options *o, bool twice, FILE *out)
{
    const char *before = " --without ";
    fprintf(out, "aspen-sim --seed %llu", (unsigned long long)o->seed);
    if (o->nodes != 0) {
        fprintf(out, " --nodes %u", o->nodes);
    }
    print_minutes(o->virtual_ns, out);
    for (int c = 0; c < SIM_FAULT_COUNT; c++) {
        if ((o->faults_off & sim_fault_bit((enum sim_fault_class)c)) != 0) {
            fprintf(out, "%s%s", before, sim_fault_name((enum sim_fault_class)c));
            before = ",";
        }
    }
    if (o->faults_all) {
        fputs(" --all-faults", out);
    }
    if (o->events_max != 0) {
        fprintf(out, " --until %llu", (unsigned long long)o->events_max);
    }
    fprintf(out, "%s%s", o->quic ? " --quic" : "", twice ? " --twice" : "");
}
