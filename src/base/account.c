#include "base/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fd.h"
#include "base/num.h"

#define PASSWD "/etc/passwd"
#define GROUP "/etc/group"

/* A file of lines, read piece by piece. */
struct lines {
    int fd;
    size_t start, end;
    bool failed; /* it can't be read, or a line is too long */
    char at[LIMIT_ACCOUNT_LINE];
};

/* The next line, with a NUL for its newline, or NULL at the end. It is good until the next call. */
static char *next_line(struct lines *l) {
    for (;;) {
        char *line = l->at + l->start, *newline = memchr(line, '\n', l->end - l->start);
        if (newline != NULL) {
            *newline = '\0';
            l->start = (size_t)(newline - l->at) + 1;
            return line;
        }
        memmove(l->at, line, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
        ssize_t n = read(l->fd, l->at + l->end, sizeof l->at - l->end);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 && (n < 0 || l->end == 0 || l->end == sizeof l->at)) {
            l->failed = n < 0 || l->end > 0;
            return NULL;
        }
        if (n == 0)
            l->at[l->end++] = '\n'; /* the last line may have none */
        l->end += (size_t)n;
    }
}

/* Splits a line at its colons into exactly `count` fields. */
static bool split_fields(char *line, char **field, size_t count) {
    size_t n = 0;
    for (char *at = line; at != NULL && n < count; n++) {
        field[n] = at;
        at = strchr(at, ':');
        if (at != NULL)
            *at++ = '\0';
        else if (n + 1 < count)
            return false;
        else
            return true;
    }
    return false;
}

static bool read_id(const char *text, unsigned *id) {
    uint64_t number;
    /* The last number is (uid_t)-1, which tells setresuid(2) to change nothing. */
    if (!num_decimal(text, strlen(text), UINT32_MAX - 1, &number))
        return false;
    *id = (unsigned)number;
    return true;
}

/* name:password:uid:gid:gecos:home:shell */
static bool take_user(struct account *a, char *const field[7]) {
    if (!read_id(field[2], &a->uid) || !read_id(field[3], &a->gid)
        || strlen(field[0]) >= sizeof a->name || strlen(field[5]) >= sizeof a->home
        || strlen(field[6]) >= sizeof a->shell)
        return false;
    strcpy(a->name, field[0]);
    strcpy(a->home, field[5]);
    strcpy(a->shell, field[6]);
    return true;
}

static struct lines *open_lines(const char *path) {
    static _Alignas(4096) struct lines l; /* large, and what is used of it on one page */
    l.start = l.end = 0;
    l.failed = false;
    l.fd = fd_open(path, O_RDONLY);
    return l.fd == -1 ? NULL : &l;
}

/* The first entry with that name, or with that number when name is NULL. */
static int find_user(struct account *a, const char *passwd, const char *name, uid_t uid) {
    struct lines *l = open_lines(passwd);
    int result = -1;
    char *line;
    if (l == NULL)
        return -1;
    while (result == -1 && (line = next_line(l)) != NULL) {
        char *field[7];
        unsigned id;
        if (split_fields(line, field, 7)
            && (name != NULL ? strcmp(field[0], name) == 0 : read_id(field[2], &id) && id == uid)) {
            result = take_user(a, field) ? 0 : -1;
            break;
        }
    }
    close(l->fd);
    return result;
}

static bool is_listed(const char *members, const char *name) {
    size_t n = strlen(name);
    while (*members != '\0') {
        size_t member = strcspn(members, ",");
        if (member == n && memcmp(members, name, n) == 0)
            return true;
        members += member + (members[member] == ',');
    }
    return false;
}

/* name:password:gid:member,member */
static int find_groups(struct account *a, const char *group) {
    struct lines *l = open_lines(group);
    bool room = account_add_group(a, a->gid);
    a->in_root_group = a->gid == 0;
    char *line;
    if (l == NULL)
        return errno == ENOENT && room ? 0 : -1;
    while (room && (line = next_line(l)) != NULL) {
        char *field[4];
        unsigned id;
        if (!split_fields(line, field, 4) || !is_listed(field[3], a->name)
            || !read_id(field[2], &id))
            continue;
        if (id == 0)
            a->in_root_group = true;
        else
            room = account_add_group(a, id);
    }
    close(l->fd);
    return room && !l->failed ? 0 : -1;
}

