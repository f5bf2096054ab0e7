/* node/control_change.c -- a change of members against the configuration in force: what it comes
 * to, whether it could be decided, and why not, in words.
 *
 * Thread: the loop's
 * Why:    the core carries out what it is told, as Raft does; that a majority of the voters to be
 *         must be there is what operators want, so it stands here
 */
#include "base/panic.h"
#include "node/control_codec.h"
#include "node/impl.h"

/* ---- what is asked ---- */

/* Among the ids of the request. */
static bool named(const struct control *c, uint64_t id)
{
    bool found = false;
    for (uint32_t i = 0; i < c->id_count; i++) {
        found = found || c->id[i] == id;
    }
    return found;
}

/* The voters become exactly those named; learners that are not named stay, but none of them comes
 * back as a voter by itself, unless that is asked for. */
static uint32_t voters_named(const struct control *c, const struct raft_conf *now,
                             struct raft_change *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->id_count; i++) {
        out[count++] = (struct raft_change){ RAFT_CHANGE_VOTER, c->id[i], 0 };
    }
    for (uint8_t i = 0; i < now->voter_count; i++) {
        if (!named(c, now->voter[i])) {
            out[count++] = (struct raft_change){ RAFT_CHANGE_REMOVE, now->voter[i], 0 };
        }
    }
    for (uint8_t i = 0; !c->keep_rejoining && i < now->learner_count; i++) {
        if (now->learner_was[i] != 0 && !named(c, now->learner[i])) {
            out[count++] = (struct raft_change){ RAFT_CHANGE_LEARNER, now->learner[i], 0 };
        }
    }
    return count;
}

enum err control_changes(const struct control *c, const struct raft_conf *now,
                         struct raft_change *out, uint32_t *out_count)
{
    bool adds = c->kind == CONTROL_ADD_LEARNER;
    for (uint32_t i = 0; i < c->id_count; i++) {
        bool voter = raft_conf_is_voter(now, c->id[i]);
        if (adds && voter) {
            return ERR_BAD_REQUEST; /* it would lose its vote */
        }
        if (!adds && !voter && !raft_conf_is_learner(now, c->id[i])) {
            return ERR_UNKNOWN_NODE;
        }
    }
    if (c->kind == CONTROL_CHANGE_MEMBERSHIP) {
        *out_count = voters_named(c, now, out);
        return ERR_OK;
    }
    out[0] = (struct raft_change){ RAFT_CHANGE_REMOVE, c->id[0], 0 };
    if (adds) { /* once more: where it is may be news, that it is to come back as a voter is not */
        out[0].kind = RAFT_CHANGE_LEARNER;
        out[0].was = raft_conf_was(now, c->id[0]);
    }
    *out_count = 1;
    return ERR_OK;
}

/* ---- whether it could be decided ---- */

/* What the leader knows of who is there. */
struct roll {
    const struct raft_status *st;
    uint64_t now_ns;
    uint64_t silence_ns; /* who was not heard for longer does not answer */
    bool rejoins;        /* who lost its disk is brought back without being asked for */
};

static struct roll roll_of(const struct node *n, const struct raft_status *st)
{
    uint64_t silence_ns = n->config->election_timeout_max_ms * NS_PER_MS;
    return (struct roll){ st, os_now(n->os), silence_ns, n->config->auto_rejoin };
}

static bool answered_since(const struct raft_status *st, uint64_t id, uint64_t since_ns)
{
    for (uint32_t i = 0; i < st->peer_count; i++) {
        if (st->peer[i].id == id) {
            return st->peer[i].ack_ns >= since_ns;
        }
    }
    return false;
}

static uint64_t answers(const void *arg, uint64_t id, uint64_t life)
{
    const struct roll *roll = arg;
    const struct raft_status *st = roll->st;
    if (id == st->id) {
        return life == 0 || life == st->life;
    }
    for (uint32_t i = 0; i < st->peer_count; i++) {
        const struct raft_peer_status *p = &st->peer[i];
        if (p->id == id) {
            return (life == 0 || life == p->life) && p->ack_ns != 0 &&
                   roll->now_ns <= p->ack_ns + roll->silence_ns;
        }
    }
    return 0;
}

