/* tests/script/script.h -- reading scripts: words, numbers, sets, links; and the commands. */
#ifndef TESTS_SCRIPT_SCRIPT_H
#define TESTS_SCRIPT_SCRIPT_H

#include "world.h"

enum {
    SCRIPT_WORDS_MAX = 256,
    SCRIPT_LINE_BYTES_MAX = 65536,
    SCRIPT_TIMES_MAX = 100000, /* ticks of one line, all in all */
    SCRIPT_DRIFT_PPM = 200000  /* clocks of scripts run at 0.9 to 1.1: 0.9 / 1.1 is 0.82 */
};

/* What running one line came to. */
enum script_result {
    SCRIPT_OK,
    SCRIPT_FAILED,  /* an expectation does not hold */
    SCRIPT_UNKNOWN, /* not understood: the script cannot be judged */
};

struct script {
    struct world world;
    uint32_t checks;
    uint32_t fails;
    uint32_t count; /* words of the line */
    char *word[SCRIPT_WORDS_MAX];
    char message[1024];
};

/* script_line -- run one line. message says why it failed or was not understood. */
enum script_result script_line(struct script *s, char *line);

/* script_expect -- the line is an `expect`. */
enum script_result script_expect(struct script *s);

/* script_say -- set the message; returns result. */
enum script_result script_say(struct script *s, enum script_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* script_u64 -- a whole number, nothing behind it. */
bool script_u64(const char *text, uint64_t *out);

/* script_count -- how often, or how many ticks: not more than SCRIPT_TIMES_MAX. */
bool script_count(const char *text, uint64_t *out);

/* script_any_id -- an id, be there such a node or not. */
bool script_any_id(const char *text, uint64_t *out);

/* script_id -- the id of a node that exists. */
bool script_id(const struct script *s, const char *text, uint64_t *out);

/* script_ids -- "1,2,3" into a mask of bits; every node must exist. */
bool script_ids(const struct script *s, const char *text, uint64_t *out_mask);

/* script_members -- ids of nodes that need not be there, so many at most, none twice: *seen has a
 * bit for each. */
bool script_members(const char *text, uint64_t *ids, uint8_t most, uint8_t *count, uint64_t *seen);

/* script_link -- "A>B", * for any (0); a node that is not there yet has links, none has one to
 * itself. */
bool script_link(const char *text, uint64_t *out_a, uint64_t *out_b);

/* script_type -- name of a message type; 0 when there is none such. */
int script_type(const char *text);

/* script_option -- value of "name=value", or NULL. */
const char *script_option(const char *text, const char *name);

/* script_twice -- two options of the line have one name. */
bool script_twice(const struct script *s);

/* script_is_text -- UTF-8, whole and in its shortest form. */
bool script_is_text(const char *line);

/* script_tell -- print " key=value" of a node that is up. */
void script_tell(const struct script *s, uint64_t id, const char *key);

#endif
