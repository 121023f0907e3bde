#include "core/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/num.h"
#include "base/run_directory.h"
#include "core/audit.h"
#include "core/protect.h"
#include "core/settings_export.h"

enum kind {
    COMMAND, /* anything but NUL; may span lines; not blank */
    LINE,    /* no control characters */
    MASK,    /* a LINE that is an extended regular expression (regex(7)) */
    PATH,    /* a LINE that starts with / */
    NAME,    /* an account's name */
    BASIC,   /* user:password as a client can send them */
    TOKEN,   /* a bearer token as a client can send it */
    NUMBER,  /* from .. to */
    PORT,    /* the same, or off: 0 */
    CHOICE   /* one of .words */
};

#define HOUR_MS (3600 * 1000)
#define TEN_YEARS 315360000

static const struct spec {
    const char *name;
    unsigned need;
    enum kind kind;
    const char *preset;
    uint64_t from, to;
    const char *words; /* separated by single spaces */
    bool secret;
} spec[SETTING_COUNT] = {
    [SETTING_FORCE_COMMAND] = {"FORCE_COMMAND", NEED_RUN, COMMAND, .preset = NULL},
    [SETTING_ALLOWED_COMMANDS] = {"ALLOWED_COMMANDS", NEED_RUN, COMMAND, .preset = NULL},
    [SETTING_COMMAND_PREFIX] = {"COMMAND_PREFIX", NEED_RUN, LINE, .preset = NULL},
    [SETTING_COMMAND_TIMEOUT] = {"COMMAND_TIMEOUT", NEED_RUN, NUMBER, .preset = "0",
                                 .to = TEN_YEARS},
    [SETTING_COMMAND_LOCK] = {"COMMAND_LOCK", NEED_RUN, CHOICE, .words = "skip refuse wait off"},
    [SETTING_COMMAND_LOCK_WAIT] = {"COMMAND_LOCK_WAIT", NEED_RUN, NUMBER, .preset = "0",
                                   .to = TEN_YEARS},
    [SETTING_ON_DISCONNECT] = {"ON_DISCONNECT", NEED_RUN, CHOICE, .words = "continue hangup"},
    [SETTING_AUDIT] = {"AUDIT", NEED_RUN | NEED_TLS, CHOICE, .preset = "text",
                       .words = "text json"},
    [SETTING_AUDIT_MASK] = {"AUDIT_MASK", NEED_RUN, MASK, .preset = NULL},
    [SETTING_AUDIT_REQUEST] = {"AUDIT_REQUEST", NEED_RUN, CHOICE, .preset = "full",
                               .words = "full masked rule"},
    [SETTING_HTTP_BASIC_AUTH] = {"HTTP_BASIC_AUTH", NEED_HTTP, BASIC, .secret = true},
    [SETTING_HTTP_TOKEN] = {"HTTP_TOKEN", NEED_HTTP, TOKEN, .secret = true},
    [SETTING_HTTP_HOLD_MS] = {"HTTP_HOLD_MS", NEED_HTTP, NUMBER, .preset = "1000", .to = HOUR_MS},
    [SETTING_HTTP_STDIN] = {"HTTP_STDIN", NEED_HTTP, CHOICE, .preset = "off", .words = "off body"},
    [SETTING_SSH_USER] = {"SSH_USER", NEED_ACCOUNT, NAME, .preset = "agent"},
    [SETTING_RUN_DIR] = {"RUN_DIR", NEED_RUN_DIR | NEED_TLS, PATH, .preset = RUN_DIRECTORY},
    [SETTING_TLS_CERT] = {"TLS_CERT", NEED_TLS, PATH, .preset = NULL},
    [SETTING_TLS_KEY] = {"TLS_KEY", NEED_TLS, PATH, .preset = NULL},
    [SETTING_TLS_CLIENT_CA] = {"TLS_CLIENT_CA", NEED_TLS, PATH, .preset = NULL},
    [SETTING_TLS] = {"TLS", NEED_TLS, CHOICE, .words = "self-signed"},
    [SETTING_HTTP_PORT] = {"HTTP_PORT", NEED_LISTENERS, PORT, .preset = "8080", .from = 1,
                           .to = 65535},
    [SETTING_HTTPS_PORT] = {"HTTPS_PORT", NEED_LISTENERS, PORT, .preset = "8443", .from = 1,
                            .to = 65535},
    [SETTING_SSH_PORT] = {"SSH_PORT", NEED_LISTENERS, PORT, .preset = "22", .from = 1, .to = 65535},
    [SETTING_SSH_UID] = {"SSH_UID", NEED_LISTENERS, NUMBER, .preset = "1000", .from = 1,
                         .to = INT32_MAX},
    [SETTING_SSH_GID] = {"SSH_GID", NEED_LISTENERS, NUMBER, .preset = "1000", .from = 1,
                         .to = INT32_MAX},
    [SETTING_DOCKER_GROUP] = {"DOCKER_GROUP", NEED_ACCOUNT, NUMBER, .preset = NULL,
                              .to = INT32_MAX},
    [SETTING_AUTHORIZED_KEYS_DIR] = {"AUTHORIZED_KEYS_DIR", NEED_SSH, PATH,
                                     .preset = "/etc/bastion/users.d"},
    [SETTING_AUTHORIZED_KEYS_HOST] = {"AUTHORIZED_KEYS_HOST", NEED_SSH, PATH,
                                      .preset = "/etc/bastion/authorized_keys.host"},
    [SETTING_AUTHORIZED_KEYS_REPO] = {"AUTHORIZED_KEYS_REPO", NEED_SSH, PATH,
                                      .preset = "/etc/bastion/authorized_keys.repo"},
    [SETTING_SSH_KEYS] = {"SSH_KEYS", NEED_SSH | NEED_TLS, PATH, .preset = "/etc/ssh/keys"},
    [SETTING_MAX_CONNECTIONS] = {"MAX_CONNECTIONS", NEED_LISTENERS, NUMBER, .preset = "64",
                                 .from = 1, .to = 65535},
    [SETTING_MAX_CONNECTIONS_PER_ADDRESS] = {"MAX_CONNECTIONS_PER_ADDRESS", NEED_LISTENERS, NUMBER,
                                             .preset = "16", .from = 1, .to = 65535},
};

