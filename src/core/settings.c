#include "core/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/log.h"
#include "base/ucspi.h"
#include "core/audit.h"
#include "core/protect.h"
#include "core/roles.h"
#include "core/settings_export.h"
#include "core/settings_parts.h"
#include "core/tokens.h"

const char *const settings_directories[] = {SETTINGS_DIRECTORY, NULL},
                  *const settings_directories_of_guests[] = {SETTINGS_EXPORT, SETTINGS_DIRECTORY,
                                                             NULL};

const char *settings_text(const struct settings *s, enum setting id) { return s->value[id].text; }
uint64_t settings_number(const struct settings *s, enum setting id) { return s->value[id].number; }
bool settings_given(const struct settings *s, enum setting id) {
    return s->value[id].origin > FROM_DEFAULT;
}

bool settings_serve_http(const struct settings *s) {
    const char *tokens = settings_text(s, SETTING_TOKENS_DIR),
               *roles = settings_text(s, SETTING_ROLES_DIR);
    return settings_given(s, SETTING_HTTP_BASIC_AUTH) || settings_given(s, SETTING_HTTP_TOKEN)
           || settings_given(s, SETTING_HOOK_SECRET) || (tokens != NULL && tokens_any(tokens))
           || (roles != NULL && roles_any(roles));
}

const char *settings_source(const struct settings *s, enum setting id, char text[SETTINGS_SOURCE]) {
    const struct settings_value *v = &s->value[id];
    switch (v->origin) {
    case FROM_ENVIRONMENT: return "from the environment";
    case FROM_DEFAULT: return "by default";
    case FROM_NOWHERE: return "not set";
    case FROM_NAMED_FILE:
        snprintf(text, SETTINGS_SOURCE, "from %s_FILE=%s", settings_name(id), v->place);
        break;
    case FROM_DIRECTORY:
        snprintf(text, SETTINGS_SOURCE, "from %s/%s", v->place, settings_name(id));
        break;
    }
    return text;
}

/* r->s->error has been written. Returns -1, unless the reading is to go on. */
static int end_with_error(const struct settings_reading *r, enum setting id) {
    struct settings *s = r->s;
    if (r->each_error == NULL)
        return -1;
    r->each_error(r->context, s, id);
    if (id < SETTING_COUNT)
        s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
    s->error[0] = '\0';
    return 0;
}

int settings_note_error(const struct settings_reading *r, enum setting id, const char *what) {
    char from[SETTINGS_SOURCE];
    snprintf(r->s->error, sizeof r->s->error, "%s: %s (%s)", settings_name(id), what,
             settings_source(r->s, id, from));
    return end_with_error(r, id);
}

int settings_note_directory_error(const struct settings_reading *r, const char *directory,
                                  const char *what) {
    snprintf(r->s->error, sizeof r->s->error, "%s: %s", directory, what);
    return end_with_error(r, SETTING_COUNT);
}

int settings_forgive(const struct settings_reading *r, enum setting id, int result) {
    if (result == 0 || settings_needed(id, r->needs))
        return result;
    r->s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
    r->s->error[0] = '\0';
    return 0;
}

/* ---- the checks of values ---- */

/* What is wrong with a setting because of another one. */
static int check_together(const struct settings_reading *r) {
    const struct settings *s = r->s;
    if (!settings_needed(SETTING_TLS_CERT, r->needs))
        return 0;
    if (settings_given(s, SETTING_TLS_CERT) != settings_given(s, SETTING_TLS_KEY))
        return settings_given(s, SETTING_TLS_CERT)
                   ? settings_note_error(r, SETTING_TLS_CERT, "needs TLS_KEY too")
                   : settings_note_error(r, SETTING_TLS_KEY, "needs TLS_CERT too");
    if (settings_given(s, SETTING_TLS_CERT) && settings_given(s, SETTING_TLS))
        return settings_note_error(r, SETTING_TLS, "contradicts TLS_CERT: set one of the two");
    return 0;
}

/* bastion init can't listen twice on one port. */
static int check_ports(const struct settings_reading *r) {
    const struct settings *s = r->s;
    static const enum setting port[] = {SETTING_SSH_PORT, SETTING_HTTP_PORT, SETTING_HTTPS_PORT,
                                        SETTING_MUX_PORT};
    bool http = settings_serve_http(s);
    bool used[] = {true, http,
                   http && (settings_given(s, SETTING_TLS_CERT) || settings_given(s, SETTING_TLS)),
                   true};
    for (int i = 1; i < 4; i++)
        for (int j = 0; j < i; j++) {
            enum setting one = settings_given(s, port[i]) ? port[i] : port[j],
                         other = one == port[i] ? port[j] : port[i];
            char text[64];
            snprintf(text, sizeof text, "the same port as %s", settings_name(other));
            if (used[i] && used[j] && s->value[one].number != 0
                && s->value[one].number == s->value[other].number)
                return settings_note_error(r, one, text);
        }
    return 0;
}

