/* store/home.c -- the identity record and the secret key file.
 *
 * Shape: record = format u16 | node id u64 | key 32 | incarnation 16
 */
#include "store/home.h"

#include "base/mark.h"
#include "store/slot.h"

enum {
    HOME_FORMAT = 1,
    HOME_BYTES = 2 + 8 + NODE_KEY_BYTES + INCARNATION_BYTES
};
#define HOME_MAGIC 0x4e4f4441u /* "ADON" */
static const char identity_name[] = "identity";
enum {
    SECRET_TEXT_BYTES = 2 * HOME_SECRET_BYTES + 1,
    SECRET_OTHERS = 077
};

static enum err record_check(const struct home *found, uint64_t node_id, const struct node_key *key,
                             struct diag *diag)
{
    if (found->node_id != node_id) {
        return diag_set(diag, ERR_WRONG_NODE,
                        "the data directory belongs to node %llu, not %llu: give the right "
                        "--node-id or another --data-dir",
                        (unsigned long long)found->node_id, (unsigned long long)node_id);
    }
    if (!ids_key_equal(&found->key, key)) {
        char hex[2 * NODE_KEY_BYTES + 1];
        ids_hex(found->key.b, NODE_KEY_BYTES, hex);
        return diag_set(diag, ERR_WRONG_NODE,
                        "the data directory belongs to the key %s: give its --secret-key or "
                        "another --data-dir",
                        hex);
    }
    return ERR_OK;
}

static enum err record_read(struct bytes payload, struct home *out, struct diag *diag)
{
    struct reader r = reader_of(payload);
    uint16_t format = reader_u16(&r);
    out->node_id = reader_u64(&r);
    reader_copy(&r, out->key.b, NODE_KEY_BYTES);
    reader_copy(&r, out->incarnation.b, INCARNATION_BYTES);
    if (format > HOME_FORMAT) {
        return diag_set(diag, ERR_NEWER_FORMAT, "identity: format %u is newer than this program",
                        format);
    }
    return r.bad ? diag_set(diag, ERR_CORRUPT, "identity: the record is too short") : ERR_OK;
}

static enum err record_make(struct os *os, struct slot_file *s, struct home *id)
{
    uint8_t payload[HOME_BYTES];
    os_entropy(os, id->incarnation.b, INCARNATION_BYTES);
    struct writer w = writer_of(payload, sizeof payload);
    writer_u16(&w, HOME_FORMAT);
    writer_u64(&w, id->node_id);
    writer_put(&w, bytes_of(id->key.b, NODE_KEY_BYTES));
    writer_put(&w, bytes_of(id->incarnation.b, INCARNATION_BYTES));
    return slot_write(s, writer_bytes(&w));
}

/* What a node that has lived leaves in its directory, all of it younger than its identity. */
static enum err traces(struct os_dir *dir, const char **out, struct diag *diag)
{
    static const char *const names[] = { "vote", "wal/0000000000000001.seg", "wal/start",
                                         "state/data.mdb", "nodes" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct os_stat st;
        enum err e = os_dir_stat(dir, names[i], &st);
        if (e == ERR_OK) {
            *out = names[i];
            return ERR_OK;
        }
        if (e != ERR_NO_FILE) {
            return diag_set(diag, e, "%s: %s", names[i], err_text(e));
        }
    }
    return ERR_OK;
}

static const char outdated[] = "outdated";
static const char outdated_text[] =
    "This directory is older than what its node has promised to others. Put it aside; the node may "
    "start on a new one that holds its secret.key alone, and comes back as a learner.\n";

enum err home_disown(struct os_dir *dir)
{
    struct os_file *file = NULL;
    TRY(os_file_open(dir, outdated, OS_OPEN_WRITE | OS_OPEN_CREATE, &file));
    enum err e = os_file_write(file, 0, outdated_text, sizeof outdated_text - 1);
    e = e == ERR_OK ? os_file_sync(file) : e;
    os_file_close(file);
    enum err named = os_dir_sync(dir); /* the name alone says it */
    return e == ERR_OK ? named : e;
}

static enum err disowned(struct os_dir *dir, struct diag *diag)
{
    struct os_stat st;
    enum err e = os_dir_stat(dir, outdated, &st);
    if (e == ERR_NO_FILE) {
        return ERR_OK;
    }
    return e == ERR_OK
               ? diag_set(diag, ERR_OUTDATED,
                          "the data directory is older than what the node has promised to others: "
                          "put it aside, and start on a new one that holds its secret.key alone")
               : diag_set(diag, e, "%s: %s", outdated, err_text(e));
}

enum err home_open(struct os *os, struct os_dir *dir, uint64_t node_id, const struct node_key *key,
                   struct home *out, struct diag *diag)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct slot_file s;
    struct home id = { .node_id = node_id, .key = *key };
    const char *left = NULL;
    TRY(traces(dir, &left, diag));
    enum err old = disowned(dir, diag);
    bool fresh = left == NULL && old == ERR_OK;
    enum err e = slot_open(dir, identity_name, HOME_MAGIC, fresh, &s, payload, &count);
    if (old != ERR_OK && (e == ERR_NO_FILE || (e == ERR_OK && count == 0))) {
        MARK("store: a directory is disowned and has no identity");
        if (e == ERR_OK) {
            slot_close(&s);
        }
        return old;
    }
    if (left != NULL && (e == ERR_NO_FILE || (e == ERR_OK && count == 0))) {
        MARK("store: an identity is lost");
        if (e == ERR_OK) {
            slot_close(&s);
        }
        return diag_set(diag, ERR_CORRUPT,
                        "identity: the file is %s, but %s is there: restore the file, or this node "
                        "from a peer; nothing was changed",
                        e == ERR_OK ? "empty" : "missing", left);
    }
    if (e != ERR_OK) {
        return diag_set(diag, e, "identity: %s", err_text(e));
    }
    if (count == 0) {
        e = record_make(os, &s, &id);
        id.fresh = true;
        if (e != ERR_OK) {
            e = diag_set(diag, e, "identity: %s", err_text(e));
        }
    } else {
        e = record_read(bytes_of(payload, count), &id, diag);
        e = e == ERR_OK ? record_check(&id, node_id, key, diag) : e;
        e = e == ERR_OK ? old : e;
    }
    slot_close(&s);
    if (e == ERR_OK) {
        *out = id;
    }
    return e;
}

