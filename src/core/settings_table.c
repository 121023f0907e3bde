/* settings_table.c: what settings there are, their defaults, and what a value must be. */
#include <stdio.h>
#include <string.h>

#include "base/networks.h"
#include "base/num.h"
#include "base/run_directory.h"
#include "core/audit.h"
#include "core/hook_rules.h"
#include "core/hook_secrets.h"
#include "core/settings_parts.h"

enum kind {
    KIND_COMMAND, /* anything but NUL; may span lines; not blank */
    KIND_LINE,    /* no control characters */
    KIND_MASK,    /* a line that is an extended regular expression (regex(7)) */
    KIND_PATH,    /* a line that starts with / */
    KIND_NAME,    /* an account's name */
    KIND_RUN_AS,  /* the same, or UID:GID */
    KIND_BASIC,   /* user:password as a client can send them */
    KIND_TOKEN,   /* a bearer token as a client can send it */
    KIND_SECRETS, /* what deliveries of webhooks are signed with, one a line */
    KIND_WHEN,    /* rules for their values (core/hook_rules.h) */
    KIND_PASS,
    KIND_NUMBER,   /* from .. to */
    KIND_PORT,     /* the same, or off: 0 */
    KIND_NETWORKS, /* addresses and networks (base/networks.h) */
    KIND_CHOICE    /* one of .words */
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
    enum { NO_ROLES, ROLES_TOO, ROLES_ALONE } roles;
} spec[SETTING_COUNT] = {
    [SETTING_FORCE_COMMAND] = {"FORCE_COMMAND", NEED_RUN, KIND_COMMAND, .preset = NULL,
                               .roles = ROLES_TOO},
    [SETTING_ALLOWED_COMMANDS] = {"ALLOWED_COMMANDS", NEED_RUN, KIND_COMMAND, .preset = NULL,
                                  .roles = ROLES_TOO},
    [SETTING_COMMAND_PREFIX] = {"COMMAND_PREFIX", NEED_RUN, KIND_LINE, .preset = NULL,
                                .roles = ROLES_TOO},
    [SETTING_COMMAND_TIMEOUT] = {"COMMAND_TIMEOUT", NEED_RUN, KIND_NUMBER, .preset = "0",
                                 .to = TEN_YEARS, .roles = ROLES_TOO},
    [SETTING_COMMAND_LOCK] = {"COMMAND_LOCK", NEED_RUN, KIND_CHOICE,
                              .words = "skip refuse wait off rerun join", .roles = ROLES_TOO},
    [SETTING_COMMAND_LOCK_WAIT] = {"COMMAND_LOCK_WAIT", NEED_RUN, KIND_NUMBER, .preset = "0",
                                   .to = TEN_YEARS, .roles = ROLES_TOO},
    [SETTING_ON_DISCONNECT] = {"ON_DISCONNECT", NEED_RUN, KIND_CHOICE, .words = "continue hangup",
                               .roles = ROLES_TOO},
    [SETTING_AUDIT] = {"AUDIT", NEED_RUN | NEED_TLS | NEED_PROXIES, KIND_CHOICE, .preset = "text",
                       .words = "text json"},
    [SETTING_AUDIT_MASK] = {"AUDIT_MASK", NEED_RUN, KIND_MASK, .preset = NULL},
    [SETTING_AUDIT_REQUEST] = {"AUDIT_REQUEST", NEED_RUN, KIND_CHOICE, .preset = "full",
                               .words = "full masked rule"},
    [SETTING_HTTP_BASIC_AUTH] = {"HTTP_BASIC_AUTH", NEED_HTTP, KIND_BASIC, .secret = true,
                                 .roles = ROLES_TOO},
    [SETTING_HTTP_TOKEN] = {"HTTP_TOKEN", NEED_HTTP, KIND_TOKEN, .secret = true,
                            .roles = ROLES_TOO},
    [SETTING_TOKENS_DIR] = {"TOKENS_DIR", NEED_HTTP, KIND_PATH, .preset = "/etc/bastion/tokens.d"},
    [SETTING_ROLES_DIR] = {"ROLES_DIR", NEED_RUN, KIND_PATH, .preset = "/etc/bastion/roles"},
    [SETTING_HTTP_HOLD_MS] = {"HTTP_HOLD_MS", NEED_HTTP, KIND_NUMBER, .preset = "1000",
                              .to = HOUR_MS, .roles = ROLES_TOO},
    [SETTING_HTTP_STDIN] = {"HTTP_STDIN", NEED_HTTP, KIND_CHOICE, .preset = "off",
                            .words = "off body", .roles = ROLES_TOO},
    [SETTING_HOOK_SECRET] = {"HOOK_SECRET", NEED_HTTP, KIND_SECRETS, .secret = true,
                             .roles = ROLES_TOO},
    [SETTING_HOOK_WHEN] = {"HOOK_WHEN", NEED_HTTP, KIND_WHEN, .preset = NULL, .roles = ROLES_TOO},
    [SETTING_HOOK_PASS] = {"HOOK_PASS", NEED_HTTP, KIND_PASS, .preset = NULL, .roles = ROLES_TOO},
    [SETTING_HOOK_OK] = {"HOOK_OK", NEED_HTTP, KIND_CHOICE, .preset = "off", .words = "off on",
                         .roles = ROLES_TOO},
    [SETTING_HOOK_BODY_MAX] = {"HOOK_BODY_MAX", NEED_HTTP, KIND_NUMBER, .preset = "1048576",
                               .from = 1, .to = LIMIT_HOOK_BODY, .roles = ROLES_TOO},
    [SETTING_HTTP_HEARTBEAT] = {"HTTP_HEARTBEAT", NEED_HTTP, KIND_NUMBER, .preset = "0",
                                .to = HOUR_MS / 1000, .roles = ROLES_TOO},
    [SETTING_RUNS_KEEP] = {"RUNS_KEEP", NEED_RUN, KIND_NUMBER, .preset = "32",
                           .to = LIMIT_RUNS_KEEP},
    [SETTING_RUN_OUTPUT_MAX] = {"RUN_OUTPUT_MAX", NEED_RUN, KIND_NUMBER, .preset = "1048576",
                                .from = LIMIT_RUN_OUTPUT_MIN, .to = LIMIT_RUN_OUTPUT_MAX},
    [SETTING_SSH_USER] = {"SSH_USER", NEED_ACCOUNT, KIND_NAME, .preset = "agent"},
    [SETTING_RUN_AS] = {"RUN_AS", NEED_ACCOUNT, KIND_RUN_AS, .roles = ROLES_ALONE},
    [SETTING_DOCKER] = {"DOCKER", NEED_ACCOUNT, KIND_CHOICE, .words = "off on",
                        .roles = ROLES_ALONE},
    [SETTING_NO_NEW_PRIVS] = {"NO_NEW_PRIVS", NEED_RUN, KIND_CHOICE, .words = "off on"},
    [SETTING_RUN_DIR] = {"RUN_DIR", NEED_RUN_DIR | NEED_TLS, KIND_PATH, .preset = RUN_DIRECTORY},
    [SETTING_TLS_CERT] = {"TLS_CERT", NEED_TLS, KIND_PATH, .preset = NULL},
    [SETTING_TLS_KEY] = {"TLS_KEY", NEED_TLS, KIND_PATH, .preset = NULL},
    [SETTING_TLS_CLIENT_CA] = {"TLS_CLIENT_CA", NEED_TLS, KIND_PATH, .preset = NULL},
    [SETTING_TLS] = {"TLS", NEED_TLS, KIND_CHOICE, .words = "self-signed"},
    [SETTING_HTTP_PORT] = {"HTTP_PORT", NEED_LISTENERS, KIND_PORT, .preset = "8080", .from = 1,
                           .to = 65535},
    [SETTING_HTTPS_PORT] = {"HTTPS_PORT", NEED_LISTENERS, KIND_PORT, .preset = "8443", .from = 1,
                            .to = 65535},
    [SETTING_SSH_PORT] = {"SSH_PORT", NEED_LISTENERS, KIND_PORT, .preset = "22", .from = 1,
                          .to = 65535},
    [SETTING_MUX_PORT] = {"MUX_PORT", NEED_LISTENERS, KIND_PORT, .preset = "off", .from = 1,
                          .to = 65535},
    [SETTING_SSH_UID] = {"SSH_UID", NEED_LISTENERS, KIND_NUMBER, .preset = "1000", .from = 1,
                         .to = INT32_MAX},
    [SETTING_SSH_GID] = {"SSH_GID", NEED_LISTENERS, KIND_NUMBER, .preset = "1000", .from = 1,
                         .to = INT32_MAX},
    [SETTING_DOCKER_GROUP] = {"DOCKER_GROUP", NEED_ACCOUNT, KIND_NUMBER, .preset = NULL,
                              .to = INT32_MAX},
    [SETTING_AUTHORIZED_KEYS_DIR] = {"AUTHORIZED_KEYS_DIR", NEED_SSH, KIND_PATH,
                                     .preset = "/etc/bastion/users.d"},
    [SETTING_AUTHORIZED_KEYS_HOST] = {"AUTHORIZED_KEYS_HOST", NEED_SSH, KIND_PATH,
                                      .preset = "/etc/bastion/authorized_keys.host"},
    [SETTING_AUTHORIZED_KEYS_REPO] = {"AUTHORIZED_KEYS_REPO", NEED_SSH, KIND_PATH,
                                      .preset = "/etc/bastion/authorized_keys.repo"},
    [SETTING_SSH_KEYS] = {"SSH_KEYS", NEED_SSH | NEED_TLS, KIND_PATH, .preset = "/etc/ssh/keys"},
    [SETTING_MAX_CONNECTIONS] = {"MAX_CONNECTIONS", NEED_LISTENERS, KIND_NUMBER, .preset = "64",
                                 .from = 1, .to = 65535},
    [SETTING_MAX_CONNECTIONS_PER_ADDRESS] = {"MAX_CONNECTIONS_PER_ADDRESS", NEED_LISTENERS,
                                             KIND_NUMBER, .preset = "16", .from = 1, .to = 65535},
    [SETTING_TRUSTED_PROXIES] = {"TRUSTED_PROXIES", NEED_PROXIES, KIND_NETWORKS, .preset = NULL},
    [SETTING_PROXY_PROTOCOL] = {"PROXY_PROTOCOL", NEED_LISTENERS, KIND_CHOICE, .preset = "off",
                                .words = "off on"},
    [SETTING_SPARE] = {"SPARE", NEED_LISTENERS, KIND_NUMBER, .preset = "1", .to = LIMIT_SPARES},
};

