/* tests/unit/net/raw.h -- a socket that speaks no QUIC: it sends what a test makes, and keeps the
 * newest answer.
 *
 * Shape:  struct raw is one socket in the rig's loop; raw_first makes what a newcomer sends first
 */
#ifndef TESTS_NET_RAW_H
#define TESTS_NET_RAW_H

#include "rig.h"

enum {
    RAW_CID_BYTES = 8,
    RAW_FIRST_BYTES = 1200 /* of a datagram with a first packet, at least */
};

/* A socket that speaks no QUIC, and the newest answer that it got. */
struct raw {
    struct os_udp *udp;
    uint32_t count;
    struct bytes last; /* in bytes */
    uint8_t bytes[1500];
};

static void raw_answer(void *arg, const struct os_datagram *d, uint32_t count)
{
    struct raw *raw = arg;
    const struct bytes newest = d[count - 1].payload;
    CHECK(newest.count <= sizeof raw->bytes);
    memcpy(raw->bytes, newest.data, newest.count);
    raw->last = bytes_of(raw->bytes, newest.count);
    raw->count += count;
}

__attribute__((unused)) static void raw_open(struct raw *raw, struct rig *r)
{
    struct os_addr any = loopback(0);
    memset(raw, 0, sizeof *raw);
    CHECK(os_udp_open(r->os, &any, raw_answer, raw, &raw->udp) == ERR_OK);
}

__attribute__((unused)) static void raw_send(struct raw *raw, struct side *to, struct bytes packet)
{
    struct os_udp_send send = { .remote = side_addr(to), .payload = packet };
    raw->count = 0;
    CHECK(os_udp_send(raw->udp, &send) == ERR_OK);
}

/* A first packet, as much of it as is read before its sender is let in: for whom, and a token. */
__attribute__((unused)) static struct bytes raw_first(uint8_t out[RAW_FIRST_BYTES], const void *id,
                                                      struct bytes token)
{
    struct writer w = writer_of(out, RAW_FIRST_BYTES);
    writer_put(&w, bytes_of("\xc0\0\0\0\1", 5));
    writer_blob(&w, bytes_of(id, RAW_CID_BYTES));
    writer_blob(&w, bytes_text("a sender"));
    writer_u8(&w, (uint8_t)(0x40 | token.count >> 8));
    writer_u8(&w, (uint8_t)token.count);
    writer_put(&w, token);
    size_t rest = RAW_FIRST_BYTES - writer_bytes(&w).count - 2;
    writer_u8(&w, (uint8_t)(0x40 | rest >> 8));
    writer_u8(&w, (uint8_t)rest);
    writer_zero(&w, rest);
    return writer_bytes(&w);
}

#endif