int settings_check_value(const struct settings_reading *r, enum setting id) {
    struct settings_value *v = &r->s->value[id];
    char text[SETTINGS_WRONG];
    const char *wrong = v->text != NULL ? settings_wrong_value(v, id, text) : NULL;
    return wrong == NULL ? 0 : settings_forgive(r, id, settings_note_error(r, id, wrong));
}

static int check_values(const struct settings_reading *r) {
    for (enum setting id = 0; id < SETTING_COUNT; id++) {
        struct settings_value *v = &r->s->value[id];
        char text[SETTINGS_WRONG];
        if (settings_check_value(r, id) == -1)
            return -1;
        if (v->text != NULL || settings_preset(id) == NULL)
            continue;
        /* Never written to: only secrets are wiped, and none has a preset. */
        v->text = (char *)(uintptr_t)settings_preset(id);
        v->n = strlen(v->text);
        v->origin = FROM_DEFAULT;
        settings_wrong_value(v, id, text); /* for its number */
    }
    return 0;
}

int settings_check_directory(const struct settings_reading *r, const char *directory) {
    static char text[LIMIT_ERROR]; /* large, and seldom used */
    const char *wrong = protect_refuses(directory, PROTECT_SETTING, text);
    return wrong == NULL ? 0 : settings_note_directory_error(r, directory, wrong);
}

/* What says who runs commands must be root's alone: nobody else may say that he is the one for whom
 * the rest is closed. */
int settings_check_writer(const struct settings_reading *r, enum setting id) {
    static char path[LIMIT_PATH + 64], text[LIMIT_ERROR]; /* large, and little of them is used */
    const struct settings_value *v = &r->s->value[id];
    if ((v->origin != FROM_DIRECTORY && v->origin != FROM_NAMED_FILE)
        || !settings_needed(id, r->needs))
        return 0;
    bool is_directory = v->origin == FROM_DIRECTORY, identity = settings_is_identity(id);
    snprintf(path, sizeof path, "%s%s%s", v->place, is_directory ? "/" : "",
             is_directory ? settings_name(id) : "");
    const char *wrong = protect_refuses(path,
                                        identity && account_is_root() ? PROTECT_IDENTITY
                                        : is_directory                ? PROTECT_SETTING
                                                                      : PROTECT_KEY,
                                        text);
    return wrong == NULL ? 0 : settings_note_error(r, id, wrong);
}

static int check_writers(const struct settings_reading *r) {
    for (const char *const *directory = r->places->directories; *directory != NULL; directory++)
        if (strcmp(*directory, SETTINGS_EXPORT) != 0
            && settings_check_directory(r, *directory) == -1)
            return -1;
    for (enum setting id = 0; id < SETTING_COUNT; id++)
        if (settings_check_writer(r, id) == -1)
            return -1;
    return 0;
}

/* ---- the reading ---- */

static int read_all(const struct settings_reading *r) {
    r->s->stored = 0; /* what is written before it is read takes one page fault, else two */
    protect_use(r->s, r->places->environment);
    if (r->places->environment != NULL && settings_read_environment(r) == -1)
        return -1;
    for (const char *const *directory = r->places->directories; *directory != NULL; directory++)
        if (settings_read_directory(r, *directory) == -1)
            return -1;
    if (check_values(r) == -1 || check_together(r) == -1 || check_ports(r) == -1)
        return -1;
    return check_writers(r);
}

int settings_read(struct settings *s, const struct settings_places *places, unsigned needs) {
    return read_all(&(struct settings_reading){.s = s, .places = places, .needs = needs});
}

void settings_read_each(struct settings *s, const struct settings_places *places, unsigned needs,
                        settings_each_error *each_error, void *context) {
    read_all(&(struct settings_reading){
        .s = s, .places = places, .needs = needs, .each_error = each_error, .context = context});
}

bool settings_file_counts(struct settings *s, const char *path) {
    char text[LIMIT_ERROR];
    const char *wrong = protect_refuses(path, PROTECT_KEY, text);
    if (wrong != NULL)
        snprintf(s->error, sizeof s->error, "%s: %s", path, wrong);
    return wrong == NULL;
}

const char *settings_start(struct settings *s, const struct settings_places *places,
                           unsigned needs) {
    if (places->environment != NULL) {
        char via[LIMIT_VIA];
        log_heed(places->environment);
        ucspi_via(via, places->environment);
        audit_use_via(via);
    }
    bool valid = settings_read(s, places, needs) == 0;
    audit_use(s, valid);
    return valid ? NULL : s->error;
}

void settings_wipe(struct settings *s, enum setting id) {
    if (s->value[id].text != NULL && settings_is_secret(id))
        explicit_bzero(s->value[id].text, s->value[id].n);
    s->value[id] = (struct settings_value){.origin = FROM_NOWHERE};
}
