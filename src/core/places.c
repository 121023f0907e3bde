#include "core/places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/run_directory.h"
#include "core/listed.h"
#include "core/policy.h"
#include "core/roles.h"
#include "core/tokens.h"

struct walk {
    const struct settings *settings;
    struct places_wanted wanted;
    take_place *take;
    void *context;
};

static void give(const struct walk *w, struct place place) { w->take(w->context, &place); }

static bool is_of_settings(const char *name) {
    return settings_owns(name, strlen(name)) || strcmp(name, POLICY_LIST_NAME) == 0;
}

static bool is_of_keys(const char *name) {
    size_t n = strlen(name);
    return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".pub") == 0;
}

static bool is_of_tokens(const char *name) {
    size_t n = strlen(name), end = sizeof TOKENS_END - 1;
    return n > end && name[0] != '.' && strcmp(name + n - end, TOKENS_END) == 0;
}

static bool is_of_role(const char *name) {
    return is_of_settings(name) || strcmp(name, settings_name(SETTING_RUN_AS)) == 0
           || strcmp(name, settings_name(SETTING_DOCKER)) == 0;
}

static bool is_secret(const char *name) {
    bool is = false;
    for (enum setting id = 0; id < SETTING_COUNT && !is; id++)
        is = settings_is_secret(id) && strcmp(name, settings_name(id)) == 0;
    return is;
}

/* Gives what has that name there. (A function of its own, for the large piece of the stack.) */
__attribute__((noinline)) static void give_entry(const struct walk *w, const char *directory,
                                                 const char *name, struct place place) {
    char path[LIMIT_PATH];
    place.path = path;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) < sizeof path)
        give(w, place);
}

typedef bool is_wanted(const char *name);

static void each_in(const struct walk *w, const char *directory, is_wanted *wanted,
                    enum protect_kind kind) {
    struct directory dir;
    if (listed_lacks(directory))
        return;
    if (listed_knows(directory)) {
        for (const char *name = NULL; (name = listed_next(name)) != NULL;)
            if (wanted(name))
                give_entry(w, directory, name, (struct place){.kind = kind});
        return;
    }
    if (directory_open(&dir, directory) == -1) {
        if (errno == EACCES && access(directory, X_OK) == 0)
            give(w, (struct place){.path = directory, .kind = kind, .hidden = true});
        return;
    }
    for (const char *name; (name = directory_next(&dir, NULL)) != NULL;)
        if (wanted(name))
            give_entry(
                w, directory, name,
                (struct place){.kind = kind, .secret = wanted == is_of_role && is_secret(name)});
    directory_close(&dir);
}

/* A directory, and of what is in it that which decides. */
static void directory_and(const struct walk *w, const char *directory, is_wanted *wanted,
                          enum protect_kind kind) {
    give(w, (struct place){.path = directory, .kind = kind});
    each_in(w, directory, wanted, kind);
}

static void each_of_users(const struct walk *w, const char *directory) {
    give(w, (struct place){.path = directory, .kind = PROTECT_KEY});
    if (w->wanted.keys)
        each_in(w, directory, is_of_keys, PROTECT_KEY);
}

static void each_of_tokens(const struct walk *w, const char *directory) {
    give(w, (struct place){.path = directory, .kind = PROTECT_SETTING});
    if (w->wanted.tokens)
        each_in(w, directory, is_of_tokens, PROTECT_SETTING);
}

__attribute__((noinline)) static void each_of_role(const struct walk *w, const char *directory,
                                                   const char *name) {
    char path[LIMIT_PATH];
    struct stat st;
    if (roles_path(path, directory, name, NULL) == NULL)
        return;
    directory_and(w, path, is_of_role, PROTECT_SETTING);
    if (roles_path(path, directory, name, ROLES_KEYS) != NULL && lstat(path, &st) == 0)
        each_of_users(w, path);
    if (roles_path(path, directory, name, ROLES_TOKENS) != NULL && lstat(path, &st) == 0)
        each_of_tokens(w, path);
}

