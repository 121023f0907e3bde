#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tls/certificate.h"
#include "tls/client_cert.h"
#include "tool/check_parts.h"
#include "tool/report.h"

enum { DAY = 86400, SOON = 14 * DAY };

static bool is_missing(const char *path) { return access(path, F_OK) == -1 && errno == ENOENT; }

/* TLS=self-signed, and there is nothing yet: then there must be a place for it. */
static void check_future(const struct subject *x) {
    char from[SETTINGS_SOURCE];
    const char *directory = settings_text(x->settings, SETTING_SSH_KEYS);
    char above[LIMIT_PATH];
    snprintf(above, sizeof above, "%s", directory);
    while (is_missing(above) && strrchr(above, '/') != above)
        *strrchr(above, '/') = '\0';
    if (is_missing(above))
        strcpy(above, "/");
    if (access(above, W_OK) == -1)
        report_error("TLS",
                     "self-signed: there is no certificate in %s, and none can be made there: %s; "
                     "make the folder writable, or mount one (%s)",
                     directory, strerror(errno), settings_source(x->settings, SETTING_TLS, from));
    else if (!x->container)
        report_warning("TLS",
                       "self-signed: there is no certificate in %s yet: bastion init makes it at "
                       "its start; anybody else: bastion cert --keep %s NAME",
                       directory, directory);
    else
        report_line("certificate: none yet; bastion init makes one in %s", directory);
}

static void check_pair(const struct subject *x, const char *chain, const char *key) {
    char from[SETTINGS_SOURCE];
    static struct certificate c;
    const char *name = settings_given(x->settings, SETTING_TLS_CERT) ? "TLS_CERT, TLS_KEY" : "TLS",
               *error = certificate_read(&c, chain, key);
    char text[CERTIFICATE_AGE];
    struct stat st;
    int64_t now = time(NULL), left = c.not_after - now;
    if (error != NULL) {
        bool other = errno == EACCES && geteuid() != 0;
        report_error(name, "%s%s (%s)", error, other ? "; as root it may be readable" : "",
                     settings_source(x->settings,
                                     settings_given(x->settings, SETTING_TLS_CERT)
                                         ? SETTING_TLS_CERT
                                         : SETTING_TLS,
                                     from));
        return;
    }
    const char *age = certificate_age(text, &c, now);
    if (age != NULL)
        report_warning(name, "%s: %s: clients will refuse it", chain, age);
    else if (left < SOON)
        report_warning(name, "%s: expires in %lld days: renew it", chain, (long long)left / DAY);
    else
        report_line("certificate: %s: good for another %lld days", chain, (long long)left / DAY);
    if (stat(key, &st) == 0 && (st.st_mode & S_IROTH) != 0)
        report_warning(name, "%s: everybody can read the private key, the command too: chmod 600",
                       key);
    certificate_wipe(&c);
}

void check_tls(const struct subject *x) {
    char from[SETTINGS_SOURCE];
    static struct client_cert ca;
    const struct settings *s = x->settings;
    struct certificate_paths paths;
    const char *error;
    bool has = certificate_paths(&paths, s);
    if (has && settings_given(s, SETTING_TLS) && is_missing(paths.chain) && is_missing(paths.key))
        check_future(x);
    else if (has)
        check_pair(x, paths.chain, paths.key);
    if (!settings_given(s, SETTING_TLS_CLIENT_CA))
        return;
    if ((error = client_cert_read(&ca, settings_text(s, SETTING_TLS_CLIENT_CA))) != NULL)
        report_error("TLS_CLIENT_CA", "%s: every client would be refused (%s)", error,
                     settings_source(s, SETTING_TLS_CLIENT_CA, from));
    if (!has)
        report_warning("TLS_CLIENT_CA", "has no effect: there is no TLS_CERT, nor TLS (%s)",
                       settings_source(s, SETTING_TLS_CLIENT_CA, from));
}
