/* base/limits.h -- every bound that rooms share, with unit, reason and the relations between them;
 * a bound of one room stands in its headers.
 *
 * Invariants: the static assertions below; configuration may lower a bound, never raise it
 * Thread:     any, constants
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <assert.h>

#define KIB 1024u
#define MIB (1024u * 1024u)
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* Data model (as etcd's defaults, so that its users need not think again). */
#define KV_KEY_BYTES_MAX (2u * KIB)
#define KV_VALUE_BYTES_MAX (1u * MIB)
#define KV_TXN_BYTES_MAX (1536u * KIB)
#define KV_TXN_OPS_MAX 128u

/* Log: an entry is a command with its envelope. */
#define ENTRY_ENVELOPE_BYTES_MAX (16u * KIB)
#define ENTRY_BYTES_MAX (KV_TXN_BYTES_MAX + ENTRY_ENVELOPE_BYTES_MAX)
#define WAL_BATCH_BYTES_MAX                                                                        \
    (1u * MIB) /* gathered in one sync; one larger entry may exceed it alone */
#define WAL_SEGMENT_BYTES_FIRST (2u * MIB)
#define WAL_SEGMENT_BYTES_MAX (64u * MIB)
#define WAL_BLOCK_BYTES (4u * KIB)
#define WAL_SPARES_MAX 2u                  /* segments given back that are kept to be used again */
#define WAL_GIVE_MAX 64u                   /* segments given back by one job */
#define LOG_UNSYNCED_BYTES_MAX (32u * MIB) /* queued for the disk; then writes are refused */
#define LOG_CACHE_BYTES_IDLE (256u * KIB)  /* what of them a node keeps that has nothing to do */
#define LOG_CACHE_BYTES_MAX (8u * MIB)     /* newest entries kept in memory for peers and apply */

/* Snapshots. */
#define SNAP_KEPT 2u             /* finished ones; older ones are removed */
#define SNAP_CHUNK_BYTES_MAX MIB /* what one checksum covers, and one job reads or writes */
#define SNAP_CONF_BYTES_MAX (64u * KIB)
#define SNAP_VALUE_BYTES_MAX ENTRY_BYTES_MAX /* of a row: a command's value and its envelope */
#define SNAP_BYTES_MAX (1024 * 1024 * (uint64_t)MIB) /* of one that is received: 1 TiB */
#define SNAP_BYTES_PER_S (64u * MIB) /* written at most so fast: the log is on the same disk */

/* Raft core. */
#define RAFT_VOTERS_MAX 16u
#define RAFT_LEARNERS_MAX 16u
#define RAFT_PEERS_MAX 32u
#define RAFT_INFLIGHT_MSGS_MAX 128u
#define RAFT_INFLIGHT_BYTES_MAX (4u * MIB)
#define RAFT_APPEND_BYTES_MAX (1u * MIB)
#define RAFT_APPEND_ENTRIES_MAX 4096u
#define RAFT_UNCOMMITTED_BYTES_MAX (64u * MIB)
#define RAFT_APPLY_BYTES_MAX (8u * MIB)
#define RAFT_TERM_RUNS_MAX 4096u
#define RAFT_SIZE_RING 65536u
#define RAFT_READ_BATCHES_MAX 1024u
#define RAFT_PROPOSALS_MAX 1024u        /* ranges of tickets in flight */
#define RAFT_TERM_JUMP_MAX (1ull << 32) /* in one message: elections of a century */

/* Network. */
#define NET_FRAME_BYTES_MAX (10u * 1000u * 1000u) /* a message between nodes: at most 10 MB */
#define NET_PEERS_MAX 64u               /* members, and as many who are none, or not any more */
#define NET_CONNS_MAX 160u              /* QUIC connections, handshakes included */
#define NET_QUEUE_BYTES_MAX (16u * MIB) /* unsent bytes a peer and stream class */
#define NET_COOKIE_BYTES_MAX 256u

/* HTTP. */
#define HTTP_CONNS_MAX 4096u
#define HTTP_CONNS_PER_IP_MAX 2048u       /* one client cannot take all */
#define HTTP_CLIENT_BYTES_MAX (48u * MIB) /* large bodies of one client at work; others find room */
#define HTTP_HEAD_BYTES_MAX (8u * KIB)
#define HTTP_TARGET_BYTES_MAX (4u * KIB)
#define HTTP_FIELDS_MAX 64u
#define HTTP_BODY_BYTES_MAX (4u * MIB) /* JSON escapes can double a transaction */
#define HTTP_HEAD_MS_MAX 10000u        /* whole head, from its first byte */
#define HTTP_BODY_MS_MAX 30000u        /* whole body, from its first byte */
#define HTTP_WRITE_MS_MAX 30000u       /* a reader that takes nothing for so long is cut off */

/* Node. */
#define MAILBOX_MESSAGES 8192u
#define CALLS_MAX 16384u      /* client operations in flight */
#define CALL_MS_DEFAULT 5000u /* deadline of a client operation */
#define STOP_MS_MAX 5000u     /* from SIGTERM to the end of the process */
#define OVERLAY_BYTES_DEFAULT (32u * MIB)
#define NODE_ADDR_BYTES_MAX 256u /* text of one address */
#define NODE_ADDRS_MAX 16u       /* addresses of one endpoint */

static_assert(KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX <= KV_TXN_BYTES_MAX, "a single set fits");
static_assert(NET_PEERS_MAX > RAFT_PEERS_MAX, "there is a place for every member, and one more");
static_assert(ENTRY_BYTES_MAX + 64u * KIB <= NET_FRAME_BYTES_MAX, "an entry fits a frame");
static_assert(RAFT_APPEND_BYTES_MAX + ENTRY_BYTES_MAX + 64u * KIB <= NET_FRAME_BYTES_MAX,
              "an append that ends with the largest entry fits a frame");
static_assert(ENTRY_BYTES_MAX + WAL_BLOCK_BYTES <= WAL_SEGMENT_BYTES_FIRST,
              "the largest entry fits the smallest segment");
static_assert(SNAP_CHUNK_BYTES_MAX + 64u * KIB <= NET_FRAME_BYTES_MAX, "a chunk fits a frame");
static_assert(2u * KV_TXN_BYTES_MAX <= HTTP_BODY_BYTES_MAX, "an escaped transaction fits a body");
static_assert(HTTP_TARGET_BYTES_MAX < HTTP_HEAD_BYTES_MAX, "the target is part of the head");
static_assert(HTTP_CONNS_PER_IP_MAX < HTTP_CONNS_MAX, "others find room beside one client");
static_assert(RAFT_VOTERS_MAX + RAFT_LEARNERS_MAX <= RAFT_PEERS_MAX, "every member has a slot");
static_assert(NET_FRAME_BYTES_MAX <= NET_QUEUE_BYTES_MAX, "a queue holds the largest frame");

#endif
