/* api/http_parse.h -- HTTP/1.1 request heads and chunked bodies, strictly (RFC 9112); bytes in,
 * facts out.
 *
 * Invariants: what two parsers could read differently is refused: bare CR or LF, folded lines,
 *             spaces before a colon, two lengths, a length beside chunks, chunk extensions,
 *             trailers
 * Owns:       nothing; offsets point into the caller's buffer
 * Thread:     any, pure
 */
#ifndef API_HTTP_PARSE_H
#define API_HTTP_PARSE_H

#include "base/bytes.h"
#include "base/limits.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_OTHER
};

struct http_head {
    enum http_method method;
    size_t bytes;       /* of the whole head, blank line included */
    size_t path_offset; /* path without query, from the buffer's start */
    size_t path_bytes;
    bool old; /* HTTP/1.0: must be told when the connection stays */
    bool keep_alive;
    bool expect_continue;
    bool chunked;
    uint64_t length; /* of the body; 0 when chunked */
};

/* http_head_parse -- look at what has arrived so far.
 *   out  out_status  0: not complete yet; 200: out is filled; else the status to refuse it with */
void http_head_parse(struct bytes in, struct http_head *out, int *out_status);

/* A chunked body that is being put together in place. */
struct http_chunks {
    size_t in;     /* next raw byte, from the buffer's start */
    size_t out;    /* end of what was put together */
    uint64_t left; /* bytes of the running chunk still to come */
    uint8_t state;
    uint8_t digits; /* of the running size */
};

/* http_chunks_init -- the body begins at offset. */
void http_chunks_init(struct http_chunks *c, size_t offset);

/* http_chunks_feed -- move what has arrived; data is the whole buffer.
 *   out  out_status  0: more is needed; 200: complete, c->in is where the next request begins; else
 *                    the status to refuse it with */
void http_chunks_feed(struct http_chunks *c, uint8_t *data, size_t count, size_t body_offset,
                      int *out_status);

#endif
