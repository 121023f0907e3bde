/* A client of libssh's, compiled by the test. See ssh_situations.py for the arguments and for what
 * it says. */
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssh_session session;

static void die(const char *what) {
    fprintf(stderr, "failed: %s: %s\n", what, ssh_get_error(session));
    exit(1);
}

static void need(int rc, const char *what) {
    if (rc != SSH_OK)
        die(what);
}

static void connect_to(const char *host, const char *port, const char *user, const char *file) {
    ssh_key key;
    int no = 0;
    session = ssh_new();
    ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(session, SSH_OPTIONS_HOST, host);
    ssh_options_set(session, SSH_OPTIONS_PORT_STR, port);
    ssh_options_set(session, SSH_OPTIONS_USER, user);
    need(ssh_connect(session), "connect");
    need(ssh_pki_import_privkey_file(file, NULL, NULL, NULL, &key), "the key");
    if (ssh_userauth_publickey(session, NULL, key) != SSH_AUTH_SUCCESS)
        die("login");
    ssh_key_free(key);
}

static ssh_channel open_session(void) {
    ssh_channel channel = ssh_channel_new(session);
    need(ssh_channel_open_session(channel), "session");
    return channel;
}

/* Passes on what comes until the channel's end, or until a line has come. */
static void pass_on(ssh_channel channel, int one_line) {
    char piece[4096];
    int n;
    while ((n = ssh_channel_read(channel, piece, sizeof piece, 0)) > 0) {
        fwrite(piece, 1, (size_t)n, stdout);
        fflush(stdout);
        if (one_line && memchr(piece, '\n', (size_t)n) != NULL)
            return;
    }
}

static void tell_exit(ssh_channel channel) {
    fprintf(stderr, "%d\n", ssh_channel_get_exit_status(channel));
}

int main(int argc, char **argv) {
    if (argc != 6)
        return 64;
    const char *situation = argv[5];
    connect_to(argv[1], argv[2], argv[3], argv[4]);
    ssh_channel channel = open_session();
    if (strcmp(situation, "terminal") == 0) {
        need(ssh_channel_request_pty_size(channel, "xterm", 77, 33), "terminal");
        need(ssh_channel_request_shell(channel), "shell");
    } else {
        need(ssh_channel_request_exec(channel, "anything"), "command");
    }
    if (strcmp(situation, "keepalive") == 0) {
        while (ssh_channel_poll(channel, 0) == 0) {
            if (ssh_send_keepalive(session) != SSH_OK)
                die("keepalive");
            usleep(100000);
        }
    } else if (strcmp(situation, "close") == 0) {
        pass_on(channel, 1);
        ssh_channel_close(channel);
        /* It has no call that waits for the other side's half. */
        while (ssh_is_connected(session) && ssh_blocking_flush(session, 100) != SSH_ERROR
               && ssh_channel_poll_timeout(channel, 100, 0) != SSH_ERROR
               && !ssh_channel_is_eof(channel))
            ;
        fputs("closed\n", stderr);
        return 0;
    } else if (strcmp(situation, "leaves") == 0) {
        pass_on(channel, 1);
        pause();
    } else if (strcmp(situation, "second") == 0) {
        ssh_channel second = ssh_channel_new(session);
        pass_on(channel, 1);
        fputs(ssh_channel_open_session(second) == SSH_OK ? "opened," : "refused,", stderr);
    } else if (strcmp(situation, "forward") == 0) {
        ssh_channel forward = ssh_channel_new(session);
        pass_on(channel, 1);
        fputs(ssh_channel_open_forward(forward, "127.0.0.1", 22, "127.0.0.1", 22) == SSH_OK
                  ? "opened,"
                  : "refused,",
              stderr);
        fputs(ssh_channel_listen_forward(session, "127.0.0.1", 0, NULL) == SSH_OK ? "listening,"
                                                                                  : "refused,",
              stderr);
    }
    if (strcmp(situation, "second") == 0 || strcmp(situation, "forward") == 0)
        need(ssh_channel_send_eof(channel), "the input's end");
    pass_on(channel, 0);
    tell_exit(channel);
    return 0;
}
