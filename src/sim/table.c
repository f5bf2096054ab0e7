/* sim/table.c -- how every node stood, for whoever reads a finding. */
#include "sim/table.h"

/* What a leader knows of its peers: state letter, match/next. */
static void print_progress(const struct sim_host *h, FILE *out)
{
    static const char letters[] = "PRS";
    struct node_look look;
    struct raft_status s;
    if (h->node == NULL) {
        return;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    for (uint32_t i = 0; i < s.peer_count; i++) {
        fprintf(out, "%s%llu:%c %llu/%llu", i == 0 ? "; peers " : ", ",
                (unsigned long long)s.peer[i].id, letters[s.peer[i].state],
                (unsigned long long)s.peer[i].match, (unsigned long long)s.peer[i].next);
    }
}

void sim_table_print(const struct sim_world *w, FILE *out, bool peers)
{
    static const char *const states[] = { "down", "up", "stopped" };
    fprintf(out, "%4s %-8s %-9s %5s %6s %6s %6s %14s %8s %8s %8s  %s\n", "node", "state",
            "survives", "start", "term", "vote", "leader", "last/term", "durable", "commit",
            "applied", "connected to");
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct sim_host *h = &w->host[i];
        const struct sim_seen *s = &w->look.seen[i];
        char last[32];
        snprintf(last, sizeof last, "%llu/%llu", (unsigned long long)s->last,
                 (unsigned long long)s->last_term);
        fprintf(out, "%4llu %-8s %-9s %5llu %6llu %6llu %6llu %14s %8llu %8llu %8llu ",
                (unsigned long long)h->id, states[h->state],
                (w->clients.survivors >> i & 1u) != 0 ? "yes" : "no",
                (unsigned long long)h->process, (unsigned long long)s->term,
                (unsigned long long)s->vote, (unsigned long long)s->leader, last,
                (unsigned long long)s->durable, (unsigned long long)s->commit,
                (unsigned long long)s->applied);
        for (uint32_t k = 0; k < w->node_count; k++) {
            if (w->net.link[i].open && w->net.link[i].told[k] != 0) {
                fprintf(out, " %u", k + 1);
            }
        }
        if (h->reason != ERR_OK) {
            fprintf(out, "; ended with %s", err_name(h->reason));
        }
        if (peers) {
            print_progress(h, out);
        }
        fputc('\n', out);
    }
}
