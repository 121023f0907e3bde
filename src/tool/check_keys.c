#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ssh/hostkey.h"
#include "tool/check_parts.h"
#include "tool/report.h"
#include "wire/date.h"
#include "wire/quote.h"

enum { QUOTED = 4 * LIMIT_USER + 16 }; /* bytes of a comment or a user's name, in quotes */

static const char *quote_name(char out[QUOTED], const char *text, size_t n) {
    struct buf b = {.at = out, .cap = QUOTED};
    quote_text(&b, text, n, LIMIT_USER);
    return buf_string(&b);
}

/* ---- one file ---- */

/* The file at hand. One in which nothing can be used lets nobody in, which somebody meant; one bad
 * line among good ones may be an old key: which of them it is, is known at the file's end. */
struct key_file {
    char path[LIMIT_PATH + 256];
    const char *within; /* the folder whose files alone are looked at, or NULL */
    size_t good, left_out;
    bool private;
    struct buf bad; /* what is unusable, each two texts: where, what */
    char text[LIMIT_KEY_ERRORS];
};

static void end_file(const struct key_file *file) {
    for (const char *at = file->bad.at, *end = at + file->bad.len; at < end;) {
        const char *where = at, *what = where + strlen(where) + 1;
        if (file->good > 0 && !file->private)
            report_warning(where, "%s", what);
        else
            report_error(where, "%s", what);
        at = what + strlen(what) + 1;
    }
    if (file->left_out > 0)
        report_warning(file->path, "%zu more lines that can't be used", file->left_out);
}

static void begin_file(struct key_file *file, const char *path) {
    snprintf(file->path, sizeof file->path, "%s", path);
    file->good = file->left_out = 0;
    file->private = false;
    file->bad = BUF_ON(file->text);
}

static const char *remedy(const struct authorized *a) {
    if (a == NULL || a->type.n == 0)
        return "";
    return slice_is(a->type, "ssh-ed25519")
               ? "; copy it anew, as one line"
               : "; its owner makes one that can be used: ssh-keygen -t ed25519";
}

static void add_unusable(struct key_file *file, const struct key_seen *k) {
    struct buf before = file->bad, *b = &file->bad;
    char print[KEYS_FINGERPRINT], comment[QUOTED];
    buf_format(b, k->line > 0 ? "%s:%zu" : "%s", k->path, k->line);
    buf_char(b, '\0');
    buf_text(b, k->reason);
    if (k->a != NULL && k->a->type.n > 0) {
        authorized_keys_fingerprint(print, k->a->key);
        buf_format(b, ": %.*s %s %s", (int)k->a->type.n, k->a->type.at, print,
                   quote_name(comment, k->a->comment.at, k->a->comment.n));
    }
    buf_text(b, remedy(k->a));
    buf_char(b, '\0');
    if (b->full) {
        file->bad = before;
        file->left_out++;
    }
    file->private = file->private || strncmp(k->reason, "a PRIVATE KEY", 13) == 0;
}

static bool is_within(const char *folder, const char *path) {
    size_t n = folder != NULL ? strlen(folder) : 0;
    return folder == NULL || (strncmp(path, folder, n) == 0 && path[n] == '/');
}

/* Takes a key, or a line that is none. That there is no key at all, which comes without a file, is
 * reported by check_keys. */
static void note_key(void *context, const struct key_seen *k) {
    char print[KEYS_FINGERPRINT], user[QUOTED], date[DATE_TEXT];
    struct key_file *file = context;
    if (k->path[0] != '/' || !is_within(file->within, k->path))
        return;
    if (strcmp(k->path, file->path) != 0) {
        end_file(file);
        begin_file(file, k->path);
    }
    if (k->reason != NULL) {
        add_unusable(file, k);
        return;
    }
    file->good++;
    if (k->key == NULL)
        return;
    authorized_keys_fingerprint(print, k->a->key);
    const struct key *key = k->key;
    const char *role = key->role != NULL ? key->role->name : NULL;
    bool ends = key->expires != DATE_NEVER, somewhere = key->from[0] != '\0';
    if (ends)
        date_print(date, key->expires);
    report_line("key: 256 %s %s%s%s%s%s%s%s%s  (%s:%zu)", print,
                quote_name(user, key->identity, strlen(key->identity)),
                role != NULL ? " of the role " : "", role != NULL ? role : "",
                key->no_pty ? " no-pty" : "", ends ? " until " : "", ends ? date : "",
                somewhere ? " from " : "", key->from, k->path, k->line);
    if (time(NULL) > key->expires)
        report_remark("it has expired");
}

/* ---- all of them ---- */

/* The host's own, as ssh-keygen -lf shows it. */
static void check_host_key(const struct subject *x) {
    struct openssh_key host;
    char line[OPENSSH_KEY_COMMENT + 128];
    struct buf b = BUF_ON(line);
    char error[HOSTKEY_ERROR];
    const char *directory = settings_text(x->settings, SETTING_SSH_KEYS);
    int found = hostkey_find(&host, directory, NULL, error);
    if (found == 1) {
        hostkey_describe(&b, &host);
        report_line("host key: %.*s", (int)b.len, b.at);
        explicit_bzero(&host, sizeof host);
    } else if (found == -1 && errno == EACCES && !x->root) {
        report_unseen("SSH_KEYS", "%s: only root can", directory);
    } else if (found == -1) {
        report_error_line(error);
    } else if (x->ssh && access(directory, F_OK) == 0 && access(directory, W_OK) == -1) {
        report_warning("SSH_KEYS",
                       "%s: there is no key, and the one that is made can't be kept there (%s): it "
                       "goes with /run; make the folder writable",
                       directory, strerror(errno));
    } else if (x->ssh) {
        report_line("host key: none yet; the first SSH connection makes one");
    }
}

void check_keys(const struct subject *x) {
    struct key_file file = {.within = NULL};
    char folder[LIMIT_PATH];
    if (x->role != NULL)
        file.within =
            roles_path(folder, settings_text(x->settings, SETTING_ROLES_DIR), x->role, NULL);
    begin_file(&file, "");
    x->keys->see = note_key;
    x->keys->context = &file;
    authorized_keys_read(x->keys, x->settings);
    x->keys->see = NULL;
    end_file(&file);
    if (x->role != NULL)
        return;
    if (x->keys->count == 0 && x->ssh)
        report_error("AUTHORIZED_KEYS_DIR, _HOST, _REPO",
                     "no usable key: nobody can log in over SSH");
    else if (x->keys->count == 0 && x->container
             && settings_number(x->settings, SETTING_SSH_PORT) != 0)
        report_line("key: none; nobody can log in over SSH");
    check_host_key(x);
}
