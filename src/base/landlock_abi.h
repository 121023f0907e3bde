/* landlock_abi.h: what Landlock's system calls take (landlock(7)): from linux/landlock.h, of which
 * the headers of many machines know only the first version. */
#ifndef BASE_LANDLOCK_ABI_H
#define BASE_LANDLOCK_ABI_H

#include <stdint.h>

/* Rights of files. */
enum {
    LANDLOCK_EXECUTE = 1 << 0,
    LANDLOCK_WRITE_FILE = 1 << 1,
    LANDLOCK_READ_FILE = 1 << 2,
    LANDLOCK_READ_DIR = 1 << 3,
    LANDLOCK_REMOVE_DIR = 1 << 4,
    LANDLOCK_MAKE_SYM = 1 << 12, /* the last of removing and making, which stand in a row */
    LANDLOCK_REFER = 1 << 13,    /* refused by every ruleset that does not allow it */
    LANDLOCK_TRUNCATE = 1 << 14,
    LANDLOCK_IOCTL_DEV = 1 << 15
};

enum { LANDLOCK_VERSION_FLAG = 1, LANDLOCK_PATH_BENEATH = 1 };

struct landlock_attributes {
    uint64_t handled; /* of files; the first version of the kernel's struct ends here */
    uint64_t network;
    uint64_t scopes;
};

struct landlock_beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

#endif
