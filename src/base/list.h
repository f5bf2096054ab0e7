/* base/list.h -- intrusive doubly linked list; the nodes live inside what they link.
 *
 * Invariants: an empty list, and a node in no list, point to themselves
 * Owns:       nothing
 * Thread:     the owner's
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

/* list_init -- an empty list, or a node in no list. */
static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

/* list_empty -- of a list: it has no nodes; of a node: it is in no list. */
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

/* list_remove -- take out; fine when it is in no list. */
static inline void list_remove(struct list *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    list_init(node);
}

/* list_push_back -- put a node that is in no list at the end. */
static inline void list_push_back(struct list *l, struct list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

/* list_push_front -- the same at the front. */
static inline void list_push_front(struct list *l, struct list *node)
{
    list_push_back(l->next, node);
}

/* CONTAINER_OF -- from a pointer to a member back to its struct. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* LIST_EACH -- node walks the list; the body must not remove node (take next first for that). */
#define LIST_EACH(node, l) for (struct list *node = (l)->next; node != (l); node = node->next)

#endif
