/* store/log_terms.h -- the terms of a log's entries, one run for each term.
 *
 * Invariants: runs are in order of index and of term; the first one begins with the log
 * Owns:       the array, counted in the account
 * Thread:     the loop's
 */
#ifndef STORE_LOG_TERMS_H
#define STORE_LOG_TERMS_H

#include "base/mem.h"
#include "store/log.h"

struct log_terms {
    struct mem *mem;
    struct log_run *run;
    uint32_t count;
    uint32_t capacity;
};

/* log_terms_push -- entry index, the next one, has this term. err ERR_NO_MEMORY. */
MUST_CHECK
enum err log_terms_push(struct log_terms *t, uint64_t index, uint64_t term);

/* log_terms_at -- term of an entry of the log; 0 before the first one. */
uint64_t log_terms_at(const struct log_terms *t, uint64_t index);

/* log_terms_truncate, log_terms_forget -- entries after `to`, or up to it, are gone; last is the
 * newest that is left, `to` when none is. */
void log_terms_truncate(struct log_terms *t, uint64_t to);
void log_terms_forget(struct log_terms *t, uint64_t to, uint64_t last);

/* log_terms_done -- free the array. */
void log_terms_done(struct log_terms *t);

#endif
