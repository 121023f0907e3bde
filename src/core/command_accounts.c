#include "core/command_accounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/small_file.h"
#include "core/roles.h"
#include "core/runas.h"

static const struct settings *settings;
static char *const *environment;

/* They are looked up where somebody but root can write, which is seldom. */
static struct account accounts[LIMIT_COMMAND_ACCOUNTS];
static size_t account_count; /* 0: they were not looked up yet */
static bool more_accounts;   /* than there is room for: then anybody may be one */
static const struct account *next;

void command_accounts_use(const struct settings *s, char *const *given) {
    settings = s;
    environment = given;
    account_count = 0;
}

void command_accounts_forget(void) { account_count = 0; }

void command_accounts_next(const struct account *a) { next = a; }

static void add_account(const struct account *a) {
    for (size_t i = 0; i < account_count; i++)
        if (accounts[i].uid == a->uid && accounts[i].gid == a->gid)
            return;
    more_accounts = more_accounts || account_count == LIMIT_COMMAND_ACCOUNTS;
    if (!more_accounts)
        accounts[account_count++] = *a;
}

/* Adds whom a role's commands run as, where it says so. Who has the group of the Docker socket is
 * not looked at here: it counts as everybody's. */
static void add_account_of(const char *role) {
    static struct account a;
    char path[LIMIT_PATH], name[LIMIT_USER];
    size_t n;
    struct stat st;
    gid_t group;
    const char *directory = settings_text(settings, SETTING_ROLES_DIR);
    if (roles_path(path, directory, role, settings_name(SETTING_RUN_AS)) == NULL)
        return;
    int fd = small_file_open(AT_FDCWD, path);
    const char *wrong = fd == -1 ? "none" : small_file_read(fd, name, sizeof name, &n, &st);
    fd_close(&fd);
    if (wrong != NULL || n == 0)
        return;
    n -= name[n - 1] == '\n';
    name[n] = '\0';
    if (strchr(name, ':') != NULL)
        account_number(&a, name);
    else if (account_find(&a, name) == -1)
        return;
    if (runas_docker_group(&group, settings, environment))
        account_add_group(&a, group);
    add_account(&a);
}

static void look_up(void) {
    const char *directory = settings_text(settings, SETTING_ROLES_DIR);
    DIR *dir = geteuid() == 0 && directory != NULL ? opendir(directory) : NULL;
    more_accounts = false;
    runas_guess(&accounts[0], settings, environment);
    account_count = 1;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (roles_is_name((struct slice){e->d_name, strlen(e->d_name)}))
            add_account_of(e->d_name);
    if (dir != NULL)
        closedir(dir);
}

/* For the first of those who run commands that could write there. */
unsigned command_accounts_find(struct writers *w, const char *path) {
    unsigned who = writers_find(w, path, NULL, NULL, NULL);
    if (who == 0)
        return 0;
    if (account_count == 0)
        look_up();
    for (size_t i = 0; i < account_count && (who & WRITERS_ACCOUNT) == 0; i++)
        who = writers_find(w, path, &accounts[i], NULL, NULL);
    if (next != NULL && (who & WRITERS_ACCOUNT) == 0)
        who = writers_find(w, path, next, NULL, NULL);
    if (more_accounts)
        who = w->who |= WRITERS_ACCOUNT;
    return who;
}

bool command_accounts_can_read(const char *path) {
    bool can = false;
    if (account_count == 0)
        look_up();
    for (size_t i = 0; i < account_count && !can; i++)
        can = writers_can_read(path, &accounts[i]);
    return can || more_accounts;
}
