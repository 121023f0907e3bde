/* main.c: the table of programs. The first word picks one. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../init/init.h"
#include "base/printed.h"
#include "base/target.h"
#include "base/version.h"
#include "core/settings_export.h"
#include "http/cgi.h"
#include "http/http.h"
#include "proxy/mux.h"
#include "proxy/proxy.h"
#include "ssh/shell.h"
#include "ssh/ssh.h"
#include "tls/tls.h"
#include "tool/cert.h"
#include "tool/check.h"
#include "docker/docker.h"
#include "tool/health.h"
#include "tool/token.h"

static const struct program {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *usage, *what;
} programs[] = {
    {"http", http_main, "bastion http",
     "Serves one HTTP/1.1 connection on descriptors 0 and 1. Started by tcpsvd, tcpserver,\n"
     "inetd, xinetd or systemd (Accept=yes). GET or POST /cgi-bin/run with the credential\n"
     "(HTTP_BASIC_AUTH or HTTP_TOKEN) runs FORCE_COMMAND; /healthz answers ok.\n"},
    {"cgi", cgi_main, "bastion cgi",
     "Serves one CGI/1.1 request behind a web server. Its settings come from files alone\n"
     "(" SETTINGS_EXPORT " and /etc/bastion), since the client writes the environment.\n"},
    {"tls", tls_main, "bastion tls PROGRAM [ARG...]",
     "Speaks TLS 1.2 on descriptors 0 and 1 with the certificate of TLS_CERT and TLS_KEY, and\n"
     "runs PROGRAM with clear text on its own: bastion tls bastion http is HTTPS. Started like\n"
     "http. PROGRAM finds HTTPS, SSL_PROTOCOL, SSL_CIPHER and SSL_TLS_SNI_SERVERNAME in its\n"
     "environment.\n"},
    {"proxy", proxy_main, "bastion proxy PROGRAM [ARG...]",
     "Takes the header of the PROXY protocol, version 1 or 2, off the connection on descriptors 0\n"
     "and 1, if that comes from an address in TRUSTED_PROXIES, and runs PROGRAM, which finds the\n"
     "client of the header in its environment (UCSPI): bastion proxy bastion ssh. Connections\n"
     "from elsewhere, or with no such header, are closed.\n"},
    {"mux", mux_main, "bastion mux",
     "One port for SSH, TLS and HTTP: looks at what the client on descriptors 0 and 1 begins "
     "with,\n"
     "and becomes bastion ssh, bastion tls bastion http or bastion http. Who says nothing for "
     "three\n"
     "seconds gets bastion ssh. HTTP without TLS is served where there is no certificate, and "
     "from\n"
     "this machine or an address in TRUSTED_PROXIES.\n"},
    {"ssh", ssh_main, "bastion ssh [--prepare]",
     "Serves one SSH connection on descriptors 0 and 1, by tinysshd, for the keys in\n"
     "AUTHORIZED_KEYS_DIR, AUTHORIZED_KEYS_HOST and AUTHORIZED_KEYS_REPO. Started like http, as\n"
     "root; the login shell of SSH_USER must be bastion. --prepare: only makes the host's key and\n"
     "whatever else a connection needs, and says what is wrong.\n"},
    {"shell", shell_main, "bastion shell [--force-command [--role ROLE]]",
     "Runs one SSH session's command, as does bastion as a login shell (-bastion, or\n"
     "bastion -c REQUEST). Its settings come from bastion ssh or from files. --force-command:\n"
     "started by OpenSSH's ForceCommand, whose SSH_ORIGINAL_COMMAND is the request.\n"},
    {"check", check_main,
     "bastion check [--files] [--brief | [--role ROLE | --as NAME [--peer ADDRESS]] [--explain] "
     "[--] [REQUEST]]",
     "Says whether everything that is configured can work: settings and where each comes from,\n"
     "account, folders, keys, certificate, rules, the command's program. It changes nothing.\n"
     "With REQUEST, what would happen to it and why; --role: to one of that role; --as: what "
     "whoever\n"
     "has that name in the log gets, from ADDRESS. --explain: of a request that no rule allows "
     "also\n"
     "which rules come nearest, and where they end. --files: as cgi and the login shell see the\n"
     "settings, without the environment. --brief: only what keeps init from serving. Exits 0\n"
     "(warnings or not), 78 for a fault, 126 for a refusal.\n"},
#ifndef BASTION_SLIM
    {"docker", docker_main, "bastion docker COMMAND [ARG...]",
     "A small client of the Docker Engine: exec, ps, logs, start, stop and the like, as docker(1)\n"
     "has them. So does bastion when it is called docker, as by a link of that name.\n"},
#endif
    {"cert", cert_main, "bastion cert [--keep] FOLDER NAME...",
     "Makes a key, FOLDER/tls.key, and a certificate for these host names and addresses that it\n"
     "signs itself, FOLDER/tls.crt; prints where they are and the key's pin for curl. --keep:\n"
     "what is there stays, and only a certificate that ends within 30 days, or that is not for\n"
     "the key or for all of the names, is made anew, for the same key. It may run as often as\n"
     "one likes.\n"},
    {"token", token_main,
     "bastion token [--revoke | [--expires DAYS|DATE] [--from CIDR[,CIDR...]]] FOLDER NAME",
     "Makes a token for HTTP: prints its secret, once, and adds a line with its digest to\n"
     "FOLDER/NAME.token (FOLDER: TOKENS_DIR). Several lines are several secrets of NAME, so that\n"
     "one can be replaced without a gap. --expires: after so many days, or that date; --from: "
     "only\n"
     "from these addresses or networks. --revoke: takes the file, and so all of them, away.\n"},
    {"init", init_main, "bastion init [--address ADDRESS]",
     "Process 1 of the container: checks the settings, makes the accounts and the host's key,\n"
     "and listens on HTTP_PORT, HTTPS_PORT, SSH_PORT, MUX_PORT, at all addresses or at ADDRESS.\n"
     "SIGTERM ends it: commands have ten seconds. SIGHUP hangs up every connection.\n"},
    {"health", health_main, "bastion health",
     "Says on one line whether what init listens for answers; exits 0 or 1. For HEALTHCHECK.\n"},
};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static int help(void) {
    puts("bastion " BASTION_VERSION ": a credential buys exactly one command\n\n"
         "usage: bastion PROGRAM [ARG...]\n");
    for (size_t i = 0; i < PROGRAMS; i++)
        printf("  %s\n", programs[i].usage);
    puts("\nbastion PROGRAM --help says more; bastion(8) is the manual.");
    return printed_whole(stdout) ? 0 : 71;
}

static int version(void) {
    puts("bastion " BASTION_VERSION "\n" TARGET_GNU ", with " BASTION_PARTS);
    return printed_whole(stdout) ? 0 : 71;
}

static int run(const struct program *p, int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("usage: %s\n\n%s", p->usage, p->what);
        return printed_whole(stdout) ? 0 : 71;
    }
    return p->main(argc, argv);
}

#ifndef BASTION_SLIM
static bool is_named(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}
#endif

int main(int argc, char **argv) {
    /* Where the starter ignores it, our children would be reaped behind our back (wait(2),
     * ECHILD). */
    signal(SIGCHLD, SIG_DFL);
#ifndef BASTION_SLIM
    if (argc > 0 && is_named(argv[0], "docker"))
        return docker_main(argc, argv);
#endif
    if (argc > 0 && (argv[0][0] == '-' || (argc > 1 && strcmp(argv[1], "-c") == 0)))
        return shell_main(argc, argv); /* as a login shell: login(1), sh(1) */
    if (argc < 2 || strcmp(argv[1], "--help") == 0)
        return help();
    if (strcmp(argv[1], "--version") == 0)
        return version();
    for (size_t i = 0; i < PROGRAMS; i++)
        if (strcmp(argv[1], programs[i].name) == 0)
            return run(&programs[i], argc - 1, argv + 1);
    fprintf(stderr, "bastion: no program is named '%s'; bastion --help lists them\n", argv[1]);
    return 64;
}