const char *const settings_directories[] = {SETTINGS_DIRECTORY, NULL},
                  *const settings_directories_of_guests[] = {SETTINGS_EXPORT, SETTINGS_DIRECTORY,
                                                             NULL};

bool settings_needed(enum setting id, unsigned needs) { return (spec[id].need & needs) != 0; }
const char *settings_name(enum setting id) { return spec[id].name; }
bool settings_is_secret(enum setting id) { return spec[id].secret; }
bool settings_is_place(enum setting id) {
    /* Not RUN_DIR, which is not the same for all programs. */
    return (spec[id].kind == PATH && id != SETTING_RUN_DIR) || id == SETTING_SSH_USER
           || id == SETTING_SSH_UID || id == SETTING_SSH_GID || id == SETTING_DOCKER_GROUP;
}
static bool is_wanted(enum setting id, unsigned needs) {
    return settings_needed(id, needs) || settings_is_place(id);
}
const char *settings_text(const struct settings *s, enum setting id) { return s->value[id].text; }
uint64_t settings_number(const struct settings *s, enum setting id) { return s->value[id].number; }
bool settings_given(const struct settings *s, enum setting id) {
    return s->value[id].origin > FROM_DEFAULT;
}

const char *settings_source(const struct settings *s, enum setting id) {
    static char text[LIMIT_PATH + 64];
    const struct settings_value *v = &s->value[id];
    switch (v->origin) {
    case FROM_ENVIRONMENT: return "from the environment";
    case FROM_DEFAULT: return "by default";
    case FROM_NOWHERE: return "not set";
    case FROM_NAMED_FILE:
        snprintf(text, sizeof text, "from %s_FILE=%s", spec[id].name, v->place);
        break;
    case FROM_DIRECTORY: snprintf(text, sizeof text, "from %s/%s", v->place, spec[id].name); break;
    }
    return text;
}

