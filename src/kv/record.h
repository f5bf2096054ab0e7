/* kv/record.h -- bytes of a key's record in TABLE_KEY; included from this folder only. */
#ifndef KV_RECORD_H
#define KV_RECORD_H

#include "kv/kv.h"

enum {
    RECORD_HEAD_BYTES = 33
};

/* kv_record_encode -- format u8 | create u64 | mod u64 | version u64 | lease u64 | value. */
void kv_record_encode(const struct kv_record *rec, struct writer *w);

/* kv_record_decode -- err ERR_CORRUPT. */
MUST_CHECK
enum err kv_record_decode(struct bytes b, struct kv_record *out);

#endif
