/* tests/unit/sim/score.h -- histories in one line of text, for tests.
 *
 * Tokens in the order of time, each one ns after the one before it; a leading + keeps the time:
 *   P:put=V  P:del  P:get  P:cas=OLD>NEW     process P (digits) begins, on key k
 *   P:x.put=V                                ... on key x
 *   P:ok  P:ok=V  P:ok@REV  P:ok=V@REV       the answer to what P has open (get: with =V)
 *   P:fail  P:info
 * V is a letter or a word; - is absent. P:ok! takes another operation's name into the answer, for
 * malformed histories.
 */
#ifndef TESTS_SCORE_H
#define TESTS_SCORE_H

#include "tap.h"

#include "sim/history.h"

enum {
    SCORE_PROCESSES = 64
};

struct score {
    enum history_op op[SCORE_PROCESSES];
    struct bytes key[SCORE_PROCESSES];
    uint64_t t;
};

static size_t score_until(const char *at, const char *ends)
{
    return strcspn(at, ends);
}

static struct bytes score_value(const char *at, size_t count)
{
    return count == 1 && *at == '-' ? bytes_of(NULL, 0) : bytes_of(at, count);
}

/* What follows the colon of an invocation. */
static void score_inv(struct history_row *r, const char *at)
{
    static const char *const names[] = { "get", "put", "del", "cas" };
    if (at[score_until(at, ". ")] == '.') {
        r->key = bytes_of(at, score_until(at, "."));
        at += r->key.count + 1;
    }
    int op = 0;
    while (op < 4 && strncmp(at, names[op], 3) != 0) {
        op++;
    }
    CHECK(op < 4);
    r->op = (enum history_op)op;
    at += 3 + (at[3] == '=');
    if (r->op == HISTORY_CAS) {
        size_t n = score_until(at, ">");
        r->old = score_value(at, n);
        at += n + 1;
    }
    r->value = score_value(at, score_until(at, " "));
}

static void score_answer(struct history_row *r, const char *at)
{
    static const char *const names[] = { "inv", "ok", "fail", "info" };
    int e = 1;
    while (e < 4 && strncmp(at, names[e], strlen(names[e])) != 0) {
        e++;
    }
    CHECK(e < 4);
    r->event = (enum history_event)e;
    at += strlen(names[e]);
    if (*at == '!') {
        r->op = (enum history_op)((r->op + 1) % 4);
        at++;
    }
    if (*at == '=') {
        r->value = score_value(at + 1, score_until(at + 1, "@ "));
        at += 1 + score_until(at + 1, "@ ");
    }
    if (*at == '@') {
        r->revision = strtoll(at + 1, NULL, 10);
    }
}

static void score_play(struct history *h, const char *text)
{
    struct score s;
    memset(&s, 0, sizeof s);
    s.t = 100;
    while (*text != '\0') {
        struct history_row r;
        memset(&r, 0, sizeof r);
        s.t += *text != '+';
        text += *text == '+';
        r.t_ns = s.t;
        r.process = (uint32_t)strtoul(text, NULL, 10);
        CHECK(r.process < SCORE_PROCESSES);
        const char *at = strchr(text, ':');
        CHECK(at != NULL);
        at++;
        r.key = bytes_text("k");
        if (strncmp(at, "ok", 2) == 0 || strncmp(at, "fail", 4) == 0 ||
            strncmp(at, "info", 4) == 0) {
            r.op = s.op[r.process];
            r.key = s.key[r.process].count > 0 ? s.key[r.process] : r.key;
            score_answer(&r, at);
        } else {
            score_inv(&r, at);
            s.op[r.process] = r.op;
            s.key[r.process] = r.key;
        }
        CHECK(history_add(h, &r) == ERR_OK);
        text += score_until(text, " ");
        text += strspn(text, " ");
    }
}

#endif
