/* store/slot.c -- reading both slots, writing one after the other. */
#include "store/slot.h"

#include "base/crc32c.h"
#include "base/mark.h"
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

/* payload into the slot that does not hold the newest record. */
static enum err slot_put(struct slot_file *s, struct bytes payload)
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

/* Counts a slot that stands in the other one's place as damaged: the next write would hit it. */
static bool slot_good(const struct slot_file *s, const uint8_t *both, uint64_t place,
                      uint64_t *out_counter, struct bytes *out_payload)
{
    return slot_decode(s, both + place * SLOT_BYTES, out_counter, out_payload) &&
           *out_counter % 2 == place;
}

/* A sync that failed may have left the newest in the kernel's memory only, where it is read as if
 * it were safe: the same bytes go to its place once more, before anything goes over the other,
 * which a sync has saved. */
static enum err slot_settle(struct slot_file *s, const uint8_t *newest)
{
    TRY(os_file_write(s->file, (s->counter % 2) * SLOT_BYTES, newest, SLOT_BYTES));
    return os_file_sync(s->file);
}

static enum err slot_load(struct slot_file *s, uint8_t *out_payload, size_t *out_count)
{
    uint8_t both[2 * SLOT_BYTES] = { 0 };
    size_t have = 0;
    struct bytes payload[2];
    uint64_t counter[2] = { 0 };
    bool good[2];
    TRY(os_file_read(s->file, 0, both, sizeof both, &have));
    for (uint64_t i = 0; i < 2; i++) {
        good[i] = slot_good(s, both, i, &counter[i], &payload[i]);
    }
    if (!good[0] && !good[1]) {
        bool begun = all_zero(both, SLOT_BYTES); /* record 1 goes to place 1, and may be torn */
        MARK_IF(!begun, "store: both slots are damaged");
        return begun ? ERR_OK : ERR_CORRUPT;
    }
    int newest = good[0] && (!good[1] || counter[0] > counter[1]) ? 0 : 1;
    s->counter = counter[newest];
    memcpy(out_payload, payload[newest].data, payload[newest].count);
    *out_count = payload[newest].count;
    if (good[0] && good[1]) {
        TRY(slot_settle(s, both + newest * SLOT_BYTES));
    }
    bool agree = have == sizeof both && good[0] && good[1] && bytes_equal(payload[0], payload[1]);
    MARK_IF(!agree, "store: a slot is healed");
    return agree ? ERR_OK : slot_put(s, payload[newest]);
}

enum err slot_open(struct os_dir *dir, const char *name, uint32_t magic, bool create,
                   struct slot_file *out, uint8_t *out_payload, size_t *out_count)
{
    struct slot_file s = { .magic = magic };
    uint32_t flags = OS_OPEN_READ | OS_OPEN_WRITE | (create ? OS_OPEN_CREATE : 0u);
    *out_count = 0;
    TRY(os_file_open(dir, name, flags, &s.file));
    enum err e = slot_load(&s, out_payload, out_count);
    if (e == ERR_OK && create && s.counter == 0) {
        e = os_dir_sync(dir);
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
    TRY(slot_put(s, payload));
    return slot_put(s, payload);
}

void slot_close(struct slot_file *s)
{
    if (s->file != NULL) {
        os_file_close(s->file);
        s->file = NULL;
    }
}
