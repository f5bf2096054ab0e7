/* sim/aspen-lincheck.c -- the judge of client histories as a program: arguments, one line a file,
 * exit codes. */
#include "sim/history_scan.h"
#include "sim/lincheck.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EXIT_GOOD = 0,
    EXIT_BAD = 1,
    EXIT_MALFORMED = 2, /* and wrong usage, and what cannot be read */
    EXIT_UNKNOWN = 3,
    PIECE_BYTES = 256 * 1024,
    SHOWN_BYTES = 512 /* of a name or a key, escaped */
};

#define MEMORY_BYTES ((size_t)4 << 30) /* of one file's history and its judgement */

struct program {
    struct lincheck_options options;
    bool json;
    int files;
    int bad, malformed, unknown;
};

static void usage(FILE *to)
{
    fprintf(to,
            "usage: aspen-lincheck [--states N] [--json] FILE...\n\n"
            "Says of each client history (JSON lines; - is standard input) whether it is\n"
            "linearizable, one line a file.\n\n"
            "  --states N   give up (unknown) after N states of search; %d\n"
            "  --json       the lines as JSON objects\n"
            "  --help, --version\n\n"
            "exit codes: 0 all good, 1 one is bad, else 2 usage or one is malformed or without\n"
            "operations or what was said could not be written, else 3 one is unknown\n",
            LINCHECK_STATES_DEFAULT);
}

/* A text for people: in quotes, escaped, cut. */
static void print_text(struct bytes text)
{
    uint8_t room[HISTORY_ESCAPE_BYTES_MAX * SHOWN_BYTES + 8];
    struct writer w = writer_of(room, sizeof room);
    text.count = text.count < SHOWN_BYTES ? text.count : SHOWN_BYTES;
    history_scan_put_text(&w, text);
    fwrite(w.data, 1, w.offset, stdout);
}

static void print_json(const char *file, const struct lincheck_result *r)
{
    printf("{\"file\":");
    print_text(bytes_text(file));
    printf(",\"verdict\":\"%s\",\"keys\":%" PRIu64 ",\"ops\":%" PRIu64 ",\"searched\":%" PRIu64
           ",\"states\":%" PRIu64,
           lincheck_verdict_name(r->verdict), r->keys, r->ops, r->searched, r->states);
    if (r->key.count > 0) {
        printf(",\"key\":");
        print_text(r->key);
    }
    if (r->row > 0) {
        printf(",\"event\":%" PRIu32 ",\"p\":%" PRIu32 ",\"t\":%" PRIu64, r->row, r->process,
               r->t_ns);
    }
    if (r->reason[0] != '\0') {
        printf(",\"reason\":");
        print_text(bytes_text(r->reason));
    }
    printf("}\n");
}

static void print_line(const char *file, const struct lincheck_result *r)
{
    printf("%s %s: ", lincheck_verdict_name(r->verdict), file);
    if (r->key.count > 0) {
        printf("key ");
        print_text(r->key);
        printf(", ");
    }
    if (r->row > 0) {
        printf("process %" PRIu32 " at t %" PRIu64 " (event %" PRIu32 "), ", r->process, r->t_ns,
               r->row);
    }
    if (r->reason[0] != '\0') {
        printf("%s; ", r->reason);
    }
    printf("%" PRIu64 " operations on %" PRIu64 " keys, %" PRIu64 " searched in %" PRIu64
           " states\n",
           r->ops, r->keys, r->searched, r->states);
}

static enum err read_stream(FILE *in, struct history_reader *reader, struct diag *diag)
{
    struct mem *mem = reader->history->mem;
    uint8_t *piece = mem_take(mem, PIECE_BYTES);
    size_t count = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK && (count = fread(piece, 1, PIECE_BYTES, in)) > 0) {
        e = history_reader_feed(reader, bytes_of(piece, count), diag);
    }
    mem_free(mem, piece);
    if (e == ERR_OK && ferror(in)) {
        return diag_set(diag, ERR_IO, "%s", strerror(errno));
    }
    return e == ERR_OK ? history_reader_end(reader, diag) : e;
}

