/* node/boot_log.c -- the newest configurations of a log that is being read.
 *
 * Why: three are kept, for the newest may be truncated later in the log; that a second one goes
 *      with it, only a liar brings about (raft/conf.c)
 */
#include "node/boot_log.h"

#include "raft/raft_codec.h"

void boot_log_found(struct boot_log *b, const struct log_entry *e)
{
    struct raft_conf c;
    b->sizes[e->index % RAFT_SIZE_RING] = (uint32_t)e->data.count;
    if (e->kind == RAFT_ENTRY_CONF && raft_conf_decode(e->data, &c, NULL) == ERR_OK) {
        b->oldest = b->older;
        b->older = b->newest;
        b->newest = c;
        b->newest.index = e->index;
    }
}

void boot_log_truncated(struct boot_log *b, uint64_t to)
{
    while (b->newest.index > to) {
        b->newest = b->older;
        b->older = b->oldest;
        b->oldest = (struct raft_conf){ 0 };
    }
}

void boot_log_installed(struct boot_log *b)
{
    b->newest = (struct raft_conf){ 0 };
    b->older = (struct raft_conf){ 0 };
    b->oldest = (struct raft_conf){ 0 };
}

void boot_log_sizes(const struct boot_log *b, uint64_t last, uint32_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = b->sizes[(last - count + 1 + i) % RAFT_SIZE_RING];
    }
}

/* The state machine knows the configuration at its index, the log those behind. */
void boot_log_conf(const struct boot_log *b, const struct raft_conf *known, struct raft_boot *out)
{
    out->effective = b->newest.index > known->index ? b->newest : *known;
    if (out->effective.index <= out->applied) {
        out->committed = out->effective;
    } else {
        out->committed = b->older.index > known->index ? b->older : *known;
    }
}
