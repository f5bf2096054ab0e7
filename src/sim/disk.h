/* sim/disk.h -- a disk in memory that forgets what was not synced.
 *
 * Shape:      files are bytes in two versions: what the process sees, and what is safe. A write
 *             changes the first, a sync makes the second share it. Names likewise: what a
 *             directory's sync has seen is safe. A third version, each page as it was before its
 *             newest write, is what a stale read is given.
 * Invariants: a crash takes, for every sector and name that is not safe, the old state, the new
 *             one, or a torn one; a file that was renamed has one of its two names; what is safe
 *             never changes by a crash; a sector that is not dirty is the same in both
 * Order:      operations are counted from 1; the crash comes inside the one that was asked for, all
 *             later ones fail until sim_disk_restart
 * Owns:       every byte, counted in the account
 * Thread:     one
 * Why:        directories themselves are taken as safe once made: only a new cluster makes them
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "base/bytes.h"
#include "base/mem.h"
#include "base/prng.h"
#include "sim/image.h"

enum {
    SIM_FILES_MAX = 1024,
    SIM_NAMES_MAX = 1024,
    SIM_NAME_BYTES = 96,
    SIM_LOCKS_MAX = 4,
    SIM_SECTOR_BYTES = 512
};

struct sim_file {
    uint32_t users; /* names and open handles */
    struct sim_image now;
    struct sim_image safe;
    struct sim_image before; /* each page as it was before its newest write */
    uint8_t *dirty;          /* one a sector: 0, it is safe */
    size_t dirty_first;      /* sectors outside first..end-1 are clean */
    size_t dirty_end;        /* 0: all are */
    size_t now_bytes;
    size_t safe_bytes;
    size_t told_bytes; /* a log has synced something behind these: they are known to have been */
    size_t capacity;   /* of each version, whole pages */
};

struct sim_name {
    char name[SIM_NAME_BYTES]; /* with its directory; "": a free slot */
    int now;                   /* file, -1: none */
    int safe;
};

/* A place of which an older version is read. */
struct sim_stale {
    int file;
    size_t offset;
    size_t bytes;
    uint32_t reads; /* so many are left; 0: there is none */
    uint64_t given; /* reads that were given one, ever */
};

struct sim_disk {
    struct mem *mem;
    struct prng prng;
    struct sim_file file[SIM_FILES_MAX];
    struct sim_name name[SIM_NAMES_MAX];
    uint64_t ops;
    uint64_t crash_at; /* 0: never */
    bool crash_sync;   /* at the next sync of a file: any part of what it was to save is there */
    bool crash_vote;   /* likewise, of the file of term and vote */
    uint64_t fault_at; /* 0: never; this operation alone fails, with fault */
    enum err fault;
    uint64_t reads;
    uint64_t read_fault_at; /* 0: never; this read alone fails, with ERR_IO */
    struct sim_stale stale;
    uint64_t snap_rot;     /* a seed: the next snapshot that is opened has rotted; 0: it has not */
    uint64_t snaps_rotted; /* ever */
    bool down;
    bool full;                                /* nothing may grow */
    char lock[SIM_LOCKS_MAX][SIM_NAME_BYTES]; /* names held by a process; "": free */
};

/* sim_disk_init, sim_disk_done -- an empty disk; the seed decides what survives a crash. */
void sim_disk_init(struct sim_disk *d, struct mem *mem, uint64_t seed);
void sim_disk_done(struct sim_disk *d);

/* sim_disk_restart -- the power comes back: what is there is what survived. No handle is open. */
void sim_disk_restart(struct sim_disk *d);

/* sim_disk_survive -- only the process has ended: what it wrote stays as it was, synced or not. */
void sim_disk_survive(struct sim_disk *d);

/* sim_disk_op -- count one changing operation.
 *   err  ERR_IO (down), or the planned fault: it must do nothing
 *   *out_last  the crash comes in it: it may do what it likes, and then answers ERR_IO */
MUST_CHECK
enum err sim_disk_op(struct sim_disk *d, bool *out_last);

/* sim_disk_find -- file of a name; -1: none. */
int sim_disk_find(const struct sim_disk *d, const char *name);

/* sim_name_ends -- whether a name ends in suffix. */
bool sim_name_ends(const struct sim_name *n, const char *suffix);