/* False: not a change of voters, or none that the core would take; then the core says why. */
static bool voters_next(const struct raft_conf *now, const struct raft_change *changes,
                        uint32_t count, struct raft_conf *out)
{
    return now->outgoing_count == 0 && raft_conf_change(now, changes, count, out) == ERR_OK &&
           out->outgoing_count > 0;
}

bool control_majority(const struct node *n, const struct raft_status *st,
                      const struct raft_change *changes, uint32_t count)
{
    struct roll roll = roll_of(n, st);
    struct raft_conf next;
    return !voters_next(&st->conf, changes, count, &next) ||
           raft_quorum(&next, answers, &roll) != 0;
}

bool control_heard(const struct node *n, const struct raft_status *st,
                   const struct raft_change *changes, uint32_t count, uint64_t since_ns)
{
    struct roll roll = roll_of(n, st);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = changes[i].id;
        if (changes[i].kind == RAFT_CHANGE_VOTER && raft_conf_is_learner(&st->conf, id) &&
            (answers(&roll, id, 0) == 0 || !answered_since(st, id, since_ns))) {
            return false;
        }
    }
    return true;
}

bool control_silent(const struct node *n, const struct raft_status *st, uint64_t id)
{
    struct roll roll = roll_of(n, st);
    bool silent = false;
    for (uint32_t i = 0; i < st->peer_count; i++) {
        const struct raft_peer_status *p = &st->peer[i];
        silent = silent ||
                 (p->id == id && p->quiet_ns != 0 && roll.now_ns > p->quiet_ns + roll.silence_ns);
    }
    return silent;
}

uint64_t control_foreign(const struct node *n, struct book *book, const struct control *c,
                         const struct raft_conf *now)
{
    for (uint32_t i = 0; c->kind != CONTROL_REMOVE && i < c->id_count; i++) {
        const struct book_entry *e = book_by_id(book, c->id[i]);
        bool stays = c->kind == CONTROL_CHANGE_MEMBERSHIP && raft_conf_is_voter(now, c->id[i]);
        if (e != NULL && !stays && mesh_foreign(n, e)) {
            return c->id[i];
        }
    }
    return 0;
}

/* ---- why not ---- */

/* A voter that answers, but not in the life that is counted. */
static bool lost_disk(const struct roll *roll, uint64_t id)
{
    bool lost = false;
    for (uint32_t i = 0; i < roll->st->wiped_count; i++) {
        lost = lost || roll->st->wiped[i] == id;
    }
    return lost && answers(roll, id, 0) != 0;
}

static void why_lost(const struct roll *roll, uint64_t lost, struct writer *out)
{
    unsigned long long id = lost;
    writer_text(out, "node %llu lost its disk and is not counted: ", id);
    if (roll->rejoins) {
        writer_text(out, "it becomes a learner, then a voter again; then ask again");
    } else {
        writer_text(out,
                    "aspen cluster remove %llu, then aspen cluster add %llu=ADDR, then aspen "
                    "cluster promote %llu",
                    id, id, id);
    }
}

/* The voters to be that do not answer, or are not who they were, and how to go on without them. */
static void why_no_majority(const struct roll *roll, const struct raft_conf *next,
                            struct writer *out)
{
    uint64_t first = 0;
    uint32_t count = 0;
    writer_text(out, "the voters to be would have no majority: ");
    for (uint8_t i = 0; i < next->voter_count; i++) {
        if (lost_disk(roll, next->voter[i])) {
            why_lost(roll, next->voter[i], out);
            return;
        }
    }
    for (uint8_t i = 0; i < next->voter_count; i++) {
        uint64_t id = next->voter[i];
        if (answers(roll, id, next->voter_life[i]) != 0) {
            continue;
        }
        first = first == 0 ? id : first;
        backend_silent(id, ++count, out);
    }
    const char *them = backend_silent_end(count, out);
    writer_text(out, "; start %s, or first: aspen cluster remove %llu", them,
                (unsigned long long)first);
}

