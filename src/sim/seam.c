/* sim/seam.c -- what arrives is a part of what was sent, in its order. */
#include "sim/seam.h"

#include "base/panic.h"
#include "sim/world.h"

/* FNV-1a, byte by byte: unlike hash64 it does not care where the sender's head ended. */
static uint64_t mix(uint64_t h, struct bytes b)
{
    for (size_t i = 0; i < b.count; i++) {
        h = (h ^ b.data[i]) * 0x100000001b3u;
    }
    return h;
}

static uint64_t hash_of(struct bytes head, struct bytes body)
{
    return mix(mix(0xcbf29ce484222325u + head.count + body.count, head), body);
}

void sim_seam_sent(struct sim_seam *s, uint32_t from, uint32_t to, enum link_class class,
                   struct bytes head, struct bytes body)
{
    struct sim_seam_way *way = &s->way[from][to][class];
    if (way->hash == NULL) {
        way->hash = mem_alloc(&s->world->mem, SIM_SEAM_FRAMES * sizeof *way->hash);
        ASSERT(way->hash != NULL);
    }
    way->hash[way->sent++ % SIM_SEAM_FRAMES] = hash_of(head, body);
}

void sim_seam_arrived(struct sim_seam *s, uint32_t from, uint32_t to, enum link_class class,
                      struct bytes frame)
{
    struct sim_seam_way *way = &s->way[from][to][class];
    uint64_t hash = hash_of(frame, bytes_of(NULL, 0));
    if (way->sent > way->next + SIM_SEAM_FRAMES) {
        way->next = way->sent; /* too many were lost to know */
        return;
    }
    for (uint64_t i = way->next; i < way->sent; i++) {
        if (way->hash[i % SIM_SEAM_FRAMES] == hash) {
            way->next = i + 1;
            return;
        }
    }
    sim_world_fail(s->world,
                   "link: node %u was handed a frame of class %d, %zu bytes, that node %u did not "
                   "send after the one before",
                   to + 1, (int)class, frame.count, from + 1);
}

void sim_seam_done(struct sim_seam *s)
{
    for (uint32_t a = 0; a < SIM_NODES_MAX; a++) {
        for (uint32_t b = 0; b < SIM_NODES_MAX; b++) {
            for (int c = 0; c < LINK_CLASS_COUNT; c++) {
                mem_free(&s->world->mem, s->way[a][b][c].hash);
            }
        }
    }
}
