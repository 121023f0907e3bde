/* record_file.h: how a record stands in its file (core/record.h); of its writer and its readers
 * alone. */
#ifndef CORE_RECORD_FILE_H
#define CORE_RECORD_FILE_H

#include <fcntl.h>
#include <stdatomic.h>

#include "core/record.h"

/* What changes while the run goes on. */
struct record_facts {
    struct record_about about;
    /* How far the output in the file goes once what is being written stands there, and how far it
     * goes now. Behind the first part there are the last bytes before `begun`. */
    int64_t begun, written;
    uint8_t is_full; /* no more is written, since RUN_DIR had no room */
};

/* The head of the file, which whoever has it open has mapped (mmap(2)). The first part of the
 * output stands behind it, and then a ring for the last part. */
struct record_head {
    uint64_t version;
    int64_t first, last; /* bytes of these */
    /* Odd while the facts are written: who has read them then, or finds it changed, reads again.
     * Of 32 bits, since not every machine has wider ones that are atomic. */
    _Atomic uint32_t changes;
    struct record_facts facts;
};

enum { RECORD_VERSION = 1, RECORD_HEAD = 4096 };

/* What other processes say to the keeper by its control socket, with a descriptor of a pipe of
 * somebody who follows. */
struct record_control {
    uint8_t what; /* below */
    char user[LIMIT_USER];
};
enum { RECORD_CONTROL_FOLLOW = 1, RECORD_CONTROL_KILL };

/* The lock that a keeper has on its record. */
int record_lock(int fd, int operation, struct flock *lock);

/* Maps the head of an open record, for one that writes or for one that reads. NULL with errno. */
struct record_head *record_map(int fd, bool writes);

/* The time of day, in microseconds since 1970. */
int64_t record_now(void);

/* Reads the facts, as they are at one moment. */
void record_facts(const struct record_head *head, struct record_facts *facts);

/* ---- record_folder.c ---- */

/* The folder of a role's records below RUN_DIR, made where `makes` is set. Returns its descriptor,
 * or -1 with errno. */
int record_folder(int run_dir, const char *role, bool makes);

/* The socket of a run's keeper: its name in the folder. */
enum { RECORD_SOCKET = MESSAGE_RUN_ID + 1 };
void record_socket_name(char out[RECORD_SOCKET], const char *run);

/* Whether it is the name of a run. */
bool record_is_name(const char *name);

/* Removes the oldest of the folder's records whose runs have ended, so that there is room for one
 * more of `keep`. False where there is none. The caller has flock(2) on the folder. */
bool record_make_room(int folder, uint64_t keep);

#endif
