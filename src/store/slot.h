/* store/slot.h -- a small record that is replaced whole: two alternating slots in one file.
 *
 * Shape:      file = 2 x 4 KiB; slot = magic u32 | crc32c u32 of the rest | counter u64 | bytes
 *             u32 | payload | zeroes
 * Invariants: the valid slot with the higher counter counts; at rest both hold the same payload,
 *             so that one that rots takes nothing away
 * Owns:       the open file
 * Thread:     any, one at a time
 * Why:        a torn write leaves the older record, never none
 */
#ifndef STORE_SLOT_H
#define STORE_SLOT_H

#include "os/io.h"

enum {
    SLOT_BYTES = 4096,
    SLOT_HEAD_BYTES = 20,
    SLOT_PAYLOAD_MAX = 512
};

struct slot_file {
    struct os_file *file;
    uint32_t magic;
    uint64_t counter; /* of the newest record; 0: none */
};

/* slot_open -- open name, or create it if asked to; out_payload[SLOT_PAYLOAD_MAX] gets the newest
 * record, and a slot that does not agree with it is written anew.
 *   out  out_count  its bytes; 0: no record was ever written whole, the caller says if that may be
 *   err  ERR_CORRUPT  records were written, but neither slot is valid
 *        ERR_NO_FILE, ERR_IO, ERR_NO_SPACE, ERR_SYNC_FAILED */
MUST_CHECK
enum err slot_open(struct os_dir *dir, const char *name, uint32_t magic, bool create,
                   struct slot_file *out, uint8_t *out_payload, size_t *out_count);

/* slot_write -- make payload the newest record, in both slots, durable on return.
 *   err  ERR_IO, ERR_SYNC_FAILED */
MUST_CHECK
enum err slot_write(struct slot_file *s, struct bytes payload);

/* slot_close -- the newest record stays. */
void slot_close(struct slot_file *s);

#endif
