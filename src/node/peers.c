/* node/peers.c -- parsing and formatting of the peer forms.
 *
 * Thread: any
 * Why:    the JSON form is read by jansson; this is the one file of the room that includes it
 */
#include "node/peers.h"

#include "base/panic.h"

#include <inttypes.h>
#include <jansson.h>

enum {
    KEY_HEX = 2 * NODE_KEY_BYTES,
    SHOWN_MAX = 80 /* bytes of a wrong text that a message repeats */
};

/* printf arguments for a bounded piece of a text that is not NUL-terminated. */
#define SHOWN(b) (int)((b).count > SHOWN_MAX ? SHOWN_MAX : (b).count), (const char *)(b).data

static bool byte_at(struct bytes text, uint8_t byte, size_t *out_offset)
{
    const uint8_t *at = text.count > 0 ? memchr(text.data, byte, text.count) : NULL;
    if (at != NULL) {
        *out_offset = (size_t)(at - text.data);
    }
    return at != NULL;
}

static struct bytes cut(struct bytes text, size_t from)
{
    return bytes_of(text.data + from, text.count - from);
}

static bool addr_is_wildcard(const struct os_addr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->ip, zero, a->family == 4 ? 4 : 16) == 0;
}

static enum err addr_add(struct peers_entry *e, struct bytes text, struct diag *diag)
{
    struct os_addr addr;
    memset(&addr, 0, sizeof addr);
    if (os_addr_parse(text, &addr) != ERR_OK) {
        return diag_set(diag, ERR_MALFORMED,
                        "'%.*s' is not ip:port (numbers only; [ip]:port for IPv6)", SHOWN(text));
    }
    if (addr.port == 0 || addr_is_wildcard(&addr)) {
        return diag_set(diag, ERR_MALFORMED, "'%.*s' cannot be dialled; give a real ip and port",
                        SHOWN(text));
    }
    if (e->addr_count == NODE_ADDRS_MAX) {
        return diag_set(diag, ERR_MALFORMED, "more than %u addresses; leave some out",
                        NODE_ADDRS_MAX);
    }
    e->addr[e->addr_count++] = addr;
    return ERR_OK;
}

static enum err relay_add(struct peers_entry *e, struct bytes url, struct diag *diag)
{
    if (e->relay_count == PEERS_RELAYS_MAX) {
        return diag_set(diag, ERR_MALFORMED, "more than %d relays; leave some out",
                        PEERS_RELAYS_MAX);
    }
    if (url.count == 0 || url.count >= NODE_ADDR_BYTES_MAX) {
        return diag_set(diag, ERR_MALFORMED, "a relay URL is 1 to %u bytes long",
                        NODE_ADDR_BYTES_MAX - 1);
    }
    for (size_t i = 0; i < url.count; i++) {
        if (url.data[i] <= ' ' || url.data[i] >= 0x7F || url.data[i] == '"' ||
            url.data[i] == '\\') {
            return diag_set(diag, ERR_MALFORMED, "a relay URL holds a byte no URL may hold");
        }
    }
    memcpy(e->relay[e->relay_count], url.data, url.count);
    e->relay[e->relay_count][url.count] = '\0';
    e->relay_count++;
    return ERR_OK;
}