static enum err read_file(const char *file, struct history *h, struct diag *diag)
{
    bool standard = strcmp(file, "-") == 0;
    FILE *in = standard ? stdin : fopen(file, "rb");
    if (in == NULL) {
        return diag_set(diag, ERR_NO_FILE, "%s", strerror(errno));
    }
    struct history_reader reader;
    history_reader_init(&reader, h);
    enum err e = read_stream(in, &reader, diag);
    history_reader_done(&reader);
    if (!standard) {
        fclose(in);
    }
    return e;
}

static void judge(struct program *p, const char *file)
{
    struct mem mem;
    struct history h;
    struct diag diag;
    struct lincheck_result r;
    mem_init(&mem, "history", MEMORY_BYTES);
    history_init(&h, &mem);
    enum err e = read_file(file, &h, &diag);
    if (e == ERR_OK) {
        lincheck_run(&h, &mem, &p->options, &r);
        if (r.ops == 0 && r.verdict == LINCHECK_GOOD) {
            r.verdict = LINCHECK_MALFORMED; /* whoever wrote it has failed: nothing was judged */
            snprintf(r.reason, sizeof r.reason, "no operations");
        }
    } else {
        memset(&r, 0, sizeof r);
        bool room = e != ERR_NO_MEMORY && e != ERR_QUEUE_FULL;
        r.verdict = room ? LINCHECK_MALFORMED : LINCHECK_UNKNOWN;
        snprintf(r.reason, sizeof r.reason, "%s", diag.text);
    }
    (p->json ? print_json : print_line)(file, &r);
    p->files++;
    p->bad += r.verdict == LINCHECK_BAD;
    p->malformed += r.verdict == LINCHECK_MALFORMED;
    p->unknown += r.verdict == LINCHECK_UNKNOWN;
    history_done(&h);
}

static bool states_of(const char *text, uint64_t *out)
{
    struct history_scan s = { .at = (const uint8_t *)text,
                              .end = (const uint8_t *)text + strlen(text) };
    return history_scan_u64(&s, UINT64_MAX, out) && s.at == s.end && *out > 0;
}

/* The options; false: wrong. argv is left with the files, NULL after the last one. */
static bool options(struct program *p, char **argv)
{
    char **files = argv;
    bool good = true;
    for (char **arg = argv; *arg != NULL && good; arg++) {
        if (strcmp(*arg, "--json") == 0) {
            p->json = true;
        } else if (strcmp(*arg, "--states") == 0) {
            good = arg[1] != NULL && states_of(arg[1], &p->options.states_max);
            arg += good;
        } else if (strncmp(*arg, "--states=", 9) == 0) {
            good = states_of(*arg + 9, &p->options.states_max);
        } else if ((*arg)[0] == '-' && (*arg)[1] != '\0') {
            good = false;
        } else {
            *files++ = *arg;
        }
    }
    *files = NULL;
    return good;
}

/* A verdict that nobody could hear is none. */
static int leave(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    fputs("aspen-lincheck: cannot write to standard output\n", stderr);
    return code == EXIT_BAD ? code : EXIT_MALFORMED;
}

int main(int argc, char **argv)
{
    struct program p;
    memset(&p, 0, sizeof p);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return leave(EXIT_GOOD);
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("aspen-lincheck %s\n", ASPEN_VERSION);
            return leave(EXIT_GOOD);
        }
    }
    if (argc < 2 || !options(&p, argv + 1) || argv[1] == NULL) {
        usage(stderr);
        return EXIT_MALFORMED;
    }
    for (char **file = argv + 1; *file != NULL; file++) {
        judge(&p, *file);
        fflush(stdout);
    }
    return leave(p.bad > 0         ? EXIT_BAD
                 : p.malformed > 0 ? EXIT_MALFORMED
                 : p.unknown > 0   ? EXIT_UNKNOWN
                                   : EXIT_GOOD);
}
