/* settings.h: the administrator's settings, where they come from, and what is wrong with them. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limit.h"

enum setting {
    SETTING_FORCE_COMMAND,
    SETTING_ALLOWED_COMMANDS,
    SETTING_COMMAND_PREFIX,
    SETTING_COMMAND_TIMEOUT,
    SETTING_COMMAND_LOCK,
    SETTING_COMMAND_LOCK_WAIT,
    SETTING_ON_DISCONNECT,
    SETTING_AUDIT,
    SETTING_AUDIT_MASK,
    SETTING_AUDIT_REQUEST,
    SETTING_HTTP_BASIC_AUTH,
    SETTING_HTTP_TOKEN,
    SETTING_TOKENS_DIR,
    SETTING_ROLES_DIR,
    SETTING_HTTP_HOLD_MS,
    SETTING_HTTP_STDIN,
    SETTING_HOOK_SECRET,
    SETTING_HOOK_WHEN,
    SETTING_HOOK_PASS,
    SETTING_HOOK_OK,
    SETTING_HOOK_BODY_MAX,
    SETTING_HTTP_HEARTBEAT,
    SETTING_RUNS_KEEP,
    SETTING_RUN_OUTPUT_MAX,
    SETTING_SSH_USER,
    SETTING_RUN_AS,
    SETTING_DOCKER,
    SETTING_NO_NEW_PRIVS,
    SETTING_RUN_DIR,
    SETTING_TLS_CERT,
    SETTING_TLS_KEY,
    SETTING_TLS_CLIENT_CA,
    SETTING_TLS,
    SETTING_HTTP_PORT,
    SETTING_HTTPS_PORT,
    SETTING_SSH_PORT,
    SETTING_MUX_PORT,
    SETTING_SSH_UID,
    SETTING_SSH_GID,
    SETTING_DOCKER_GROUP,
    SETTING_AUTHORIZED_KEYS_DIR,
    SETTING_AUTHORIZED_KEYS_HOST,
    SETTING_AUTHORIZED_KEYS_REPO,
    SETTING_SSH_KEYS,
    SETTING_MAX_CONNECTIONS,
    SETTING_MAX_CONNECTIONS_PER_ADDRESS,
    SETTING_TRUSTED_PROXIES,
    SETTING_PROXY_PROTOCOL,
    SETTING_SPARE,
    SETTING_COUNT
};

/* What a program needs; every other setting has its default, so that a secret that it may not read
 * does not stop it. */
enum {
    NEED_RUN = 1,     /* the command, how it runs, the log */
    NEED_HTTP = 2,    /* credentials and the answer */
    NEED_ACCOUNT = 4, /* whom the command runs as */
    NEED_TLS = 8,     /* the certificate, where a made one is, where sessions are kept */
    NEED_LISTENERS = 16,
    NEED_SSH = 32,
    NEED_RUN_DIR = 64,  /* ssh and the login shell, which have to meet, always use the default */
    NEED_PROXIES = 128, /* whose word on the client's address counts; how the log is written */
    NEED_ALL = 255
};

/* Words of the settings that have a choice, in the order that settings_number counts them. */
enum { LOCK_MODE_SKIP, LOCK_MODE_REFUSE, LOCK_MODE_WAIT, LOCK_MODE_OFF, LOCK_MODE_RERUN, LOCK_MODE_JOIN };
enum { DISCONNECT_CONTINUE, DISCONNECT_HANGUP };
enum { AUDIT_TEXT, AUDIT_JSON };
enum { AUDIT_REQUEST_FULL, AUDIT_REQUEST_MASKED, AUDIT_REQUEST_RULE };
enum { HTTP_STDIN_OFF, HTTP_STDIN_BODY };
enum { HOOK_OK_OFF, HOOK_OK_ON };
enum { NO_NEW_PRIVS_OFF, NO_NEW_PRIVS_ON };
enum { DOCKER_OFF, DOCKER_ON };
enum { PROXY_PROTOCOL_OFF, PROXY_PROTOCOL_ON };

enum settings_origin {
    FROM_NOWHERE,
    FROM_DEFAULT,
    FROM_ENVIRONMENT,
    FROM_NAMED_FILE,
    FROM_DIRECTORY
};

struct settings {
    size_t stored;
    struct settings_value {
        char *text; /* NUL behind it, none inside; NULL when there is none */
        size_t n;
        uint64_t number;
        enum settings_origin origin;
        /* what stood in its place in the environment: Kubernetes' word on a service of that name */
        const char *link;
        const char *place; /* FROM_NAMED_FILE: the file; FROM_DIRECTORY: the directory */
    } value[SETTING_COUNT];
    /* what NAME_FILE says, absolute, whether it is needed or not; or NULL */
    const char *named_file[SETTING_COUNT];
    const char *role; /* the name of the role that they are of; NULL: of none */
    const char *list; /* where the allowlist is that is a file; NULL: POLICY_LIST (core/policy.h) */
    char error[LIMIT_PATH + 512]; /* one line: setting, error, source; empty when there is none */
    /* the texts that came from files; last, so that what every process uses is on few pages */
    char store[LIMIT_SETTINGS];
};

