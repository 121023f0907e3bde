/* Runs that requests share: by many processes, of which any may be killed at any time. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/lock.h"
#include "core/shared_run.h"
#include "unit.h"

enum { MANY = 8, MOST_RUNS = 100000 };

/* What all processes of a test see. Events are counted: `now` is the time that they have. */
struct world {
    atomic_ulong now; /* begins with 1 */
    atomic_ulong runs, requests, waiting, began[MOST_RUNS];
    atomic_ulong running; /* the run that has the lock; 0: none */
    atomic_int wrong, shared, go;
    atomic_int is_waiting[MANY]; /* which of them wait for a run, where `me` is used */
};
static struct world *world;
static int directory = -1;
static int me; /* of those that serve many requests, which one this process is */
static char path[64];

static void set_up(void) {
    snprintf(path, sizeof path, "/tmp/bastion-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(directory != -1 && world != MAP_FAILED);
    atomic_store(&world->now, 1);
}

static void tear_down(void) {
    unlinkat(directory, "shared", 0);
    unlinkat(directory, "shared.a", 0);
    unlinkat(directory, "lock", 0);
    close(directory);
    rmdir(path);
    munmap(world, sizeof *world);
}

static void arrive(struct shared_run *s, const char *role, unsigned kind) {
    unsigned char key[SHA256_SIZE];
    sha256(key, &kind, sizeof kind);
    ck_assert_int_eq(shared_run_open(s, directory, role, key, false), 0);
}

static void name_of(unsigned long number, char out[SHARED_RUN_NAME]) {
    snprintf(out, SHARED_RUN_NAME, "%016lx", number);
}

static char run[SHARED_RUN_NAME]; /* that covers what take has been asked for */
static enum shared_run_turn take(struct shared_run *s) { return shared_run_take(s, run); }

/* Has the place, and makes a run of that name. */
static void make_run(struct shared_run *s, unsigned long number, bool started) {
    char name[SHARED_RUN_NAME];
    name_of(number, name);
    ck_assert_int_eq(take(s), SHARED_RUN_MINE);
    shared_run_begin(s, name);
    shared_run_leave(s, started);
    ck_assert_int_eq(s->fd, -1);
}

START_TEST(covers_what_came_before) {
    struct shared_run first, early, late, other, role;
    arrive(&first, NULL, 1);
    arrive(&early, NULL, 1);
    ck_assert_int_eq(take(&first), SHARED_RUN_MINE);
    ck_assert_int_eq(take(&first), SHARED_RUN_MINE);
    ck_assert_int_eq(take(&early), SHARED_RUN_OTHERS);
    ck_assert(!shared_run_last(&first, run));
    shared_run_begin(&first, "0123456789abcdef");
    arrive(&late, NULL, 1);
    arrive(&other, NULL, 2);
    arrive(&role, "a", 1);
    ck_assert_int_eq(take(&early), SHARED_RUN_OTHERS); /* its command is not there yet */
    shared_run_leave(&first, true);
    ck_assert_int_eq(take(&early), SHARED_RUN_COVERED);
    ck_assert_str_eq(run, "0123456789abcdef");
    ck_assert_int_eq(take(&late), SHARED_RUN_MINE);
    ck_assert(shared_run_last(&late, run));
    ck_assert_str_eq(run, "0123456789abcdef");
    ck_assert(!shared_run_last(&other, run) && !shared_run_last(&role, run));
    make_run(&late, 2, true);
    ck_assert_int_eq(take(&early), SHARED_RUN_COVERED);
    ck_assert_str_eq(run, "0000000000000002");
    ck_assert_int_eq(take(&other), SHARED_RUN_MINE);
    ck_assert_int_eq(take(&role), SHARED_RUN_MINE);
    shared_run_leave(&early, false);
    shared_run_leave(&other, false);
    shared_run_leave(&role, false);
}
END_TEST

/* Who joins runs takes the one that is being started; and a next one, where it is not. */
START_TEST(joins) {
    for (int started = 0; started < 2; started++) {
        struct shared_run first, other;
        unsigned char key[SHA256_SIZE] = {1};
        ck_assert_int_eq(shared_run_open(&first, directory, NULL, key, true), 0);
        ck_assert_int_eq(take(&first), SHARED_RUN_MINE);
        shared_run_begin(&first, "0123456789abcdef");
        ck_assert_int_eq(shared_run_open(&other, directory, NULL, key, true), 0);
        ck_assert_int_eq(take(&other), SHARED_RUN_OTHERS);
        shared_run_leave(&first, started);
        ck_assert_int_eq(take(&other), started ? SHARED_RUN_COVERED : SHARED_RUN_MINE);
        shared_run_leave(&other, false);
    }
}
END_TEST

/* A run whose command was not started covers nobody. */
START_TEST(not_started) {
    struct shared_run first, second;
    arrive(&first, NULL, 1);
    arrive(&second, NULL, 1);
    make_run(&first, 1, false);
    make_run(&second, 2, true);
}
END_TEST

/* Others' runs take the places of the oldest: then nobody knows any more. */
START_TEST(forgets) {
    struct shared_run early, s;
    arrive(&early, NULL, 1);
    arrive(&s, NULL, 1);
    make_run(&s, 1, true);
    for (unsigned i = 0; i < LIMIT_SHARED_RUNS; i++) {
        ck_assert_int_eq(take(&early), SHARED_RUN_COVERED);
        arrive(&s, NULL, 2);
        make_run(&s, 100 + i, true);
    }
    make_run(&early, 3, true);
}
END_TEST

/* No room for the record: a run of one's own, which nobody shares. */
START_TEST(full) {
    struct shared_run s, other;
    struct rlimit old, none;
    arrive(&s, NULL, 1);
    arrive(&other, NULL, 1);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    make_run(&s, 1, true);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    make_run(&other, 2, true);
}
END_TEST

START_TEST(garbage) {
    struct shared_run s;
    char byte = '\x7f';
    int fd = openat(directory, "shared", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 64 * 64 + 10; i++)
        ck_assert_int_eq(write(fd, &byte, 1), 1);
    close(fd);
    arrive(&s, NULL, 1);
    ck_assert(!shared_run_last(&s, run));
    make_run(&s, 1, true);
    arrive(&s, NULL, 1);
    ck_assert(shared_run_last(&s, run));
    shared_run_leave(&s, false);
}
END_TEST

/* ---- by many ---- */

static void wait_for_child(pid_t child) {
    if (child == -1 || waitpid(child, NULL, 0) == -1)
        _exit(9);
}

/* What a request does that shares runs; the run takes as long as `hold` says. */
static void serve(void (*hold)(void)) {
    struct shared_run s;
    struct lock lock;
    unsigned long came = atomic_fetch_add(&world->now, 1), number = 0;
    arrive(&s, NULL, 1);
    lock_prepare(&lock, path, NULL, getgid());
    enum shared_run_turn turn;
    atomic_fetch_add(&world->waiting, 1);
    atomic_store(&world->is_waiting[me], 1);
    while ((turn = shared_run_take(&s, run)) == SHARED_RUN_OTHERS)
        wait_for_child(shared_run_queue(&s));
    if (turn == SHARED_RUN_MINE) {
        while (lock_take(&lock) != 1)
            wait_for_child(lock_queue(&lock));
        turn = shared_run_take(&s, run);
    }
    atomic_store(&world->is_waiting[me], 0);
    if (turn == SHARED_RUN_MINE) {
        number = atomic_fetch_add(&world->runs, 1) + 1;
        name_of(number, run);
        atomic_store(&world->running, number);
        shared_run_begin(&s, run);
        atomic_store(&world->began[number], atomic_fetch_add(&world->now, 1));
    } else {
        atomic_fetch_add(&world->shared, 1);
    }
    if (atomic_load(&world->began[strtoul(run, NULL, 16)]) <= came)
        atomic_fetch_add(&world->wrong, 1);
    shared_run_leave(&s, number != 0);
    if (number != 0) {
        hold();
        if (atomic_load(&world->running) != number) /* another one ran meanwhile */
            atomic_fetch_add(&world->wrong, 1);
    }
    lock_close(&lock);
    atomic_fetch_add(&world->requests, 1);
}

static void hold_until_told(void) {
    while (atomic_load(&world->go) == 0)
        usleep(1000);
}

static pid_t start(void (*work)(void)) {
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        work();
        _exit(0);
    }
    ck_assert_int_gt(child, 0);
    return child;
}