/* s->error has been written. Returns -1, unless reading is to go on. */
static int end_with_error(struct settings *s, enum setting id) {
    if (s->each_error == NULL)
        return -1;
    s->each_error(s, id);
    if (id < SETTING_COUNT)
        s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
    s->error[0] = '\0';
    return 0;
}

/* Notes an error: setting, what is wrong, where the value stands. */
static int set_error(struct settings *s, enum setting id, const char *what) {
    snprintf(s->error, sizeof s->error, "%s: %s (%s)", spec[id].name, what, settings_source(s, id));
    return end_with_error(s, id);
}

/* ---- where values come from ---- */

/* Takes an open file's content, less one final newline, as the value; closes it. Empty is no
 * value. */
static int take_file(struct settings *s, enum setting id, int fd) {
    struct stat st;
    const char *wrong = NULL;
    ssize_t n = 0;
    char *text = s->store + s->stored;
    size_t room = sizeof s->store - s->stored;
    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
        wrong = "not a regular file";
    if (wrong == NULL) {
        n = fd_read_file(fd, text, room < LIMIT_VALUE + 2 ? room : LIMIT_VALUE + 2);
        if (n < 0)
            wrong = strerror(errno);
        else if (n > 0 && text[n - 1] == '\n')
            n--;
        if (wrong == NULL && (n > LIMIT_VALUE || (size_t)n == room))
            wrong = "too long";
        else if (wrong == NULL && memchr(text, '\0', (size_t)n) != NULL)
            wrong = "has a NUL byte";
    }
    close(fd);
    if (wrong != NULL)
        return set_error(s, id, wrong);
    if (n == 0)
        return 0;
    text[n] = '\0';
    s->stored += (size_t)n + 1;
    s->value[id].text = text;
    s->value[id].n = (size_t)n;
    return 0;
}

/* The setting whose name is the n bytes at `name`, or SETTING_COUNT. */
static enum setting find(const char *name, size_t n) {
    for (int id = 0; id < SETTING_COUNT; id++)
        if (strncmp(spec[id].name, name, n) == 0 && spec[id].name[n] == '\0')
            return (enum setting)id;
    return SETTING_COUNT;
}

static bool is_file_form(const char *name, size_t n) {
    return n > 5 && memcmp(name + n - 5, "_FILE", 5) == 0;
}

bool settings_owns(const char *name, size_t n) {
    return find(name, is_file_form(name, n) ? n - 5 : n) != SETTING_COUNT;
}

static void take_text(struct settings_value *v, char *text) {
    v->text = text;
    v->n = strlen(text);
    v->origin = FROM_ENVIRONMENT;
}

/* Kubernetes gives every container variables for the services of its namespace: one with the name
 * http makes HTTP_PORT=tcp://10.0.0.7:80. */
