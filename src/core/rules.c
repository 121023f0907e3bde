#include "core/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <regex.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "core/settings.h"
#include "wire/utf8.h"

/* ---- the table ---- */

void rules_start(struct rules *r) {
    r->count = 0;
    r->store = BUF_ON(r->text);
    r->faults = BUF_ON(r->fault_text);
}

/* Whole lines or none. */
static void fault(struct buf *faults, const char *source, size_t line, const char *reason) {
    struct buf before = *faults;
    if (line > 0)
        buf_format(faults, "%s:%zu: %s\n", source, line, reason);
    else
        buf_format(faults, "%s: %s\n", source, reason);
    if (faults->full)
        *faults = before;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct slice trim(struct slice s) {
    while (s.n > 0 && is_space(s.at[0]))
        s.at++, s.n--;
    while (s.n > 0 && is_space(s.at[s.n - 1]))
        s.n--;
    return s;
}

static const char *add_rule(struct rules *r, const char *source, size_t line, struct slice text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return "has a control character, which no request has";
    if (!utf8_is_valid(text.at, text.n))
        return "is not UTF-8";
    const char *at = r->store.at + r->store.len;
    buf_bytes(&r->store, text.at, text.n);
    buf_char(&r->store, '\0');
    if (r->count == LIMIT_RULES)
        r->store.full = true;
    if (r->store.full)
        return "more rules than there is room for: this one and those behind it are left out";
    r->rule[r->count++] = (struct rule){source, line, at};
    return NULL;
}

/* What some editors put in front of UTF-8: U+FEFF. */
static struct slice without_mark(struct slice s) {
    static const char mark[] = "\xef\xbb\xbf";
    return s.n >= 3 && memcmp(s.at, mark, 3) == 0 ? (struct slice){s.at + 3, s.n - 3} : s;
}

void rules_add(struct rules *r, const char *source, struct slice text, bool terminated) {
    struct slice rest = without_mark(text);
    for (size_t number = 1; rest.n > 0; number++) {
        const char *newline = memchr(rest.at, '\n', rest.n), *wrong = NULL;
        struct slice line = {rest.at, newline != NULL ? (size_t)(newline - rest.at) : rest.n};
        struct slice rule = trim(line);
        bool counts = rule.n > 0 && rule.at[0] != '#';
        if (counts && newline == NULL && terminated)
            wrong = "the last line has no newline: perhaps it is half of a rule, so it counts for none";
        else if (counts)
            wrong = add_rule(r, source, number, rule);
        if (wrong != NULL)
            fault(&r->faults, source, number, wrong);
        if (r->store.full)
            return;
        rest.at += line.n + (newline != NULL);
        rest.n -= line.n + (newline != NULL);
    }
}

static bool is_same_state(const struct stat *a, const struct stat *b) {
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Returns NULL and the content, or what is wrong. One that somebody writes to is read again, a few times. */
static const char *read_file(int fd, char *text, size_t cap, size_t *n) {
    for (int attempt = 0; attempt < 3; attempt++) {
        struct stat before, after;
        const char *wrong = settings_not_trusted(fd);
        if (wrong != NULL)
            return wrong;
        if (fstat(fd, &before) == -1 || !S_ISREG(before.st_mode))
            return "not a regular file";
        ssize_t got = fd_read_file(fd, text, cap);
        if (got < 0 || fstat(fd, &after) == -1)
            return strerror(errno);
        if ((size_t)got == cap)
            return "too long";
        *n = (size_t)got;
        if (is_same_state(&before, &after) && after.st_size == got)
            return NULL;
    }
    return "it changes while it is read";
}

void rules_add_file(struct rules *r, const char *source, const char *path) {
    static char text[LIMIT_VALUE + 1];
    struct stat link;
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1 && errno == ENOENT && lstat(path, &link) == -1)
        return;
    const char *wrong = fd == -1 ? strerror(errno) : read_file(fd, text, sizeof text, &n);
    fd_close(&fd);
    if (wrong != NULL)
        fault(&r->faults, source, 0, wrong);
    else
        rules_add(r, source, (struct slice){text, n}, true);
}

/* ---- the match ---- */

static void name_fault(const struct rule *rule, int error, const regex_t *compiled, struct rules_verdict *v) {
    char reason[128];
    regerror(error, compiled, reason, sizeof reason);
    fault(&v->faults, rule->source, rule->line, reason);
}

/* Whether one rule spans the request: the library finds the leftmost match and of these the longest (POSIX, 9.1), so that
 * one from the first byte to the last is found if there is any. */
static bool spans(const struct rule *rule, const char *request, size_t n, struct rules_verdict *v) {
    regex_t compiled;
    regmatch_t match;
    int error = regcomp(&compiled, rule->text, REG_EXTENDED);
    if (error != 0) {
        name_fault(rule, error, &compiled, v);
        return false;
    }
    int missed = request == NULL ? REG_NOMATCH : regexec(&compiled, request, 1, &match, 0);
    if (missed != 0 && missed != REG_NOMATCH)
        name_fault(rule, missed, &compiled, v);
    regfree(&compiled);
    return missed == 0 && match.rm_so == 0 && (size_t)match.rm_eo == n;
}

static void start_verdict(struct rules_verdict *v) {
    v->match = v->stuck = -1;
    v->faults = BUF_ON(v->fault_text);
}

void rules_match_here(const struct rules *r, struct slice request, struct rules_verdict *v) {
    char text[LIMIT_REQUEST + 1];
    /* A character is matched as a whole, whatever its bytes. */
    setlocale(LC_CTYPE, "C.UTF-8");
    start_verdict(v);
    if (request.n > LIMIT_REQUEST)
        return;
    if (request.at != NULL) {
        memcpy(text, request.at, request.n);
        text[request.n] = '\0';
    }
    for (size_t i = 0; i < r->count && v->match == -1; i++) {
        v->stuck = (int)i; /* until it is through */
        if (spans(&r->rule[i], request.at != NULL ? text : NULL, request.n, v))
            v->match = (int)i;
    }
    v->stuck = -1;
}

/* A rule with repetitions in one another can take hours and all memory, compiling already. */
static void limit_effort(void) {
    struct itimerval time = {.it_value = {LIMIT_MATCH_MS / 1000, LIMIT_MATCH_MS % 1000 * 1000}};
    struct rlimit memory = {LIMIT_MATCH_MEMORY, LIMIT_MATCH_MEMORY}, none = {0, 0};
    sigset_t prof;
    sigemptyset(&prof);
    sigaddset(&prof, SIGPROF);
    signal(SIGPROF, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &prof, NULL);
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow takes terabytes */
    setrlimit(RLIMIT_AS, &memory);
#else
    (void)memory;
#endif
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setitimer(ITIMER_PROF, &time, NULL);
}

int rules_match(const struct rules *r, struct slice request, struct rules_verdict *v) {
    /* Who started us may have left it to the kernel to reap children: then nobody would learn how this one ended. */
    struct sigaction reaped = {.sa_handler = SIG_DFL}, before;
    int status = -1, error;
    start_verdict(v);
    if (r->count == 0)
        return 0;
    struct rules_verdict *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    start_verdict(shared);
    sigaction(SIGCHLD, &reaped, &before);
    pid_t child = fork();
    if (child == 0) {
        limit_effort();
        rules_match_here(r, request, shared);
        _exit(0);
    }
    error = errno;
    while (child != -1 && waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    sigaction(SIGCHLD, &before, NULL);
    if (child != -1) {
        bool through = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        v->match = through ? shared->match : -1;
        v->stuck = through ? -1 : shared->stuck < 0 ? 0 : shared->stuck;
        buf_bytes(&v->faults, shared->fault_text, shared->faults.len);
    }
    munmap(shared, sizeof *shared);
    errno = error;
    return child == -1 ? -1 : 0;
}
