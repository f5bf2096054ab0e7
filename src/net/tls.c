/* net/tls.c -- TLS 1.3 with raw public keys over GnuTLS (RFC 7250, RFC 8446). */
#include "net/tls.h"

#include "base/list.h"
#include "base/panic.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <sodium.h>

/* What both sides offer; the extra suites and group are for peers that start with them. */
static const char priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK:"
    "-SIGN-ALL:+SIGN-EDDSA-ED25519:%DISABLE_TLS13_COMPAT_MODE";

static const char *const alpn_names[TLS_ALPN_COUNT] = { "aspen-raft/1" };

struct tls {
    struct mem *mem;
    struct node_key own;
    gnutls_certificate_credentials_t cred;
    gnutls_priority_t priority;
};

/* Called by GnuTLS once the peer proved that it holds the key it shows. */
static int verify(gnutls_session_t session)
{
    ngtcp2_crypto_conn_ref *ref = gnutls_session_get_ptr(session);
    struct tls_session *s = CONTAINER_OF(ref, struct tls_session, ref);
    unsigned count = 0;
    struct node_key key;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
    s->wrong_key = true;
    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_PEERS) != GNUTLS_CRT_RAWPK ||
        list == NULL || count != 1 ||
        identity_from_spki(bytes_of(list[0].data, list[0].size), &key) != ERR_OK) {
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    if ((s->expect_known && !ids_key_equal(&key, &s->expect)) || ids_key_equal(&key, &s->own)) {
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    s->wrong_key = false;
    s->peer_known = true;
    s->peer = key;
    return 0;
}

/* Both forms of the key into cred. */
static int load_key(gnutls_certificate_credentials_t cred, const struct identity *id)
{
    uint8_t spki[IDENTITY_SPKI_BYTES];
    uint8_t pkcs8[IDENTITY_PKCS8_BYTES];
    gnutls_datum_t spki_pem = { NULL, 0 };
    gnutls_datum_t pkcs8_pem = { NULL, 0 };
    gnutls_datum_t spki_der = { spki, sizeof spki };
    gnutls_datum_t pkcs8_der = { pkcs8, sizeof pkcs8 };
    identity_spki(&id->key, spki);
    identity_pkcs8(id, pkcs8);
    int rc = gnutls_pem_base64_encode2("PUBLIC KEY", &spki_der, &spki_pem);
    if (rc >= 0) {
        rc = gnutls_pem_base64_encode2("PRIVATE KEY", &pkcs8_der, &pkcs8_pem);
    }
    if (rc >= 0) {
        rc = gnutls_certificate_set_rawpk_key_mem(cred, &spki_pem, &pkcs8_pem, GNUTLS_X509_FMT_PEM,
                                                  NULL, 0, NULL, 0, 0);
    }
    sodium_memzero(pkcs8, sizeof pkcs8);
    if (pkcs8_pem.data != NULL) {
        sodium_memzero(pkcs8_pem.data, pkcs8_pem.size);
    }
    gnutls_free(spki_pem.data);
    gnutls_free(pkcs8_pem.data);
    return rc;
}

enum err tls_open(struct mem *mem, const struct identity *id, struct tls **out, struct diag *diag)
{
    struct tls *t = mem_alloc(mem, sizeof *t);
    if (t == NULL) {
        return diag_set(diag, ERR_NO_MEMORY, "no memory for TLS credentials");
    }
    memset(t, 0, sizeof *t);
    t->mem = mem;
    t->own = id->key;
    int rc = gnutls_certificate_allocate_credentials(&t->cred);
    if (rc >= 0) {
        rc = load_key(t->cred, id);
    }
    if (rc >= 0) {
        gnutls_certificate_set_verify_function(t->cred, verify);
        rc = gnutls_priority_init(&t->priority, priorities, NULL);
    }
    if (rc < 0) {
        tls_close(t);
        return diag_set(diag, ERR_INTERNAL, "GnuTLS refuses the node key: %s", gnutls_strerror(rc));
    }
    *out = t;
    return ERR_OK;
}

void tls_close(struct tls *t)
{
    if (t == NULL) {
        return;
    }
    if (t->priority != NULL) {
        gnutls_priority_deinit(t->priority);
    }
    if (t->cred != NULL) {
        gnutls_certificate_free_credentials(t->cred);
    }
    mem_free(t->mem, t);
}

static int set_alpn(gnutls_session_t session, enum tls_alpn offers)
{
    gnutls_datum_t names[TLS_ALPN_COUNT];
    unsigned count = 0;
    for (unsigned i = 0; i < TLS_ALPN_COUNT; i++) {
        if (offers == TLS_ALPN_COUNT || i == (unsigned)offers) {
            names[count].data = (unsigned char *)(uintptr_t)alpn_names[i];
            names[count++].size = (unsigned)strlen(alpn_names[i]);
        }
    }
    return gnutls_alpn_set_protocols(session, names, count,
                                     GNUTLS_ALPN_MANDATORY | GNUTLS_ALPN_SERVER_PRECEDENCE);
}

static int set_side(struct tls_session *s)
{
    char sni[IDENTITY_SNI_MAX];
    if (s->server) {
        gnutls_certificate_server_set_request(s->session, GNUTLS_CERT_REQUIRE);
        return ngtcp2_crypto_gnutls_configure_server_session(s->session);
    }
    identity_sni(&s->expect, sni);
    int rc = gnutls_server_name_set(s->session, GNUTLS_NAME_DNS, sni, strlen(sni));
    return rc < 0 ? rc : ngtcp2_crypto_gnutls_configure_client_session(s->session);
}

enum err tls_session_open(struct tls *t, struct tls_session *s, const struct node_key *expect,
                          enum tls_alpn offers)
{
    unsigned flags = GNUTLS_ENABLE_RAWPK | GNUTLS_NO_END_OF_EARLY_DATA;
    s->server = expect == NULL;
    s->expect_known = expect != NULL;
    s->own = t->own;
    if (expect != NULL) {
        s->expect = *expect;
    }
    flags |= s->server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET
                       : GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP;
    if (gnutls_init(&s->session, flags) < 0) {
        s->session = NULL;
        return ERR_NO_MEMORY;
    }
    gnutls_session_set_ptr(s->session, &s->ref);
    if (gnutls_priority_set(s->session, t->priority) < 0 ||
        gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, t->cred) < 0 ||
        set_alpn(s->session, offers) < 0 || set_side(s) != 0) {
        tls_session_close(s);
        return ERR_INTERNAL;
    }
    return ERR_OK;
}

void tls_session_close(struct tls_session *s)
{
    if (s->session != NULL) {
        gnutls_deinit(s->session);
        s->session = NULL;
    }
}

enum tls_alpn tls_session_alpn(const struct tls_session *s)
{
    gnutls_datum_t got = { NULL, 0 };
    if (gnutls_alpn_get_selected_protocol(s->session, &got) < 0) {
        return TLS_ALPN_COUNT;
    }
    for (unsigned i = 0; i < TLS_ALPN_COUNT; i++) {
        if (bytes_equal(bytes_of(got.data, got.size), bytes_text(alpn_names[i]))) {
            return (enum tls_alpn)i;
        }
    }
    return TLS_ALPN_COUNT;
}

enum err tls_session_export(const struct tls_session *s, const char *label, uint8_t *out,
                            size_t count)
{
    int rc = gnutls_prf_rfc5705(s->session, strlen(label), label, 0, NULL, count, (char *)out);
    return rc < 0 ? ERR_INTERNAL : ERR_OK;
}