static bool is_service_link(const char *value) {
    static const char *const starts[] = {"tcp://", "udp://", "sctp://"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(value, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* A path as it is from anywhere. NULL where that takes more room than there is. */
static const char *absolute(struct settings *s, const char *path) {
    char here[LIMIT_PATH];
    char *text = s->store + s->stored;
    size_t room = sizeof s->store - s->stored;
    if (path[0] == '/')
        return path;
    int n = getcwd(here, sizeof here) == NULL ? -1 : snprintf(text, room, "%s/%s", here, path);
    if (n < 0 || (size_t)n >= room)
        return NULL;
    s->stored += (size_t)n + 1;
    return text;
}

static int read_named_file(struct settings *s, enum setting id) {
    struct settings_value *v = &s->value[id];
    v->origin = FROM_NAMED_FILE;
    v->place = s->named_file[id];
    int fd = open(v->place, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1)
        return set_error(s, id, strerror(errno));
    if (take_file(s, id, fd) == -1)
        return -1;
    return v->text == NULL && v->origin == FROM_NAMED_FILE ? set_error(s, id, "empty") : 0;
}

/* A setting that only says where things stand must not stop a program that does not need it. */
static int forgive(struct settings *s, enum setting id, unsigned needs, int result) {
    if (result == 0 || settings_needed(id, needs))
        return result;
    s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
    s->error[0] = '\0';
    return 0;
}

/* NAME=value and NAME_FILE=path; the first of a name counts, as for getenv(3), and NAME wins. */
static int read_environment(struct settings *s, char *const *environment, unsigned needs) {
    for (; *environment != NULL; environment++) {
        char *equals = strchr(*environment, '=');
        if (equals == NULL || equals[1] == '\0')
            continue;
        size_t n = (size_t)(equals - *environment);
        bool named_file = is_file_form(*environment, n);
        enum setting id = find(*environment, named_file ? n - 5 : n);
        if (id == SETTING_COUNT)
            continue;
        if (named_file && s->named_file[id] == NULL
            && (s->named_file[id] = absolute(s, equals + 1)) == NULL)
            return set_error(s, id, "the path of its file is too long");
        if (!named_file && spec[id].kind == PORT && is_service_link(equals + 1))
            s->value[id].link = equals + 1;
        else if (!named_file && is_wanted(id, needs) && s->value[id].text == NULL)
            take_text(&s->value[id], equals + 1);
    }
    int result = 0;
    for (enum setting id = 0; id < SETTING_COUNT && result == 0; id++) {
        if (s->value[id].n > LIMIT_VALUE)
            result = forgive(s, id, needs, set_error(s, id, "too long"));
        if (result == 0 && s->value[id].text == NULL && s->named_file[id] != NULL
            && is_wanted(id, needs))
            result = forgive(s, id, needs, read_named_file(s, id));
    }
    return result;
}

static int read_entry(struct settings *s, int dir, const char *directory, enum setting id) {
    struct settings_value *v = &s->value[id];
    int fd = openat(dir, spec[id].name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1 && errno == ENOENT)
        return 0;
    v->origin = FROM_DIRECTORY;
    v->place = directory;
    int result = fd == -1 ? set_error(s, id, strerror(errno)) : take_file(s, id, fd);
    if (v->text == NULL)
        v->origin = FROM_NOWHERE;
    return result;
}

static int read_directory(struct settings *s, const char *directory, unsigned needs) {
    bool is_snapshot = strcmp(directory, SETTINGS_EXPORT) == 0;
    if (is_snapshot && !settings_export_counts())
        return 0;
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir == -1 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    const char *wrong = dir == -1 ? strerror(errno) : NULL;
    if (wrong != NULL) {
        snprintf(s->error, sizeof s->error, "%s: %s", directory, wrong);
        fd_close(&dir);
        return end_with_error(s, SETTING_COUNT);
    }
    int result = 0;
    for (enum setting id = 0; id < SETTING_COUNT && result == 0; id++) {
        if (is_snapshot && s->named_file[id] == NULL)
            s->named_file[id] = settings_export_named_file(dir, spec[id].name, s->store + s->stored,
                                                           sizeof s->store - s->stored, &s->stored);
        if (s->value[id].text == NULL && is_wanted(id, needs))
            result = forgive(s, id, needs, read_entry(s, dir, directory, id));
    }
    close(dir);
    return result;
}

/* ---- what a value must be ---- */

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == '\0'; }

static bool is_line(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool is_name(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && n < LIMIT_USER && text[n] == '\0' && text[0] != '-' && text[0] != '.';
}

static bool read_choice(struct settings_value *v, const char *words) {
    for (uint64_t index = 0;; index++) {
        size_t n = strcspn(words, " ");
        if (n == v->n && memcmp(words, v->text, n) == 0) {
            v->number = index;
            return true;
        }
        if (words[n] == '\0')
            return false;
        words += n + 1;
    }
}

static const char *wrong_value(struct settings_value *v, const struct spec *sp) {
    static char text[128];
    switch (sp->kind) {
    case COMMAND: return is_blank(v->text) ? "blank" : NULL;
    case LINE: return is_line(v->text) ? NULL : "has a control character";
    case MASK: return is_line(v->text) ? audit_mask_error(v->text) : "has a control character";
    case PATH:
        return v->text[0] == '/' && is_line(v->text) && v->n < LIMIT_PATH
                   ? NULL
                   : "must be an absolute path";
    case NAME: return is_name(v->text) ? NULL : "must be an account's name";
    case BASIC: {
        const char *colon = strchr(v->text, ':');
        if (colon == NULL || colon == v->text || colon[1] == '\0'
            || (size_t)(colon - v->text) >= LIMIT_USER)
            return "must be user:password";
        return is_line(v->text) && v->n <= LIMIT_SECRET
                   ? NULL
                   : "must be one line of at most " LIMIT_TEXT(LIMIT_SECRET) " bytes";
    }
    case TOKEN:
        if (v->text[0] == ' ' || v->text[v->n - 1] == ' ' || !is_line(v->text)
            || v->n > LIMIT_SECRET)
            return "must be one line of at most " LIMIT_TEXT(
                LIMIT_SECRET) " bytes with no space at its ends";
        return NULL;
    case NUMBER:
        if (num_decimal(v->text, v->n, sp->to, &v->number) && v->number >= sp->from)
            return NULL;
        snprintf(text, sizeof text, "must be a number from %llu to %llu",
                 (unsigned long long)sp->from, (unsigned long long)sp->to);
        return text;
    case PORT:
        if (strcmp(v->text, "off") == 0
            || (num_decimal(v->text, v->n, sp->to, &v->number) && v->number >= sp->from))
            return NULL;
        snprintf(text, sizeof text, "must be a number from %llu to %llu, or off",
                 (unsigned long long)sp->from, (unsigned long long)sp->to);
        return text;
    case CHOICE:
        if (read_choice(v, sp->words))
            return NULL;
        snprintf(text, sizeof text, "must be one of: %s", sp->words);
        return text;
    }
    return NULL;
}

/* What is wrong with a setting because of another one. */
static int check_together(struct settings *s, unsigned needs) {
    if (!settings_needed(SETTING_TLS_CERT, needs))
        return 0;
    if (settings_given(s, SETTING_TLS_CERT) != settings_given(s, SETTING_TLS_KEY))
        return settings_given(s, SETTING_TLS_CERT)
                   ? set_error(s, SETTING_TLS_CERT, "needs TLS_KEY too")
                   : set_error(s, SETTING_TLS_KEY, "needs TLS_CERT too");
    if (settings_given(s, SETTING_TLS_CERT) && settings_given(s, SETTING_TLS))
        return set_error(s, SETTING_TLS, "contradicts TLS_CERT: set one of the two");
    return 0;
}

/* bastion init can't listen twice on one port. */
static int check_ports(struct settings *s) {
    static const enum setting port[] = {SETTING_SSH_PORT, SETTING_HTTP_PORT, SETTING_HTTPS_PORT};
    bool http = settings_given(s, SETTING_HTTP_BASIC_AUTH) || settings_given(s, SETTING_HTTP_TOKEN);
    bool used[] = {true, http,
                   http && (settings_given(s, SETTING_TLS_CERT) || settings_given(s, SETTING_TLS))};
    for (int i = 1; i < 3; i++)
        for (int j = 0; j < i; j++) {
            enum setting one = settings_given(s, port[i]) ? port[i] : port[j],
                         other = one == port[i] ? port[j] : port[i];
            char text[64];
            snprintf(text, sizeof text, "the same port as %s", spec[other].name);
            if (used[i] && used[j] && s->value[one].number != 0
                && s->value[one].number == s->value[other].number)
                return set_error(s, one, text);
        }
    return 0;
}

static int check_values(struct settings *s, unsigned needs) {
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        struct settings_value *v = &s->value[id];
        const char *wrong = v->text != NULL ? wrong_value(v, &spec[id]) : NULL;
        if (wrong != NULL && forgive(s, id, needs, set_error(s, id, wrong)) == -1)
            return -1;
        if (v->text != NULL || spec[id].preset == NULL)
            continue;
        /* Never written to: only secrets are wiped, and none has a preset. */
        v->text = (char *)(uintptr_t)spec[id].preset;
        v->n = strlen(v->text);
        v->origin = FROM_DEFAULT;
        wrong_value(v, &spec[id]); /* for its number */
    }
    return 0;
}

/* Whether nobody but the administrator can have written what was read. What says who runs commands
 * must be root's alone: nobody else may say that he is the one for whom the rest is closed. */
static int check_writers(struct settings *s, const struct settings_places *places, unsigned needs) {
    char path[LIMIT_PATH + 64];
    const char *wrong;
    for (const char *const *directory = places->directories; *directory != NULL; directory++)
        if (strcmp(*directory, SETTINGS_EXPORT) != 0
            && (wrong = protect_refuses(*directory, PROTECT_SETTING)) != NULL) {
            snprintf(s->error, sizeof s->error, "%s: %s", *directory, wrong);
            if (end_with_error(s, SETTING_COUNT) == -1)
                return -1;
        }
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        const struct settings_value *v = &s->value[id];
        if ((v->origin != FROM_DIRECTORY && v->origin != FROM_NAMED_FILE)
            || !settings_needed(id, needs))
            continue;
        bool is_directory = v->origin == FROM_DIRECTORY,
             identity = settings_is_place(id) && spec[id].kind != PATH;
        snprintf(path, sizeof path, "%s%s%s", v->place, is_directory ? "/" : "",
                 is_directory ? spec[id].name : "");
        if ((wrong = protect_refuses(path, identity && geteuid() == 0 ? PROTECT_IDENTITY
                                           : is_directory             ? PROTECT_SETTING
                                                                      : PROTECT_KEY))
                != NULL
            && set_error(s, id, wrong) == -1)
            return -1;
    }
    return 0;
}

int settings_read(struct settings *s, const struct settings_places *places, unsigned needs) {
    protect_use(s, places->environment);
    if (places->environment != NULL && read_environment(s, places->environment, needs) == -1)
        return -1;
    for (const char *const *directory = places->directories; *directory != NULL; directory++)
        if (read_directory(s, *directory, needs) == -1)
            return -1;
    if (check_values(s, needs) == -1 || check_together(s, needs) == -1 || check_ports(s) == -1)
        return -1;
    return check_writers(s, places, needs);
}

bool settings_file_counts(struct settings *s, const char *path) {
    const char *wrong = protect_refuses(path, PROTECT_KEY);
    if (wrong != NULL)
        snprintf(s->error, sizeof s->error, "%s: %s", path, wrong);
    return wrong == NULL;
}

const char *settings_start(struct settings *s, const struct settings_places *places,
                           unsigned needs) {
    if (places->environment != NULL)
        log_heed(places->environment);
    bool valid = settings_read(s, places, needs) == 0;
    audit_use(s, valid);
    return valid ? NULL : s->error;
}

void settings_wipe(struct settings *s, enum setting id) {
    if (s->value[id].text != NULL && spec[id].secret)
        explicit_bzero(s->value[id].text, s->value[id].n);
    s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
}
