/* sim/history_scan.h -- a strict JSON scanner for one line, and the text form of bytes in it.
 *
 * Shape:      a cursor over the line; what fails leaves a sentence in wrong, and stays failed
 * Invariants: reads nothing beyond end; no recursion: nesting is bounded by HISTORY_SCAN_DEPTH_MAX
 * Owns:       nothing; texts are views into the line, or into scratch when they had escapes
 * Thread:     any, pure
 * Why:        a million lines should cost a fraction of a second, and a tree for each does not
 */
#ifndef SIM_HISTORY_SCAN_H
#define SIM_HISTORY_SCAN_H

#include "base/bytes.h"

enum {
    HISTORY_SCAN_DEPTH_MAX = 32,
    HISTORY_ESCAPE_BYTES_MAX = 6 /* one byte as \u00xx */
};

struct history_scan {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t *scratch; /* as long as the line; NULL: a text with escapes fails with needs_scratch */
    size_t used;      /* of scratch */
    bool needs_scratch;
    const char *wrong; /* static text; NULL: nothing yet */
};

/* history_scan_next -- skip blanks; the byte that follows, or 0 at the end. */
uint8_t history_scan_next(struct history_scan *s);

/* history_scan_mark -- skip blanks and one such byte; false when the next one is another. */
bool history_scan_mark(struct history_scan *s, char c);

/* history_scan_text -- a string. */
bool history_scan_text(struct history_scan *s, struct bytes *out);

/* history_scan_text_or_null -- data NULL for null. */
bool history_scan_text_or_null(struct history_scan *s, struct bytes *out);

/* history_scan_u64 -- an integer 0..max without sign, fraction or exponent. */
bool history_scan_u64(struct history_scan *s, uint64_t max, uint64_t *out);

/* history_scan_word -- skip blanks, and null, true or false as given; false when that is not there,
 * and then no word is skipped. */
bool history_scan_word(struct history_scan *s, const char *word);

/* history_scan_skip -- any value. */
bool history_scan_skip(struct history_scan *s);

/* history_scan_put_text -- text in quotes to out, at most HISTORY_ESCAPE_BYTES_MAX a byte and 2. */
void history_scan_put_text(struct writer *out, struct bytes text);

#endif
