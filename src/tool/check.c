#include "tool/check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "core/hostkey.h"
#include "core/keys.h"
#include "core/policy.h"
#include "core/settings.h"
#include "wire/quote.h"

extern char **environ;

enum { SHOWN = 400 }; /* bytes of a value that are shown */

static void print_quoted(const char *text) {
    char line[SHOWN + 16];
    struct buf b = BUF_ON(line);
    quote_text(&b, text, strlen(text), SHOWN);
    printf("%.*s", (int)b.len, b.at);
}

static void print_setting(const struct settings *s, enum setting id) {
    const char *text = settings_text(s, id);
    if (text == NULL)
        return;
    printf("%s = ", settings_name(id));
    if (settings_is_secret(id))
        fputs("(hidden)", stdout);
    else
        print_quoted(text);
    printf("  (%s)\n", settings_source(s, id));
}

static void warn(const char *setting, const char *text) { printf("warning: %s: %s\n", setting, text); }

/* What is valid and yet likely not meant. */
static void print_warnings(const struct settings *s) {
    struct account account;
    struct stat st;
    bool basic = settings_given(s, HTTP_BASIC_AUTH), token = settings_given(s, HTTP_TOKEN);
    for (enum setting id = 0; id < SETTINGS; id++)
        if (settings_is_secret(id) && s->value[id].exposed)
            warn(settings_name(id), "its file can be read by others than its owner");
    if (basic && token)
        warn("HTTP_TOKEN", "has no effect: HTTP_BASIC_AUTH wins");
    if (!basic && !token)
        warn("HTTP_BASIC_AUTH, HTTP_TOKEN", "neither is set: over HTTP nobody may run anything");
    if (token && !basic && strlen(settings_text(s, HTTP_TOKEN)) < 16)
        warn("HTTP_TOKEN", "shorter than 16 bytes: it can be guessed");
    if (settings_given(s, COMMAND_LOCK_WAIT) && !(settings_given(s, COMMAND_LOCK) && settings_number(s, COMMAND_LOCK) == LOCK_WAIT))
        warn("COMMAND_LOCK_WAIT", "has no effect: COMMAND_LOCK is not wait");
    if (geteuid() == 0 && account_find(&account, settings_text(s, SSH_USER)) == -1)
        warn("SSH_USER", "there is no such account here: http and cgi answer 500 when started as root");
    if (stat(settings_text(s, RUN_DIR), &st) == -1)
        warn("RUN_DIR", strerror(errno));
    else if (!S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || (st.st_uid != 0 && st.st_uid != geteuid()))
        warn("RUN_DIR", "must be a directory that root or this account owns and nobody else can write");
}

/* The keys that can log in, what is unusable, and the host's own key as ssh-keygen(1) shows it. */
static void print_ssh(const struct settings *s) {
    static struct keys keys;
    struct openssh_key host;
    char line[OPENSSH_KEY_COMMENT + 128], fingerprint[KEYS_FINGERPRINT];
    struct buf b = BUF_ON(line);
    const char *fault;
    keys_read(&keys, s);
    for (size_t i = 0; i < keys.count; i++) {
        keys_fingerprint(fingerprint, keys.key[i].text);
        printf("key: 256 %s ", fingerprint);
        print_quoted(keys.key[i].identity);
        puts(keys.key[i].no_pty ? " no-pty" : "");
    }
    for (const char *at = keys.faults.at; at < keys.faults.at + keys.faults.len; at += strcspn(at, "\n") + 1)
        printf("warning: %.*s\n", (int)strcspn(at, "\n"), at);
    int found = hostkey_find(&host, settings_text(s, SSH_KEYS), NULL, &fault);
    if (found == 1) {
        hostkey_describe(&b, &host);
        printf("host key: %.*s\n", (int)b.len, b.at);
        explicit_bzero(&host, sizeof host);
    } else if (found == 0) {
        puts("host key: none yet; the first SSH connection makes one");
    } else {
        printf("warning: %s\n", fault);
    }
}

static int check_request(const struct policy *p) {
    struct decision d;
    policy_decide(p, &d);
    if (!d.allow) {
        printf("deny: %s\n", d.reason);
        return 126;
    }
    printf("allow: rule %s\n", d.rule);
    if (p->mode == POLICY_FORCE)
        puts("The request does not count: FORCE_COMMAND is set. What is executed, one word a line:");
    for (size_t i = 0; d.argv[i] != NULL; i++) {
        print_quoted(d.argv[i]);
        putchar('\n');
    }
    return 0;
}

int check_main(int argc, char **argv) {
    static struct settings s;
    static char *nothing[] = {NULL};
    bool files = argc > 1 && strcmp(argv[1], "--files") == 0;
    int words = argc - 1 - files;
    if (words > 1 || (words == 1 && argv[argc - 1][0] == '-' && argv[argc - 1][1] == '-')) {
        fputs("usage: bastion check [--files] [REQUEST]\n", stderr);
        return 64;
    }
    struct settings_places places = {files ? nothing : environ, settings_folders};
    struct policy policy;
    const char *fault = s.fault;
    if (settings_read(&s, &places, NEED_ALL) == -1 || policy_load(&policy, &s, &fault) == -1) {
        fprintf(stderr, "%s\n", fault);
        return 78;
    }
    int code = 0;
    if (words == 1) {
        code = check_request(&policy);
    } else {
        for (enum setting id = 0; id < SETTINGS; id++)
            print_setting(&s, id);
        print_ssh(&s);
        print_warnings(&s);
        puts("The settings are valid.");
    }
    return fflush(stdout) == 0 ? code : 71;
}
