/* store/slot.c -- reading both slots, writing the older one. */
#include "store/slot.h"

#include "base/crc32c.h"
#include "base/panic.h"

#include <stdalign.h>

/* The record of one slot; false when it is not whole. */
static bool slot_decode(const struct slot_file *s, const uint8_t *slot, uint64_t *out_counter,
                        struct bytes *out_payload)
{
    struct reader r = reader_of(bytes_of(slot, SLOT_BYTES));
    uint32_t magic = reader_u32(&r);
    uint32_t crc = reader_u32(&r);
    uint64_t counter = reader_u64(&r);
    uint32_t count = reader_u32(&r);
    if (magic != s->magic || counter == 0 || count > SLOT_PAYLOAD_MAX ||
        crc != crc32c(0, slot + 8, SLOT_BYTES - 8)) {
        return false;
    }
    *out_counter = counter;
    *out_payload = reader_take(&r, count);
    return true;
}

static bool all_zero(const uint8_t *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

static enum err slot_load(struct slot_file *s, uint8_t *out_payload, size_t *out_count)
{
    uint8_t both[2 * SLOT_BYTES] = { 0 };
    size_t have = 0;
    TRY(os_file_read(s->file, 0, both, sizeof both, &have));
    for (size_t i = 0; i < 2; i++) {
        uint64_t counter = 0;
        struct bytes payload;
        if (slot_decode(s, both + i * SLOT_BYTES, &counter, &payload) && counter > s->counter) {
            s->counter = counter;
            memcpy(out_payload, payload.data, payload.count);
            *out_count = payload.count;
        }
    }
    return s->counter == 0 && !all_zero(both, sizeof both) ? ERR_CORRUPT : ERR_OK;
}

enum err slot_open(struct os_dir *dir, const char *name, uint32_t magic, struct slot_file *out,
                   uint8_t *out_payload, size_t *out_count)
{
    struct slot_file s = { .magic = magic };
    uint64_t size = 0;
    *out_count = 0;
    TRY(os_file_open(dir, name, OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_CREATE, &s.file));
    enum err e = os_file_size(s.file, &size);
    if (e == ERR_OK && size < 2 * SLOT_BYTES) {
        static const uint8_t zeroes[SLOT_BYTES];
        /* new, or cut short while it was made: nothing was promised before both slots were there */
        e = size == 0 ? ERR_OK : slot_load(&s, out_payload, out_count);
        for (uint64_t at = s.counter == 0 ? 0 : SLOT_BYTES; e == ERR_OK && at < 2 * SLOT_BYTES;
             at += SLOT_BYTES) {
            e = os_file_write(s.file, at, zeroes, SLOT_BYTES);
        }
        e = e == ERR_OK ? os_file_sync(s.file) : e;
        e = e == ERR_OK ? os_dir_sync(dir) : e;
    } else if (e == ERR_OK) {
        e = slot_load(&s, out_payload, out_count);
    }
    if (e != ERR_OK) {
        os_file_close(s.file);
        return e;
    }
    *out = s;
    return ERR_OK;
}

enum err slot_write(struct slot_file *s, struct bytes payload)
{
    alignas(8) uint8_t slot[SLOT_BYTES] = { 0 };
    ASSERT(payload.count <= SLOT_PAYLOAD_MAX);
    uint64_t counter = s->counter + 1;
    struct writer w = writer_of(slot, sizeof slot);
    writer_u32(&w, s->magic);
    writer_u32(&w, 0);
    writer_u64(&w, counter);
    writer_u32(&w, (uint32_t)payload.count);
    writer_put(&w, payload);
    uint32_t crc = crc32c(0, slot + 8, SLOT_BYTES - 8);
    struct writer head = writer_of(slot + 4, 4);
    writer_u32(&head, crc);
    TRY(os_file_write(s->file, (counter % 2) * SLOT_BYTES, slot, sizeof slot));
    TRY(os_file_sync(s->file));
    s->counter = counter;
    return ERR_OK;
}

void slot_close(struct slot_file *s)
{
    if (s->file != NULL) {
        os_file_close(s->file);
        s->file = NULL;
    }
}