static void left_snap(void *arg, const char *name)
{
    const char **left = arg;
    size_t n = strlen(name);
    *left = n > 5 && strcmp(name + n - 5, ".snap") == 0 ? "a snapshot" : *left;
}

/* What a log leaves beside itself, all of it younger than its first segment. */
static enum err leavings(const struct home_rest *rest, const char **out)
{
    struct os_stat st;
    enum err e = os_dir_stat(rest->log, "start", &st);
    if (e != ERR_NO_FILE) {
        *out = "start, where the log begins,";
        return e;
    }
    e = os_dir_stat(rest->state, "data.mdb", &st);
    if (e != ERR_NO_FILE) {
        *out = "data.mdb, the state machine,";
        return e;
    }
    return os_dir_list(rest->snaps, left_snap, out);
}

enum err home_renew(struct os *os, struct os_dir *dir, const struct home_rest *rest,
                    struct home *home, struct diag *diag)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct slot_file s;
    const char *left = NULL;
    enum err e = leavings(rest, &left);
    if (e == ERR_OK && left != NULL) {
        MARK("store: vote and log are gone, not all the rest");
        return diag_set(diag, ERR_CORRUPT,
                        "vote and log are gone, but %s is there: give the log's own directory, or "
                        "put aside that one too and start on a new data directory that holds the "
                        "secret.key alone; nothing was changed",
                        left);
    }
    if (e == ERR_OK && home->fresh) {
        return ERR_OK;
    }
    e = e == ERR_OK ? slot_open(dir, identity_name, HOME_MAGIC, false, &s, payload, &count) : e;
    if (e != ERR_OK) {
        return diag_set(diag, e, "another incarnation: %s", err_text(e));
    }
    MARK("store: another incarnation is drawn");
    e = record_make(os, &s, home);
    slot_close(&s);
    return e == ERR_OK ? e : diag_set(diag, e, "identity: %s", err_text(e));
}

static enum err secret_read(struct os_dir *dir, uint8_t out[HOME_SECRET_BYTES])
{
    uint8_t text[SECRET_TEXT_BYTES + 1];
    size_t count = 0;
    struct os_file *file = NULL;
    TRY(os_file_open(dir, "secret.key", OS_OPEN_READ, &file));
    enum err e = os_file_read(file, 0, text, sizeof text, &count);
    os_file_close(file);
    TRY(e);
    if (count == SECRET_TEXT_BYTES && text[count - 1] == '\n') {
        count--;
    }
    return ids_unhex(bytes_of(text, count), out, HOME_SECRET_BYTES);
}

static enum err secret_make(struct os *os, struct os_dir *dir, uint8_t out[HOME_SECRET_BYTES])
{
    char text[SECRET_TEXT_BYTES + 1];
    struct os_file *file = NULL;
    os_entropy(os, out, HOME_SECRET_BYTES);
    ids_hex(out, HOME_SECRET_BYTES, text);
    text[SECRET_TEXT_BYTES - 1] = '\n';
    TRY(os_file_open(dir, "secret.key.part", OS_OPEN_WRITE | OS_OPEN_CREATE | OS_OPEN_PRIVATE,
                     &file));
    enum err e = os_file_write(file, 0, text, SECRET_TEXT_BYTES);
    e = e == ERR_OK ? os_file_sync(file) : e;
    os_file_close(file);
    TRY(e);
    TRY(os_dir_rename(dir, "secret.key.part", "secret.key"));
    return os_dir_sync(dir);
}

enum err home_secret(struct os *os, struct os_dir *dir, uint8_t out[HOME_SECRET_BYTES],
                     struct diag *diag)
{
    struct os_stat st;
    enum err e = os_dir_stat(dir, "secret.key", &st);
    if (e == ERR_NO_FILE && os_dir_stat(dir, identity_name, &st) == ERR_OK && st.bytes > 0) {
        return diag_set(diag, ERR_WRONG_NODE,
                        "secret.key is missing, but the directory has an owner already: restore "
                        "the file or give the key by --secret-key");
    }
    if (e == ERR_NO_FILE) {
        e = secret_make(os, dir, out);
    } else if (e == ERR_OK && (st.mode & SECRET_OTHERS) != 0) {
        return diag_set(diag, ERR_BAD_PERMISSIONS,
                        "secret.key has mode %03o and may be read by others: chmod 600 it",
                        st.mode);
    } else if (e == ERR_OK) {
        e = secret_read(dir, out);
        if (e == ERR_MALFORMED) {
            return diag_set(diag, ERR_CORRUPT, "secret.key: it does not hold 64 hex digits");
        }
    }
    return e == ERR_OK ? e : diag_set(diag, e, "secret.key: %s", err_text(e));
}