static struct bytes json_text(const json_t *value)
{
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* One of {"Ip":"..."} and {"Relay":"..."}. */
static enum err json_addr(const json_t *item, struct peers_entry *e, struct diag *diag)
{
    const json_t *ip = json_object_get(item, "Ip");
    const json_t *relay = json_object_get(item, "Relay");
    if (json_object_size(item) != 1 || !(json_is_string(ip) || json_is_string(relay))) {
        return diag_set(diag, ERR_MALFORMED,
                        "an item of \"addrs\" is {\"Ip\":\"ip:port\"} or {\"Relay\":\"URL\"}");
    }
    return ip != NULL ? addr_add(e, json_text(ip), diag) : relay_add(e, json_text(relay), diag);
}

static enum err json_endpoint(const json_t *root, struct peers_entry *e, struct diag *diag)
{
    const json_t *id = json_object_get(root, "id");
    if (!json_is_string(id) || ids_unhex(json_text(id), e->key.b, NODE_KEY_BYTES) != ERR_OK) {
        return diag_set(diag, ERR_MALFORMED, "\"id\" must be %d hex digits, the endpoint id",
                        KEY_HEX);
    }
    const json_t *addrs = json_object_get(root, "addrs");
    if (addrs == NULL) {
        return ERR_OK;
    }
    if (!json_is_array(addrs)) {
        return diag_set(diag, ERR_MALFORMED, "\"addrs\" must be a list");
    }
    for (size_t i = 0; i < json_array_size(addrs); i++) {
        TRY(json_addr(json_array_get(addrs, i), e, diag));
    }
    return ERR_OK;
}

/* The JSON of an endpoint address; out->id is left as it is. */
static enum err endpoint_parse(struct bytes json, struct peers_entry *out, struct diag *diag)
{
    if (json.count > PEERS_TEXT_BYTES_MAX) {
        return diag_set(diag, ERR_MALFORMED, "longer than %d bytes", PEERS_TEXT_BYTES_MAX);
    }
    json_error_t error;
    json_t *root = json_loadb((const char *)json.data, json.count, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return diag_set(diag, ERR_MALFORMED, "not JSON at column %d: %s", error.column, error.text);
    }
    struct peers_entry e;
    memset(&e, 0, sizeof e);
    e.id = out->id;
    enum err code = json_endpoint(root, &e, diag);
    json_decref(root);
    if (code == ERR_OK) {
        *out = e;
    }
    return code;
}

/* hex, or hex@ip:port,ip:port... */
static enum err plain_endpoint(struct bytes text, struct peers_entry *e, struct diag *diag)
{
    size_t at = text.count;
    bool has_addrs = byte_at(text, '@', &at);
    struct bytes hex = bytes_of(text.data, at);
    if (ids_unhex(hex, e->key.b, NODE_KEY_BYTES) != ERR_OK) {
        return diag_set(diag, ERR_MALFORMED,
                        "'%.*s' is not an endpoint id; it has %d hex digits (see /node-info)",
                        SHOWN(hex), KEY_HEX);
    }
    if (!has_addrs) {
        return ERR_OK;
    }
    struct bytes rest = cut(text, at + 1);
    bool more = true;
    while (more) {
        size_t end = rest.count;
        more = byte_at(rest, ',', &end);
        TRY(addr_add(e, bytes_of(rest.data, end), diag));
        rest = more ? cut(rest, end + 1) : rest;
    }
    return ERR_OK;
}

enum err peers_parse(struct bytes text, struct peers_entry *out, struct diag *diag)
{
    if (text.count > PEERS_TEXT_BYTES_MAX) {
        return diag_set(diag, ERR_MALFORMED, "longer than %d bytes", PEERS_TEXT_BYTES_MAX);
    }
    struct peers_entry e;
    memset(&e, 0, sizeof e);
    size_t at = 0;
    if (!byte_at(text, '@', &at)) {
        return diag_set(diag, ERR_MALFORMED,
                        "'%.*s' is not ID@ENDPOINT, for instance 2@<64 hex digits>@10.0.0.2:4433",
                        SHOWN(text));
    }
    struct bytes id = bytes_of(text.data, at);
    if (ids_u64(id, &e.id) != ERR_OK || e.id == 0) {
        return diag_set(diag, ERR_MALFORMED, "'%.*s' is not a node id; it is a number above 0",
                        SHOWN(id));
    }
    struct bytes endpoint = cut(text, at + 1);
    bool json = endpoint.count > 0 && endpoint.data[0] == '{';
    TRY(json ? endpoint_parse(endpoint, &e, diag) : plain_endpoint(endpoint, &e, diag));
    *out = e;
    return ERR_OK;
}

/* True when text begins with digits and an @. */
static bool begins_peer(struct bytes text)
{
    size_t i = 0;
    while (i < text.count && (text.data[i] == ' ' || text.data[i] == '\t')) {
        i++;
    }
    size_t digits = i;
    while (i < text.count && text.data[i] >= '0' && text.data[i] <= '9') {
        i++;
    }
    return i > digits && i < text.count && text.data[i] == '@';
}

static struct bytes trim(struct bytes text)
{
    while (text.count > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = cut(text, 1);
    }
    while (text.count > 0 &&
           (text.data[text.count - 1] == ' ' || text.data[text.count - 1] == '\t')) {
        text.count--;
    }
    return text;
}

bool peers_next(struct bytes *rest, struct bytes *out)
{
    if (trim(*rest).count == 0) {
        return false;
    }
    struct bytes all = *rest;
    bool quoted = false;
    for (size_t i = 0; i < all.count; i++) {
        uint8_t c = all.data[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted && begins_peer(cut(all, i + 1))) {
            *out = trim(bytes_of(all.data, i));
            *rest = cut(all, i + 1);
            return true;
        }
    }
    *out = trim(all);
    *rest = bytes_of(all.data + all.count, 0);
    return true;
}

enum err peers_add(struct peers *p, const struct peers_entry *e, struct diag *diag)
{
    ASSERT(p->count <= NET_PEERS_MAX);
    ASSERT(e->id > 0);
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->entry[i].id == e->id) {
            return diag_set(diag, ERR_MALFORMED, "node id %" PRIu64 " is listed twice; keep one",
                            e->id);
        }
        if (ids_key_equal(&p->entry[i].key, &e->key)) {
            return diag_set(diag, ERR_MALFORMED,
                            "nodes %" PRIu64 " and %" PRIu64
                            " have the same endpoint id; every node has its own",
                            p->entry[i].id, e->id);
        }
    }
    if (p->count == NET_PEERS_MAX) {
        return diag_set(diag, ERR_BUSY, "more than %u peers; leave some out", NET_PEERS_MAX);
    }
    p->entry[p->count++] = *e;
    return ERR_OK;
}

