#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fd.h"
#include "tool/check_parts.h"
#include "tool/report.h"
#include "wire/shell_words.h"

extern char **environ;

#define PRESET "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- a program ---- */

enum { INTERPRETER = 256 }; /* bytes of its name */

/* The interpreter that a script names in its first line, or NULL. */
static const char *script_interpreter(char *head, size_t n) {
    if (n < 3 || memcmp(head, "#!", 2) != 0)
        return NULL;
    head[n] = '\0';
    char *at = head + 2 + strspn(head + 2, " \t");
    at[strcspn(at, " \t\n")] = '\0';
    return at;
}

/* The loader that a program linked with shared libraries asks for (elf(5)), or NULL. */
static const char *program_interpreter(char name[INTERPRETER], int fd, const char *head, size_t n) {
    Elf64_Ehdr e;
    Elf64_Phdr p;
    if (n < sizeof e || memcmp(head, ELFMAG, SELFMAG) != 0 || head[EI_CLASS] != ELFCLASS64
        || head[EI_DATA] != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
        return NULL;
    memcpy(&e, head, sizeof e);
    for (unsigned i = 0; i < e.e_phnum && i < 64; i++)
        if (pread(fd, &p, sizeof p, (off_t)(e.e_phoff + i * sizeof p)) == sizeof p
            && p.p_type == PT_INTERP && p.p_filesz < INTERPRETER
            && pread(fd, name, (size_t)p.p_filesz, (off_t)p.p_offset) == (ssize_t)p.p_filesz) {
            name[p.p_filesz] = '\0';
            return name;
        }
    return NULL;
}

/* Why a program that is there can't be executed all the same: what would load or interpret it is
 * missing. */
static const char *wrong_with_file(char text[CHECK_PROGRAM_ERROR], const char *path) {
    char head[512], name[INTERPRETER];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd == -1 ? 0 : read(fd, head, sizeof head - 1);
    const char *script = n > 0 ? script_interpreter(head, (size_t)n) : NULL, *by = script;
    if (by == NULL && n > 0)
        by = program_interpreter(name, fd, head, (size_t)n);
    fd_close(&fd);
    if (by == NULL || access(by, X_OK) == 0)
        return NULL;
    size_t length = strlen(by);
    const char *why = length > 0 && by[length - 1] == '\r' ? "its lines end as in Windows"
                      : script != NULL                     ? "what its first line names is not here"
                                       : "it is not static, and what loads it is not here";
    snprintf(text, CHECK_PROGRAM_ERROR, "%s: %s: %s", path, why, by);
    return text;
}

static bool is_executable(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode)
           && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static const char *search_path(bool files) {
    const char *path = files ? NULL : env_get(environ, "PATH");
    return path != NULL ? path : PRESET;
}

/* Where the program is, or NULL. The path is in `file`, or `program` itself. */
static const char *find_program(char file[LIMIT_PATH], const char *program, const char *path) {
    if (strchr(program, '/') != NULL)
        return program;
    for (const char *at = path; at != NULL;) {
        size_t n = strcspn(at, ":");
        int length =
            snprintf(file, LIMIT_PATH, "%.*s%s%s", (int)n, at, n > 0 ? "/" : "./", program);
        if (length > 0 && length < LIMIT_PATH && is_executable(file))
            return file;
        at = at[n] == ':' ? at + n + 1 : NULL;
    }
    return NULL;
}

const char *check_program(char text[CHECK_PROGRAM_ERROR], const char *program, bool files) {
    char place[LIMIT_PATH];
    const char *path = search_path(files), *file = find_program(place, program, path);
    struct stat st;
    if (file == NULL)
        snprintf(text, CHECK_PROGRAM_ERROR, "%s is not found in PATH (%s)", program, path);
    else if (stat(file, &st) == -1)
        snprintf(text, CHECK_PROGRAM_ERROR, "%s: %s", file, strerror(errno));
    else if (!is_executable(file))
        snprintf(text, CHECK_PROGRAM_ERROR, "%s: is there, but may not be executed (chmod +x)",
                 file);
    else
        return wrong_with_file(text, file);
    return text;
}

/* ---- what special programs need ---- */

/* Whether Docker's client will find the engine's socket, and may use it. An engine at an address of
 * another kind is not asked for. */
static void check_docker(const struct subject *x) {
    const char *host = x->files ? NULL : env_get(environ, "DOCKER_HOST"),
               *path = "/var/run/docker.sock";
    struct stat st;
    if (host != NULL && *host != '\0')
        path = strncmp(host, "unix://", 7) == 0 ? host + 7 : NULL;
    if (path == NULL)
        return;
    if (stat(path, &st) == -1 || !S_ISSOCK(st.st_mode))
        report_warning(
            "docker",
            "%s: %s: mount it (-v /var/run/docker.sock:/var/run/docker.sock), or set DOCKER_HOST",
            path, access(path, F_OK) == -1 ? strerror(errno) : "is not a socket");
    else if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == -1)
        report_warning("docker", "%s: %s may not use it: %s", path, x->account.name,
                       strerror(errno));
}