static void why_silent(const struct roll *roll, const struct raft_peer_status *p,
                       struct writer *out)
{
    unsigned long long id = p->id;
    uint64_t since = p->quiet_ns != 0 ? p->quiet_ns : roll->now_ns; /* 0: nobody knows */
    uint64_t seconds = roll->now_ns > since ? (roll->now_ns - since) / NS_PER_S : 0;
    writer_text(out, "node %llu does not answer", id);
    if (seconds > 0) {
        writer_text(out, ", for %llu s now", (unsigned long long)seconds);
    }
    writer_text(out, ": start it, then ask again; or take it away: aspen cluster remove %llu", id);
}

/* Whom it waited for in vain: one that does not answer, else one that lags. */
static void why_behind(const struct control *c, const struct roll *roll, struct writer *out)
{
    const struct raft_peer_status *lags = NULL;
    const struct raft_status *st = roll->st;
    for (uint32_t i = 0; i < st->peer_count; i++) {
        const struct raft_peer_status *p = &st->peer[i];
        bool waited = named(c, p->id) &&
                      (c->kind == CONTROL_TRANSFER || raft_conf_is_learner(&st->conf, p->id));
        if (waited && answers(roll, p->id, 0) == 0) {
            why_silent(roll, p, out);
            return;
        }
        if (waited && lost_disk(roll, p->id)) {
            why_lost(roll, p->id, out);
            return;
        }
        lags = waited && p->match < st->commit ? p : lags;
    }
    if (lags != NULL) {
        writer_text(out,
                    "node %llu has not caught up yet, it has entry %llu of %llu: see aspen cluster "
                    "status, then ask again",
                    (unsigned long long)lags->id, (unsigned long long)lags->match,
                    (unsigned long long)st->commit);
    }
}

/* It has a log of its own, which nothing can be put behind. */
static void why_foreign(struct node *n, const struct control *c, const struct raft_conf *now,
                        struct writer *out)
{
    bool adds = c->kind == CONTROL_ADD_LEARNER; /* then its number may be news */
    unsigned long long id = adds ? c->id[0] : control_foreign(n, &n->book, c, now);
    writer_text(out, "node %llu belongs to another cluster: ", id);
    if (raft_conf_is_member(now, id)) {
        writer_text(out, "aspen cluster remove %llu; ", id);
    }
    writer_text(out,
                "to have it here, stop it, empty its data directory, start it, then aspen cluster "
                "add %llu=ADDR",
                id);
}

/* The new node, and what lets the others find it. */
static void why_unknown_endpoint(const struct control *c, struct writer *out)
{
    unsigned long long id = c->id[0];
    writer_text(out,
                "the endpoint of node %llu is not known: start it, then aspen cluster add "
                "%llu=HOST:PORT with its HTTP address; or name it with --peers or POST /add-peer",
                id, id);
}

/* What is to be done about it, where that does not depend on who is a member. */
static const char *advice(enum err e)
{
    switch (e) {
    case ERR_NOT_CAUGHT_UP:
        return "the node has not caught up yet: see aspen cluster status, then ask again";
    case ERR_NO_MAJORITY:
        return "too few of the voters to be answer: see aspen cluster status, then ask again";
    case ERR_CONF_PENDING:
        return "another change is under way: see aspen cluster status, then ask again";
    case ERR_CONF_CHANGED:
        return "the configuration is not the one that was meant: see aspen cluster status";
    case ERR_TIMEOUT:
        return "it could not be done in time; nothing was changed";
    default:
        return NULL;
    }
}

