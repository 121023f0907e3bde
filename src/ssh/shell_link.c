#include "ssh/shell_link.h"

#include <sys/epoll.h>

#include "base/fd.h"
#include "base/init_link.h"
#include "ssh/login.h"

extern char **environ;

/* Makes the administrator's environment as the shell gets it: the settings of a run, wherever their
 * values came from; the settings and files that say where configuration stands, which the shell
 * closes to the command; and what the command is to see. NULL when it does not fit. */
static char *const *make_environment(struct ssh_connection *c) {
    struct env *e = &c->environment;
    struct buf b = BUF_ON(c->settings_text);
    env_start(e);
    env_copy(e, environ, session_passes);
    for (int id = 0; id < SETTING_COUNT; id++) {
        enum setting setting = (enum setting)id;
        char *variable = b.at + b.len;
        if (settings_given(&c->settings, setting)
            && (settings_needed(setting, NEED_RUN) || settings_is_place(setting))) {
            buf_format(&b, "%s=%s", settings_name(setting), settings_text(&c->settings, setting));
            buf_char(&b, '\0');
            env_replace(e, variable);
        }
        variable = b.at + b.len;
        if (c->settings.named_file[id] != NULL) {
            buf_format(&b, "%s_FILE=%s", settings_name(setting), c->settings.named_file[id]);
            buf_char(&b, '\0');
            env_replace(e, variable);
        }
    }
    return b.full ? NULL : env_list(e);
}

void shell_link_accept(struct ssh_connection *c) {
    c->shell = handoff_accept(c->listener, c->tinysshd, c->setup.account.uid, &c->input);
    if (c->shell == -1)
        return;
    handoff_close(&c->listener, c->tinysshd);
    epoll_ctl(c->poll, EPOLL_CTL_DEL, 0, NULL); /* see daemon_quick_acknowledge */
    if (!login_may_start_shell(c)) {
        fd_close(&c->shell);
        return;
    }
    c->shell_told = true;
    init_link_known();
    connection_audit(c, "login", "allow", NULL);
    struct handoff handoff = {.run = c->run,
                              .user = c->key->identity,
                              .peer = c->peer,
                              .no_pty = c->key->no_pty,
                              .record = c->setup.lock.record,
                              .environment = make_environment(c)};
    if (handoff.environment == NULL || handoff_give(c->shell, &handoff) == -1) {
        connection_audit(c, "fault", NULL, "the login shell could not be told who has logged in");
        fd_close(&c->shell);
        return;
    }
    connection_watch(c, c->shell, CONNECTION_SHELL, EPOLLIN);
}

void shell_link_read(struct ssh_connection *c) {
    if (handoff_pass_line(c->shell, &c->lines) == 0)
        return;
    fd_close(&c->shell);
    if (c->lines.running) /* a command of the same account can kill it; the run may go on */
        connection_audit(c, "end", NULL, "the login shell was killed");
}