static void check_needs(const struct subject *x, const char *program) {
    const char *slash = strrchr(program, '/'), *name = slash != NULL ? slash + 1 : program;
    if (strcmp(name, "docker") == 0)
        check_docker(x);
    if ((strcmp(name, "sudo") == 0 || strcmp(name, "su") == 0 || strcmp(name, "doas") == 0
         || strcmp(name, "pkexec") == 0)
        && x->no_new_privs != NULL)
        report_warning(name, "can't become anybody here: no_new_privs is on for commands: %s",
                       x->no_new_privs);
}

/* ---- the command, the prefix ---- */

static void check_script(const struct subject *x, const char *script) {
    char source[SETTINGS_SOURCE];
    struct shell_words w;
    char word[SHELL_WORD], text[CHECK_PROGRAM_ERROR];
    const char *from = settings_source(x->settings, SETTING_FORCE_COMMAND, source),
               *wrong = check_program(text, "/bin/sh", x->files);
    size_t shown = 0;
    bool docker = false;
    if (wrong != NULL)
        report_error("FORCE_COMMAND", "it is run by /bin/sh -c, and %s", wrong);
    shell_words_start(&w, script);
    while (shell_words_next(&w, word)) {
        wrong = check_program(text, word, x->files);
        if (wrong != NULL && w.count == 1)
            report_error(
                "FORCE_COMMAND", "%s%s (%s)", wrong,
                strchr(word, ' ') != NULL ? "; quotes make one word of what is between them" : "",
                from);
        else if (wrong != NULL && shown++ < 8)
            report_warning("FORCE_COMMAND", "%s (%s)", wrong, from);
        if (!docker || strcmp(word, "docker") != 0)
            check_needs(x, word);
        docker = docker || strcmp(word, "docker") == 0;
    }
    if (w.unclear && w.count == 0)
        report_unseen("FORCE_COMMAND", "which program it starts is only known when it runs");
}

static void check_prefix(const struct subject *x, const char *prefix) {
    char from[SETTINGS_SOURCE];
    char word[SHELL_WORD], text[CHECK_PROGRAM_ERROR];
    size_t blanks = strspn(prefix, " "), n = strcspn(prefix + blanks, " ");
    if (n == 0 || n >= sizeof word)
        return;
    snprintf(word, sizeof word, "%.*s", (int)n, prefix + blanks);
    const char *wrong = check_program(text, word, x->files);
    if (wrong != NULL)
        report_error("COMMAND_PREFIX", "%s (%s)", wrong,
                     settings_source(x->settings, SETTING_COMMAND_PREFIX, from));
    check_needs(x, word);
}

void check_command(const struct subject *x) {
    if (x->policy->mode == POLICY_FORCE)
        check_script(x, x->policy->command);
    else if (x->policy->mode == POLICY_BROKER && x->policy->prefix != NULL)
        check_prefix(x, x->policy->prefix);
}