/* The only thing about it that the core refuses, when it is no learner with the number or the key
 * of another one: no voter is left, or there are too many. */
static void why_bad(const struct control *c, const struct raft_conf *now, struct writer *out)
{
    struct raft_change changes[CONTROL_CHANGES_MAX];
    struct raft_conf next;
    uint32_t count = 0;
    unsigned long long id = c->id[0];
    bool adds = c->kind == CONTROL_ADD_LEARNER;
    bool voter = raft_conf_is_voter(now, id);
    if (now->voter_count == 1 && (adds ? voter : c->kind == CONTROL_REMOVE)) {
        writer_text(out,
                    "node %llu is the only voter: first aspen cluster add ID=ADDR and aspen "
                    "cluster promote ID",
                    id);
    } else if (adds && voter) {
        writer_text(out,
                    "node %llu is a voter; to make it a learner: aspen cluster remove %llu, then "
                    "aspen cluster add %llu=ADDR",
                    id, id, id);
    } else if (adds && now->outgoing_count == 0 &&
               control_changes(c, now, changes, &count) == ERR_OK &&
               raft_conf_change(now, changes, count, &next) == ERR_OK) {
        writer_text(out,
                    "another member has the number or the key of node %llu: see aspen cluster "
                    "status, and GET /node-info of the new node",
                    id);
    } else {
        writer_text(out,
                    "too many members, at most %u learners and %u in all: first aspen cluster "
                    "remove ID",
                    RAFT_LEARNERS_MAX, RAFT_PEERS_MAX);
    }
}

/* One that is named is no member, or cannot lead. */
static void why_unknown(const struct control *c, const struct raft_conf *now, struct writer *out)
{
    unsigned long long id = 0;
    for (uint32_t i = 0; id == 0 && i < c->id_count; i++) {
        id = raft_conf_is_member(now, c->id[i]) ? 0 : c->id[i];
    }
    if (id != 0 && c->kind == CONTROL_CHANGE_MEMBERSHIP) {
        writer_text(out, "node %llu is no member: aspen cluster add %llu=ADDR first", id, id);
    } else if (id != 0) {
        writer_text(out, "node %llu is no member: see aspen cluster status", id);
    } else if (c->id_count > 0) {
        id = c->id[0];
        writer_text(out, "node %llu is a learner: aspen cluster promote %llu first", id, id);
    } else {
        writer_text(out, "no other voter could lead: see aspen cluster status");
    }
}

const char *control_why(struct node *n, const struct control *c, enum err e, struct writer *room)
{
    struct raft_change changes[CONTROL_CHANGES_MAX];
    struct raft_status st;
    struct raft_conf next;
    uint32_t count = 0;
    raft_status(n->core, &st);
    struct roll roll = roll_of(n, &st);
    if (e == ERR_NO_LEADER) {
        return backend_no_leader(n, room);
    }
    if (e == ERR_NO_MAJORITY && st.role == RAFT_LEADER &&
        control_changes(c, &st.conf, changes, &count) == ERR_OK &&
        voters_next(&st.conf, changes, count, &next) && raft_quorum(&next, answers, &roll) == 0) {
        why_no_majority(&roll, &next, room);
    } else if (e == ERR_BAD_REQUEST) {
        why_bad(c, &st.conf, room);
    } else if (e == ERR_UNKNOWN_NODE) {
        why_unknown(c, &st.conf, room);
    } else if (e == ERR_WRONG_CLUSTER) {
        why_foreign(n, c, &st.conf, room);
    } else if (e == ERR_UNKNOWN_ENDPOINT) {
        why_unknown_endpoint(c, room);
    } else if (e == ERR_NOT_CAUGHT_UP && st.role == RAFT_LEADER) {
        why_behind(c, &roll, room);
    }
    if (room->offset == 0 || room->bad) {
        return advice(e);
    }
    writer_u8(room, 0);
    return room->bad ? advice(e) : (const char *)room->data;
}