static void serve_one(void) { serve(hold_until_told); }

static void wait_until(atomic_ulong *count, unsigned long wanted) {
    while (atomic_load(count) < wanted)
        usleep(1000);
}

static void end(pid_t child) {
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

/* Those who come during a run are one more, also when those who wait are killed but one. */
START_TEST(one_more) {
    for (int killed = 0; killed < MANY; killed += MANY - 1) {
        unsigned long before = atomic_load(&world->runs);
        pid_t child[MANY], first;
        atomic_store(&world->go, 0);
        atomic_store(&world->waiting, 0);
        atomic_store(&world->shared, 0);
        atomic_store(&world->requests, 0);
        first = start(serve_one);
        wait_until(&world->began[before + 1], 1);
        for (int i = 0; i < MANY; i++)
            child[i] = start(serve_one);
        wait_until(&world->waiting, MANY + 1);
        for (int i = 0; i < killed; i++) {
            kill(child[i], SIGKILL);
            waitpid(child[i], NULL, 0);
        }
        ck_assert_uint_eq(atomic_load(&world->runs), before + 1);
        atomic_store(&world->go, 1);
        end(first);
        for (int i = killed; i < MANY; i++)
            end(child[i]);
        ck_assert_uint_eq(atomic_load(&world->runs), before + 2);
        ck_assert_int_eq(atomic_load(&world->shared), MANY - killed - 1);
        ck_assert_int_eq(atomic_load(&world->wrong), 0);
    }
}
END_TEST

enum { REQUESTS = 400 };
static bool all_are_served(void) { return atomic_load(&world->requests) >= REQUESTS; }

/* Every second run waits until two requests wait for the next one: one of them makes it, and the
 * other shares it, unless it is killed. */
static void hold_for_others(void) {
    bool is_short = atomic_load(&world->running) % 2 == 0;
    for (int others = 0; others < 2 && !all_are_served();) {
        usleep(500);
        others = is_short ? 2 : 0;
        for (int i = 0; i < MANY; i++)
            others += atomic_load(&world->is_waiting[i]);
    }
}

static void serve_many(void) {
    while (!all_are_served())
        serve(hold_for_others);
}

static pid_t start_many(int which) {
    me = which;
    atomic_store(&world->is_waiting[me], 0);
    return start(serve_many);
}

/* They are killed at any moment, and as often as the requests that they serve: where each takes
 * long, none would be served by processes that are killed every few milliseconds. */
START_TEST(random_kills) {
    pid_t child[MANY];
    unsigned seed = 1;
    for (int i = 0; i < MANY; i++)
        child[i] = start_many(i);
    while (!all_are_served()) {
        int victim = rand_r(&seed) % MANY;
        unsigned long wanted = atomic_load(&world->requests) + (unsigned)rand_r(&seed) % 3;
        wait_until(&world->requests, wanted < REQUESTS ? wanted : REQUESTS);
        usleep((useconds_t)(rand_r(&seed) % 4000));
        kill(child[victim], SIGKILL);
        ck_assert_int_eq(waitpid(child[victim], NULL, 0), child[victim]);
        child[victim] = start_many(victim);
    }
    for (int i = 0; i < MANY; i++)
        end(child[i]);
    ck_assert_int_eq(atomic_load(&world->wrong), 0);
    ck_assert_int_gt(atomic_load(&world->shared), 0);
}
END_TEST

Suite *unit_shared_run(void) {
    Suite *s = suite_create("shared_run");
    TCase *t = tcase_create("shared_run");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, covers_what_came_before);
    tcase_add_test(t, joins);
    tcase_add_test(t, not_started);
    tcase_add_test(t, forgets);
    tcase_add_test(t, full);
    tcase_add_test(t, garbage);
    tcase_add_test(t, one_more);
    tcase_add_test(t, random_kills);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}