const struct peers_entry *peers_find(const struct peers *p, uint64_t id)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->entry[i].id == id) {
            return &p->entry[i];
        }
    }
    return NULL;
}

/* {"id":"<hex>","addrs":[{"Relay":"..."},{"Ip":"..."}]} */
static void endpoint_format(const struct peers_entry *e, struct writer *out)
{
    char hex[KEY_HEX + 1];
    ids_hex(e->key.b, NODE_KEY_BYTES, hex);
    writer_text(out, "{\"id\":\"%s\",\"addrs\":[", hex);
    for (uint32_t i = 0; i < e->relay_count; i++) {
        writer_text(out, "%s{\"Relay\":\"%s\"}", i > 0 ? "," : "", e->relay[i]);
    }
    for (uint32_t i = 0; i < e->addr_count; i++) {
        char text[OS_ADDR_TEXT_MAX];
        os_addr_format(&e->addr[i], text);
        writer_text(out, "%s{\"Ip\":\"%s\"}", i + e->relay_count > 0 ? "," : "", text);
    }
    writer_text(out, "]}");
}

void peers_format(const struct peers_entry *e, struct writer *out)
{
    writer_text(out, "%" PRIu64 "@", e->id);
    if (e->relay_count > 0) {
        endpoint_format(e, out);
        return;
    }
    char hex[KEY_HEX + 1];
    ids_hex(e->key.b, NODE_KEY_BYTES, hex);
    writer_text(out, "%s", hex);
    for (uint32_t i = 0; i < e->addr_count; i++) {
        char text[OS_ADDR_TEXT_MAX];
        os_addr_format(&e->addr[i], text);
        writer_text(out, "%s%s", i == 0 ? "@" : ",", text);
    }
}
