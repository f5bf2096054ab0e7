/* net/frames.c -- the frame cutter. */
#include "net/frames.h"

#include "base/mark.h"
#include "base/panic.h"

void frames_init(struct frames *f)
{
    memset(f, 0, sizeof *f);
}

void frames_done(struct frames *f, struct mem *mem)
{
    mem_free(mem, f->body);
    memset(f, 0, sizeof *f);
}

/* Take what belongs to the head; ERR_OK also when it is not whole yet. */
static enum err feed_head(struct frames *f, struct bytes *in)
{
    while (f->head_count < FRAMES_HEAD_BYTES && in->count > 0) {
        f->head[f->head_count++] = in->data[0];
        *in = bytes_of(in->data + 1, in->count - 1);
    }
    if (f->head_count == FRAMES_HEAD_BYTES) {
        struct reader r = reader_of(bytes_of(f->head, FRAMES_HEAD_BYTES));
        f->size = reader_u32(&r);
        if (f->size > NET_FRAME_BYTES_MAX) {
            MARK("net: a frame too large");
            return ERR_FRAME_TOO_LARGE;
        }
    }
    return ERR_OK;
}

/* Room for more bytes of the frame: doubling, at most the whole frame. */
static enum err grow(struct frames *f, struct mem *mem, uint32_t more)
{
    uint32_t need = f->count + more;
    ASSERT(need <= f->size);
    if (need <= f->capacity) {
        return ERR_OK;
    }
    uint32_t capacity = f->capacity < FRAMES_BUFFER_BYTES ? FRAMES_BUFFER_BYTES : f->capacity * 2;
    if (capacity < need) {
        capacity = need;
    }
    if (capacity > f->size && f->size > FRAMES_BUFFER_BYTES) {
        capacity = f->size;
    }
    uint8_t *body = mem_resize(mem, f->body, capacity);
    if (body == NULL) {
        return ERR_NO_MEMORY;
    }
    f->body = body;
    f->capacity = capacity;
    return ERR_OK;
}

/* The frame is whole: hand it on, be ready for the next. */
static enum err finish(struct frames *f, struct mem *mem, struct bytes frame, frames_fn fn,
                       void *arg)
{
    bool go_on = fn(arg, frame);
    f->head_count = 0;
    f->count = 0;
    if (f->capacity > FRAMES_BUFFER_BYTES_KEPT) {
        mem_free(mem, f->body);
        f->body = NULL;
        f->capacity = 0;
    }
    return go_on ? ERR_OK : ERR_SHUTTING_DOWN;
}

enum err frames_feed(struct frames *f, struct mem *mem, struct bytes in, frames_fn fn, void *arg)
{
    while (in.count > 0) {
        if (f->head_count < FRAMES_HEAD_BYTES) {
            TRY(feed_head(f, &in));
            if (f->head_count < FRAMES_HEAD_BYTES) {
                return ERR_OK;
            }
        }
        uint32_t left = f->size - f->count;
        uint32_t n = in.count < left ? (uint32_t)in.count : left;
        struct bytes piece = bytes_of(in.data, n);
        in = bytes_of(in.data + n, in.count - n);
        if (f->count == 0 && n == f->size) {
            TRY(finish(f, mem, piece, fn, arg));
            continue;
        }
        if (n == 0) {
            return ERR_OK; /* the head ended this piece */
        }
        TRY(grow(f, mem, n));
        memcpy(f->body + f->count, piece.data, n);
        f->count += n;
        if (f->count == f->size) {
            TRY(finish(f, mem, bytes_of(f->body, f->size), fn, arg));
        }
    }
    return ERR_OK;
}