static void each_of_roles(const struct walk *w) {
    const char *directory = settings_text(w->settings, SETTING_ROLES_DIR);
    struct directory dir;
    give(w, (struct place){.path = directory, .kind = PROTECT_SETTING});
    if (listed_lacks(directory) || directory_open(&dir, directory) == -1)
        return;
    for (const char *name; (name = directory_next(&dir, NULL)) != NULL;)
        if (roles_is_name((struct slice){name, strlen(name)}))
            each_of_role(w, directory, name);
    directory_close(&dir);
}

/* The files that settings name. */
static void each_named(const struct walk *w) {
    static const enum setting keys[] = {SETTING_AUTHORIZED_KEYS_HOST, SETTING_AUTHORIZED_KEYS_REPO,
                                        SETTING_TLS_CERT, SETTING_TLS_KEY, SETTING_TLS_CLIENT_CA};
    const struct settings *s = w->settings;
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (s->named_file[id] != NULL)
            give(w, (struct place){.path = s->named_file[id],
                                   .kind = PROTECT_KEY,
                                   .secret = settings_is_secret(id)});
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (settings_text(s, keys[i]) != NULL)
            give(w, (struct place){.path = settings_text(s, keys[i]),
                                   .kind = PROTECT_KEY,
                                   .secret = keys[i] == SETTING_TLS_KEY});
}

static void each_of_the_host(const struct walk *w) {
    static const char *const beside[] = {"ssh_host_ed25519_key", ".ed25519.sk",
                                         SETTINGS_MADE_CERTIFICATE, SETTINGS_MADE_KEY};
    const char *host = settings_text(w->settings, SETTING_SSH_KEYS);
    give(w, (struct place){.path = host, .kind = PROTECT_KEY});
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        give_entry(w, host, beside[i],
                   (struct place){.kind = PROTECT_KEY,
                                  .secret = strcmp(beside[i], SETTINGS_MADE_CERTIFICATE) != 0});
}

void places_each(const struct settings *s, struct places_wanted wanted, take_place *take,
                 void *context) {
    const struct walk w = {.settings = s, .wanted = wanted, .take = take, .context = context};
    struct stat st;
    if (!wanted.unwatched) {
        directory_and(&w, SETTINGS_DIRECTORY, is_of_settings, PROTECT_SETTING);
        each_of_users(&w, settings_text(s, SETTING_AUTHORIZED_KEYS_DIR));
        each_named(&w);
        each_of_the_host(&w);
    }
    if (!wanted.unwatched || wanted.tokens)
        each_of_tokens(&w, settings_text(s, SETTING_TOKENS_DIR));
    if (wanted.roles)
        each_of_roles(&w);
    /* What sshd reads is made for every login, and only where there is SSH. */
    bool has_ssh =
        lstat(RUN_DIRECTORY "/ssh", &st) == 0 || lstat(RUN_DIRECTORY "/hostkey", &st) == 0;
    give(&w, (struct place){.path = RUN_DIRECTORY, .kind = PROTECT_KEY, .weak = !has_ssh});
    give(&w, (struct place){
                 .path = settings_text(s, SETTING_RUN_DIR), .kind = PROTECT_KEY, .weak = true});
}

void places_each_credential(const struct settings *s, take_place *take, void *context) {
    static const enum setting files[] = {SETTING_AUTHORIZED_KEYS_HOST,
                                         SETTING_AUTHORIZED_KEYS_REPO};
    const struct walk w = {
        .settings = s, .wanted = {true, true, true, false}, .take = take, .context = context};
    each_of_users(&w, settings_text(s, SETTING_AUTHORIZED_KEYS_DIR));
    each_of_tokens(&w, settings_text(s, SETTING_TOKENS_DIR));
    each_of_roles(&w);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        give(&w, (struct place){.path = settings_text(s, files[i]), .kind = PROTECT_KEY});
}
