/* A plugin for qemu's user emulation (linux-user, TCG plugins, version 1 of their interface): what
 * a program of another processor executes and touches.
 *
 * out=FILE,name=NAME: FILE is a struct record that all share; to it every process adds the
 * instructions that it executes, and at its end NAME, how often it was forked since it was NAME,
 * and how many pages of 4 KiB it has executed, read or written, from the beginning of NAME. The
 * kernel's own work is in neither.
 *
 * Built as a shared object, and as `-DWRAPPER` a program that binfmt_misc starts in qemu's place:
 * its environment may be anybody's, so what qemu needs is compiled in. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef WRAPPER

/* bastion's subcommand, or the program's own name. */
static const char *name_of(const char *program, const char *first) {
    const char *slash = strrchr(program, '/');
    const char *file = slash ? slash + 1 : program;
    return first && strcmp(file, "bastion") == 0 ? first : file;
}

/* By binfmt_misc's flag P argv[0] stands after the path. */
int main(int argc, char **argv) {
    char plugin[512], *words[argc + 4], **word = words;
    snprintf(plugin, sizeof plugin, "%s,name=%s", PLUGIN, name_of(argv[2], argv[3]));
    char *const given[] = {"qemu", "-plugin", plugin, "-0", argv[2], argv[1]};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        *word++ = given[i];
    memcpy(word, argv + 3, (size_t)(argc - 2) * sizeof *argv);
    execv(QEMU, words);
    perror(QEMU);
    return 127;
}

#else

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

/* Of qemu's interface, what is used here; its header is in no package of every Debian. */
typedef uint64_t plugin;
struct block;
struct instruction;
__attribute__((visibility("default"))) int qemu_plugin_version = 1;
size_t qemu_plugin_tb_n_insns(const struct block *);
uint64_t qemu_plugin_tb_vaddr(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin, void (*)(plugin, struct block *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct block *, void (*)(unsigned, void *), int flags,
                                          void *);
void qemu_plugin_register_vcpu_mem_cb(struct instruction *,
                                      void (*)(unsigned, uint32_t, uint64_t, void *), int flags,
                                      int reads1_writes2, void *);
void qemu_plugin_register_atexit_cb(plugin, void (*)(plugin, void *), void *);

enum { PAGE_BITS = 12, SLOTS = 1 << 16, PROCESSES = 1024 };

static struct record {
    uint64_t instructions, ended;
    struct {
        char name[16];
        uint32_t forks, pages;
    } process[PROCESSES];
} * record; /* a file would be closed by the program */

static const char *name;
static uint64_t pages[SLOTS], last = UINT64_MAX;
static uint32_t forks, touched;

static void touch(uint64_t address) {
    uint64_t page = (address >> PAGE_BITS) + 1; /* 0 is a free slot */
    if (page == last)
        return;
    last = page;
    size_t slot = page * 0x9E3779B97F4A7C15 >> 48;
    while (pages[slot] && pages[slot] != page)
        slot = (slot + 1) % SLOTS;
    if (!pages[slot] && touched < SLOTS / 2) {
        pages[slot] = page;
        touched++;
    }
}

static void executes(unsigned cpu, void *count) {
    (void)cpu;
    __atomic_fetch_add(&record->instructions, (uintptr_t)count, __ATOMIC_RELAXED);
}

static void accesses(unsigned cpu, uint32_t how, uint64_t address, void *unused) {
    (void)cpu, (void)how, (void)unused;
    touch(address);
}

static void translates(plugin id, struct block *block) {
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(block);
    touch(qemu_plugin_tb_vaddr(block));
    qemu_plugin_register_vcpu_tb_exec_cb(block, executes, 0, (void *)count);
    for (size_t i = 0; i < count; i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), accesses, 0, 3, NULL);
}

static void ends(plugin id, void *unused) {
    (void)id, (void)unused;
    uint64_t at = __atomic_fetch_add(&record->ended, 1, __ATOMIC_RELAXED);
    if (at >= PROCESSES)
        return;
    strncpy(record->process[at].name, name, sizeof record->process->name - 1);
    record->process[at].forks = forks;
    record->process[at].pages = touched;
}

static void forked(void) { forks++; }

__attribute__((visibility("default"))) int qemu_plugin_install(plugin id, const void *info,
                                                               int argc, char **argv) {
    (void)info;
    if (argc != 2 || strncmp(argv[0], "out=", 4) != 0 || strncmp(argv[1], "name=", 5) != 0)
        return -1;
    int fd = open(argv[0] + 4, O_RDWR | O_CLOEXEC);
    name = strdup(argv[1] + 5);
    record =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (record == MAP_FAILED || !name || pthread_atfork(NULL, NULL, forked) != 0)
        return -1;
    close(fd);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translates);
    qemu_plugin_register_atexit_cb(id, ends, NULL);
    return 0;
}

#endif