bool settings_needed(enum setting id, unsigned needs) { return (spec[id].need & needs) != 0; }
const char *settings_name(enum setting id) { return spec[id].name; }
bool settings_is_secret(enum setting id) { return spec[id].secret; }
bool settings_is_roles(enum setting id) { return spec[id].roles != NO_ROLES; }
bool settings_is_roles_alone(enum setting id) { return spec[id].roles == ROLES_ALONE; }
bool settings_is_place(enum setting id) {
    /* Not RUN_DIR, which is not the same for all programs. */
    return (spec[id].kind == KIND_PATH && id != SETTING_RUN_DIR) || id == SETTING_SSH_USER
           || id == SETTING_SSH_UID || id == SETTING_SSH_GID || id == SETTING_DOCKER_GROUP;
}
bool settings_is_port(enum setting id) { return spec[id].kind == KIND_PORT; }
bool settings_is_identity(enum setting id) {
    return (settings_is_place(id) && spec[id].kind != KIND_PATH) || id == SETTING_RUN_AS;
}
const char *settings_preset(enum setting id) { return spec[id].preset; }

enum setting settings_find(const char *name, size_t n) {
    for (int id = 0; id < SETTING_COUNT; id++)
        if (strncmp(spec[id].name, name, n) == 0 && spec[id].name[n] == '\0')
            return (enum setting)id;
    return SETTING_COUNT;
}