/* Where values come from, first to last. `environment` is NULL for a program whose environment the
 * client writes (cgi, the login shell). `directories` ends with NULL: settings_directories is for
 * programs whose environment is the administrator's; the other for those whose is not, and who find
 * there what `init` has had in its environment (core/settings_export.h). */
struct settings_places {
    char *const *environment;
    const char *const *directories;
};
extern const char *const settings_directories[], *const settings_directories_of_guests[];
#define SETTINGS_DIRECTORY "/etc/bastion"

/* How the pair that `bastion cert` makes, and TLS=self-signed keeps in the directory SSH_KEYS, is
 * named. */
#define SETTINGS_MADE_CERTIFICATE "tls.crt"
#define SETTINGS_MADE_KEY "tls.key"

/* Reads and checks the settings that `needs` names into a zeroed struct. A file counts only where
 * no command can have written it (core/protect.h, which is told of `s`). Settings that say where
 * configuration stands are read in any case (settings_is_place); one of those that is not needed,
 * and wrong, counts as not set. Returns 0, or -1 with settings->error. */
int settings_read(struct settings *s, const struct settings_places *places, unsigned needs);

/* The same for a program that wants every error and not the first alone. It is called for each,
 * with s->error, while the value still stands there (`id` is SETTING_COUNT for a whole directory);
 * then what is unusable counts as not set. `context` is the caller's. */
typedef void settings_each_error(void *context, const struct settings *s, enum setting id);
void settings_read_each(struct settings *s, const struct settings_places *places, unsigned needs,
                        settings_each_error *each_error, void *context);

/* Reads the settings of a role into a zeroed struct, or one that another role's were read into:
 * what stands in `folder`, its own (core/roles.h), and for the rest what `outside` says, which was
 * read before for no role. Of FORCE_COMMAND, ALLOWED_COMMANDS, COMMAND_PREFIX and the list it has
 * its own alone where it has one of them. Credentials are never inherited, nor are they here
 * (settings_read_role_secret). The struct keeps `role`, `folder` and what `outside` has by
 * reference. Returns 0, or -1 with s->error: then the role serves nobody. */
int settings_read_role(struct settings *s, const struct settings *outside, const char *role,
                       const char *folder);

/* Reads HTTP_BASIC_AUTH or HTTP_TOKEN of a role's folder. Returns 1 with *n bytes at `text`; 0
 * where there is none; -1 with an error that names the file. */
int settings_read_role_secret(enum setting id, const char *folder, char text[LIMIT_SECRET + 2],
                              size_t *n, char error[LIMIT_ERROR]);

/* Whether anybody could have a credential of HTTP: one is set, there is a token, or there may be
 * roles at any time, since ROLES_DIR is there. */
bool settings_serve_http(const struct settings *s);

/* What a program that serves or starts anything does with its settings first: takes up where the
 * log goes (base/log.h, log_heed), reads them as settings_read does, and takes up how the log is
 * written (core/audit.h, audit_use). Returns NULL, or the error, which is settings->error: the
 * program says so in the log and serves nobody. */
const char *settings_start(struct settings *s, const struct settings_places *places,
                           unsigned needs);

/* The text, or NULL when there is neither a value nor a default. */
const char *settings_text(const struct settings *s, enum setting id);
/* The number (of a port that is off: 0), or the index of the word; of the default where there is no
 * value. */
uint64_t settings_number(const struct settings *s, enum setting id);
/* Whether somebody set it. */
bool settings_given(const struct settings *s, enum setting id);

bool settings_needed(enum setting id, unsigned needs);
const char *settings_name(enum setting id);
bool settings_is_secret(enum setting id);
/* Whether a role may have one of its own; and whether nobody else can have one. */
bool settings_is_roles(enum setting id);
bool settings_is_roles_alone(enum setting id);
/* Whether the setting says where configuration stands, or who could write there: its value is
 * needed to close that to commands. */
bool settings_is_place(enum setting id);
enum { SETTINGS_SOURCE = LIMIT_PATH + 64 }; /* bytes of such a text */
/* Where the value comes from, for people: put at `text`, or a constant. */
const char *settings_source(const struct settings *s, enum setting id, char text[SETTINGS_SOURCE]);

/* Whether the file at an absolute path, which a setting named, counts: no command can have written
 * it (core/protect.h). False with s->error, which names the file and says why not. */
bool settings_file_counts(struct settings *s, const char *path);

/* Overwrites a secret's value, wherever it stands; the setting has none afterwards. */
void settings_wipe(struct settings *s, enum setting id);

/* Whether n bytes at `name` are a setting's name or such a name with _FILE: never the command's
 * business. Of what roles alone have there is nothing in an environment. */
bool settings_owns(const char *name, size_t n);

#endif