/* sim_disk_create -- err ERR_NO_SPACE (a table is full), ERR_IO. */
MUST_CHECK
enum err sim_disk_create(struct sim_disk *d, const char *name, int *out_file);

/* sim_disk_rename, sim_disk_unlink -- safe after sim_disk_sync_names.
 *   err  ERR_NO_FILE;  ERR_NO_SPACE (a table is full);  ERR_IO, or the planned fault */
MUST_CHECK
enum err sim_disk_rename(struct sim_disk *d, const char *from, const char *to);
MUST_CHECK
enum err sim_disk_unlink(struct sim_disk *d, const char *name);

/* sim_disk_sync_names -- all names that begin with prefix are safe now. */
MUST_CHECK
enum err sim_disk_sync_names(struct sim_disk *d, const char *prefix);

/* sim_disk_read -- copy at most count bytes from offset on; out_count: how many the file has there.
 * sim_disk_write -- what the process sees changes; a gap before offset reads as zeroes. One that
 *   fails has written a part, drawn, of whole sectors.
 * sim_disk_truncate -- the file has so many bytes now, zeroes where it grew.
 * sim_disk_sync -- what was written is safe now. One that fails has dropped it: the process sees it
 *   still, but no other sync makes it safe, unless it is written again.
 *   err  ERR_NO_SPACE (full, or the account is), ERR_IO, or the planned fault */
MUST_CHECK
enum err sim_disk_read(struct sim_disk *d, int file, uint64_t offset, void *out, size_t count,
                       size_t *out_count);
MUST_CHECK
enum err sim_disk_write(struct sim_disk *d, int file, uint64_t offset, const void *data,
                        size_t count);
MUST_CHECK
enum err sim_disk_truncate(struct sim_disk *d, int file, uint64_t bytes);
MUST_CHECK
enum err sim_disk_sync(struct sim_disk *d, int file);

/* sim_disk_rot -- damage one sector, drawn, of what is safe in a log, where a later batch tells
 * that it was there: a bit flips, or a write went astray and another sector's bytes stand there, or
 * it never came. False: there is no such place.
 * sim_rot_open -- files.c's: a file is opened. When it is a snapshot and snap_rot is set, a sector
 * of it rots as above, anywhere, or its end is gone. */
bool sim_disk_rot(struct sim_disk *d, uint64_t seed);
void sim_rot_open(struct sim_disk *d, const char *name, int file);

/* sim_disk_stale -- the next so many reads of one place, drawn, are given what stood there before
 * its newest write, unless it is written first: a sector or a page of a log where a later batch
 * tells that it was there, or of a file of two slots while both hold the same. False: there is no
 * such place, or one is under way.
 * sim_disk_stale_end -- all reads are good again. */
bool sim_disk_stale(struct sim_disk *d, uint64_t seed, uint32_t reads);
void sim_disk_stale_end(struct sim_disk *d);

/* sim_stale_read, sim_stale_write -- disk.c's: bytes of a file were read, or are to be written. */
void sim_stale_read(struct sim_disk *d, int file, size_t offset, uint8_t *out, size_t count);
void sim_stale_write(struct sim_disk *d, int file, size_t offset, size_t count);

/* sim_file_flip -- one bit of the byte at offset, in what is seen and what is safe. */
void sim_file_flip(struct mem *mem, struct sim_file *f, size_t offset);

/* sim_disk_lock -- hold a name until sim_disk_unlock; out_lock: which.
 *   err  ERR_LOCKED;  ERR_NO_SPACE (SIM_LOCKS_MAX are held) */
MUST_CHECK
enum err sim_disk_lock(struct sim_disk *d, const char *name, int *out_lock);

/* sim_disk_unlock -- -1: nothing was held. */
void sim_disk_unlock(struct sim_disk *d, int lock);

/* sim_file_reserve -- each version may have so many bytes.
 *   err  ERR_NO_SPACE: the account is full */
MUST_CHECK
enum err sim_file_reserve(struct mem *mem, struct sim_file *f, size_t bytes);

/* sim_file_drop -- a file without bytes, names or handles. */
void sim_file_drop(struct mem *mem, struct sim_file *f);

/* sim_disk_hold, sim_disk_release -- an open handle keeps its file. */
void sim_disk_hold(struct sim_disk *d, int file);
void sim_disk_release(struct sim_disk *d, int file);

#endif
