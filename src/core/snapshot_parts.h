/* snapshot_parts.h: how a snapshot stands in its file, and what snapshot.c, which takes one, and
 * snapshot_leave.c have of one another. */
#ifndef CORE_SNAPSHOT_PARTS_H
#define CORE_SNAPSHOT_PARTS_H

#include <stdint.h>

#include "core/snapshot.h"

/* The state of a file or directory. Whatever is done to one, by a write, a change of its owner or
 * mode, a rename, a mount over it, makes a difference here. (Through a mapping (mmap(2)) that was
 * written to before, and not been flushed, a file can change without: no editor does that.) */
struct snapshot_witness {
    uint64_t inode, size, mount;
    int64_t changed_s, modified_s;
    uint32_t changed_ns, modified_ns, device_major, device_minor, mode, uid, gid;
    /* an index of `snapshot_bases`: it stands below that; or SNAPSHOT_BASES, for an absolute path
     */
    uint32_t base;
    uint32_t path; /* in the texts */
    uint32_t missing;
};

/* A mount that some of them are on, which must stay read-only if it was. */
struct snapshot_mount {
    uint64_t id;
    uint32_t witness; /* one that is on it */
    uint32_t read_only;
};

/* What says where they are. Paths below one of the first few stand there without it. */
enum { SNAPSHOT_BASES = 3, SNAPSHOT_ALL_BASES = 5 };
extern const enum setting snapshot_bases[SNAPSHOT_ALL_BASES];

/* The file begins with this. Behind it stand the mounts, the witnesses, the texts, and the bytes
 * that it is about. The first texts are those of `snapshot_bases`. */
struct snapshot_head {
    char label[64];
    int64_t clock; /* the time of day, less the time since the machine's start */
    uint32_t mounts, witnesses, texts, bytes;
};

/* Writes what a file of this name must begin with, of this version. */
void snapshot_put_label(char label[64], const char *name);

/* The path of the file of that name in RUN_DIR. False where there is none: for a process that is
 * not root, or where it is too long. */
bool snapshot_name_file(char path[LIMIT_PATH], const struct settings *s, const char *name);

/* The time of day, less the time since the machine's start, in seconds: it stays the same, but for
 * somebody who sets the clock. After that, a file's time could come a second time. */
int64_t snapshot_read_clock(void);

/* Fills in the state of what is at `path`, from the open `directory` or AT_FDCWD on, links not
 * followed; the rest of w stays. Returns 0, or an error's number. */
int snapshot_look(struct snapshot_witness *w, int directory, const char *path);

/* Sets whether the mount that `path` is on is read-only. False where it can't be told, or where
 * files change elsewhere (snapshot_is_local). */
bool snapshot_look_at_mount(struct snapshot_mount *m, const char *path);

/* Whether nobody but root can write what is there, or put something else in its place. */
bool snapshot_is_roots_alone(const char *path);

/* All that credentials stand in is root's alone: notes that it has been judged (core/protect.h). */
void snapshot_note_judged(void);

#endif