bool settings_is_file_form(const char *name, size_t n) {
    return n > 5 && memcmp(name + n - 5, "_FILE", 5) == 0;
}

bool settings_owns(const char *name, size_t n) {
    enum setting id = settings_find(name, settings_is_file_form(name, n) ? n - 5 : n);
    return id != SETTING_COUNT && !settings_is_roles_alone(id);
}

/* ---- what a value must be ---- */

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == '\0'; }

static bool is_line(const char *text) {
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool is_account_name(const char *text) {
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && n < LIMIT_USER && text[n] == '\0' && text[0] != '-' && text[0] != '.';
}

/* UID:GID, none of which is root's. */
static bool is_ids(const char *text) {
    size_t n = strcspn(text, ":");
    uint64_t uid, gid;
    return text[n] == ':' && num_decimal(text, n, INT32_MAX, &uid) && uid > 0
           && num_decimal(text + n + 1, strlen(text + n + 1), INT32_MAX, &gid) && gid > 0;
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

static const char *wrong_networks(const char *list, char text[SETTINGS_WRONG]) {
    static const char *const faults[] = {
        [CIDR_NO_ADDRESS] = "is no address and no network (names are not looked up)",
        [CIDR_NO_BITS] = "has a slash without the number of a network's bits behind it",
        [CIDR_HOST_BITS] = "has bits beyond those of its network",
    };
    const char *entry;
    size_t n, count = 0;
    for (; (entry = networks_next(&list, &n)) != NULL; count++) {
        struct cidr network;
        enum cidr_fault fault = cidr_read(&network, entry, n);
        if (fault == CIDR_GOOD)
            continue;
        snprintf(text, SETTINGS_WRONG, "entry %zu %s", count + 1, faults[fault]);
        return text;
    }
    return count == 0 ? "names no address" : NULL;
}

const char *settings_wrong_value(struct settings_value *v, enum setting id,
                                 char text[SETTINGS_WRONG]) {
    static struct hook_rules rules; /* large */
    const struct spec *sp = &spec[id];
    switch (sp->kind) {
    case KIND_COMMAND: return is_blank(v->text) ? "blank" : NULL;
    case KIND_LINE: return is_line(v->text) ? NULL : "has a control character";
    case KIND_MASK:
        return is_line(v->text) ? audit_mask_error(v->text, text) : "has a control character";
    case KIND_PATH:
        return v->text[0] == '/' && is_line(v->text) && v->n < LIMIT_PATH
                   ? NULL
                   : "must be an absolute path";
    case KIND_NAME: return is_account_name(v->text) ? NULL : "must be an account's name";
    case KIND_RUN_AS:
        if (strcmp(v->text, "root") == 0)
            return "must not be root";
        return is_account_name(v->text) || is_ids(v->text)
                   ? NULL
                   : "must be an account's name, or UID:GID, both above 0";
    case KIND_BASIC: {
        const char *colon = strchr(v->text, ':');
        if (colon == NULL || colon == v->text || colon[1] == '\0'
            || (size_t)(colon - v->text) >= LIMIT_USER)
            return "must be user:password";
        return is_line(v->text) && v->n <= LIMIT_SECRET
                   ? NULL
                   : "must be one line of at most " LIMIT_TEXT(LIMIT_SECRET) " bytes";
    }
    case KIND_TOKEN:
        if (v->text[0] == ' ' || v->text[v->n - 1] == ' ' || !is_line(v->text)
            || v->n > LIMIT_SECRET)
            return "must be one line of at most " LIMIT_TEXT(
                LIMIT_SECRET) " bytes with no space at its ends";
        return NULL;
    case KIND_SECRETS: return hook_secrets_wrong(v->text);
    case KIND_WHEN: return hook_rules_read(&rules, v->text, NULL, text);
    case KIND_PASS: return hook_rules_read(&rules, NULL, v->text, text);
    case KIND_NUMBER:
        if (num_decimal(v->text, v->n, sp->to, &v->number) && v->number >= sp->from)
            return NULL;
        snprintf(text, SETTINGS_WRONG, "must be a number from %llu to %llu",
                 (unsigned long long)sp->from, (unsigned long long)sp->to);
        return text;
    case KIND_PORT:
        if (strcmp(v->text, "off") == 0
            || (num_decimal(v->text, v->n, sp->to, &v->number) && v->number >= sp->from))
            return NULL;
        snprintf(text, SETTINGS_WRONG, "must be a number from %llu to %llu, or off",
                 (unsigned long long)sp->from, (unsigned long long)sp->to);
        return text;
    case KIND_NETWORKS: return wrong_networks(v->text, text);
    case KIND_CHOICE:
        if (read_choice(v, sp->words))
            return NULL;
        snprintf(text, SETTINGS_WRONG, "must be one of: %s", sp->words);
        return text;
    }
    return NULL;
}
