/* tests/script/words.c -- the parts that lines are made of. */
#include "script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WORD_BYTES = 24 /* of a number in a list */
};

enum script_result script_say(struct script *s, enum script_result result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(s->message, sizeof s->message, format, args);
    va_end(args);
    return result;
}

bool script_u64(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

bool script_count(const char *text, uint64_t *out)
{
    return script_u64(text, out) && *out <= SCRIPT_TIMES_MAX;
}

bool script_any_id(const char *text, uint64_t *out)
{
    return script_u64(text, out) && *out >= 1 && *out <= WORLD_NODES_MAX;
}

bool script_id(const struct script *s, const char *text, uint64_t *out)
{
    return script_any_id(text, out) && s->world.node[*out].exists;
}

/* The next word of a list, without its comma; false: there is none, or no number is that long. */
static bool list_word(const char **text, char word[static WORD_BYTES], bool *out_more)
{
    size_t n = strcspn(*text, ",");
    if (n == 0 || n >= WORD_BYTES) {
        return false;
    }
    memcpy(word, *text, n);
    word[n] = '\0';
    *out_more = (*text)[n] == ',';
    *text += n + 1;
    return true;
}

bool script_ids(const struct script *s, const char *text, uint64_t *out_mask)
{
    bool more = true;
    *out_mask = 0;
    while (more) {
        char word[WORD_BYTES];
        uint64_t id = 0;
        if (!list_word(&text, word, &more) || !script_id(s, word, &id)) {
            return false;
        }
        *out_mask |= 1ull << id;
    }
    return true;
}

bool script_members(const char *text, uint64_t *ids, uint8_t most, uint8_t *count, uint64_t *seen)
{
    bool more = true;
    while (more) {
        char word[WORD_BYTES];
        uint64_t id = 0;
        if (!list_word(&text, word, &more) || !script_any_id(word, &id) || *count == most ||
            (*seen & 1ull << id) != 0) {
            return false;
        }
        *seen |= 1ull << id;
        ids[(*count)++] = id;
    }
    return true;
}

static bool end_of_link(const char *text, size_t n, uint64_t *out)
{
    char word[24];
    if (n == 0 || n >= sizeof word) {
        return false;
    }
    memcpy(word, text, n);
    word[n] = '\0';
    if (strcmp(word, "*") == 0) {
        *out = 0;
        return true;
    }
    return script_any_id(word, out);
}

bool script_link(const char *text, uint64_t *out_a, uint64_t *out_b)
{
    const char *arrow = strchr(text, '>');
    return arrow != NULL && end_of_link(text, (size_t)(arrow - text), out_a) &&
           end_of_link(arrow + 1, strlen(arrow + 1), out_b) && (*out_a != *out_b || *out_a == 0);
}

int script_type(const char *text)
{
    static const struct {
        const char *name;
        int type;
    } rows[] = {
        { "prevote", RAFT_MSG_PREVOTE },
        { "prevote_reply", RAFT_MSG_PREVOTE_REPLY },
        { "prevoteresp", RAFT_MSG_PREVOTE_REPLY },
        { "vote", RAFT_MSG_VOTE },
        { "vote_reply", RAFT_MSG_VOTE_REPLY },
        { "voteresp", RAFT_MSG_VOTE_REPLY },
        { "append", RAFT_MSG_APPEND },
        { "app", RAFT_MSG_APPEND },
        { "append_reply", RAFT_MSG_APPEND_REPLY },
        { "appendresp", RAFT_MSG_APPEND_REPLY },
        { "appresp", RAFT_MSG_APPEND_REPLY },
        { "heartbeat", RAFT_MSG_HEARTBEAT },
        { "heartbeat_reply", RAFT_MSG_HEARTBEAT_REPLY },
        { "heartbeatresp", RAFT_MSG_HEARTBEAT_REPLY },
        { "read", RAFT_MSG_READ },
        { "read_reply", RAFT_MSG_READ_REPLY },
        { "readresp", RAFT_MSG_READ_REPLY },
        { "reminder", RAFT_MSG_REMINDER },
        { "timeout_now", RAFT_MSG_TIMEOUT_NOW },
        { "timeoutnow", RAFT_MSG_TIMEOUT_NOW },
        { "snapshot", RAFT_MSG_SNAPSHOT },
        { "snap", RAFT_MSG_SNAPSHOT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(text, rows[i].name) == 0) {
            return rows[i].type;
        }
    }
    return 0;
}

const char *script_option(const char *text, const char *name)
{
    size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && text[n] == '=' ? text + n + 1 : NULL;
}

bool script_twice(const struct script *s)
{
    for (uint32_t i = 1; i < s->count; i++) {
        const char *equals = strchr(s->word[i], '=');
        for (uint32_t k = 1; equals != NULL && k < i; k++) {
            if (strncmp(s->word[i], s->word[k], (size_t)(equals - s->word[i]) + 1) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool script_is_text(const char *line)
{
    const unsigned char *c = (const unsigned char *)line;
    while (*c != '\0') {
        unsigned more = *c < 0x80 ? 0 : *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : 1;
        uint32_t low = more == 3 ? 0x10000 : more == 2 ? 0x800 : more == 1 ? 0x80 : 0;
        uint32_t point = more == 0 ? *c : *c & (0x3fu >> more);
        if (more > 0 && (*c < 0xc0 || *c >= 0xf8)) {
            return false;
        }
        for (c++; more > 0; more--, c++) {
            if ((*c & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (*c & 0x3fu);
        }
        if (point < low || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
            return false;
        }
    }
    return true;
}