int account_find_in(struct account *a, const char *name, const char *passwd, const char *group) {
    a->group_count = 0;
    a->more_groups = false;
    return find_user(a, passwd, name, 0) == 0 && find_groups(a, group) == 0 ? 0 : -1;
}

const char *account_unfit(const struct account *a) {
    if (a->uid == 0)
        return "is root, as whom nothing runs";
    if (a->uid == ACCOUNT_PROXY)
        return "has the number that processes have which read the PROXY protocol";
    if (a->uid == ACCOUNT_HTTP)
        return "has the number that processes have which parse HTTP";
    if (a->uid == ACCOUNT_SYSLOG)
        return "has the number that the process has which prints lines of /dev/log";
    return a->uid == ACCOUNT_TLS ? "has the number that processes with a TLS key have" : NULL;
}

int account_find(struct account *a, const char *name) {
    return account_find_in(a, name, PASSWD, GROUP);
}

static void name_by_number(struct account *a, uid_t uid) {
    snprintf(a->name, sizeof a->name, "%lu", (unsigned long)uid);
    snprintf(a->home, sizeof a->home, "/");
    a->shell[0] = '\0';
}

void account_number(struct account *a, const char *ids) {
    const char *colon = strchr(ids, ':');
    uint64_t uid = 0, gid = 0; /* what is not well-formed is root, as whom nothing runs */
    *a = (struct account){.group_count = 0};
    if (colon != NULL && num_decimal(ids, (size_t)(colon - ids), INT32_MAX, &uid))
        num_decimal(colon + 1, strlen(colon + 1), INT32_MAX, &gid);
    a->uid = (uid_t)uid;
    a->gid = (gid_t)gid;
    name_by_number(a, a->uid);
    account_add_group(a, a->gid);
}

void account_self(struct account *a) {
    uid_t uid = geteuid();
    if (find_user(a, PASSWD, NULL, uid) == -1)
        name_by_number(a, uid);
    a->uid = uid;
    a->gid = getegid();
    a->group_count = getgroups(LIMIT_GROUPS, a->groups);
    a->more_groups = a->group_count < 0;
    if (a->more_groups)
        a->group_count = 0;
    a->in_root_group = a->gid == 0;
    for (int i = 0; i < a->group_count; i++)
        a->in_root_group = a->in_root_group || a->groups[i] == 0;
}

bool account_any(bool (*test)(const struct account *a, const void *context), const void *context) {
    struct lines *l = open_lines(PASSWD);
    struct account a = {.group_count = 0};
    char *line, *field[7];
    bool found = false;
    while (l != NULL && !found && (line = next_line(l)) != NULL)
        found = split_fields(line, field, 7) && take_user(&a, field) && test(&a, context);
    if (l != NULL)
        close(l->fd);
    return found;
}

bool account_socket_group(gid_t *group, char *const *environment) {
    const char *host = env_get(environment, "DOCKER_HOST"), *path = "/var/run/docker.sock";
    struct stat st;
    if (host != NULL && *host != '\0')
        path = strncmp(host, "unix://", 7) == 0 ? host + 7 : NULL;
    if (path == NULL || stat(path, &st) == -1 || !S_ISSOCK(st.st_mode)
        || (st.st_mode & S_IWGRP) == 0)
        return false;
    *group = st.st_gid;
    return true;
}

bool account_add_group(struct account *a, gid_t group) {
    for (int i = 0; i < a->group_count; i++)
        if (a->groups[i] == group)
            return true;
    if (a->group_count == LIMIT_GROUPS)
        return false;
    a->groups[a->group_count++] = group;
    return true;
}

void account_leave_group(struct account *a, gid_t group) {
    int kept = 0;
    for (int i = 0; i < a->group_count; i++)
        if (a->groups[i] != group)
            a->groups[kept++] = a->groups[i];
    a->group_count = kept;
}

bool account_is_root(void) { return getauxval(AT_EUID) == 0; }
