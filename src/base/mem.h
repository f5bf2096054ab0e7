/* base/mem.h -- counted memory: a budget per owner, taken at start, bounded afterwards.
 *
 * Shape:      struct mem is an account with a limit; blocks come from the C allocator and are
 *             counted
 * Invariants: used <= limit; after mem_seal, mem_take panics
 * Owns:       the account belongs to one room of one node; blocks belong to whoever took them
 * Thread:     the owner's; two threads never share an account
 * Why:        a limit with a name instead of growth, without touching pages that are not needed yet
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct mem {
    const char *name; /* static text, for the printed budget */
    size_t limit;     /* bytes */
    size_t used;      /* bytes, headers included */
    size_t peak;      /* highest used so far */
    bool sealed;
};

/* mem_init -- an empty account; name is static text. */
void mem_init(struct mem *m, const char *name, size_t limit_bytes);

/* mem_take -- zeroed block at start-up; panics over the limit or after mem_seal. */
void *mem_take(struct mem *m, size_t bytes);

/* mem_seal -- start-up is over: only mem_alloc from here on. */
void mem_seal(struct mem *m);

/* mem_alloc -- block at run time, not zeroed; NULL when it would pass the limit. */
void *mem_alloc(struct mem *m, size_t bytes);

/* mem_resize -- like realloc; NULL (old block kept) when it would pass the limit. */
void *mem_resize(struct mem *m, void *block, size_t bytes);

/* mem_rest -- give the process's free pages back to the system (os_memory_rest). */
void mem_rest(void);

/* mem_free -- give back a block of either kind; NULL is fine. */
void mem_free(struct mem *m, void *block);

#endif
