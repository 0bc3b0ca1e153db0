/* The ways of a file server, for LD_PRELOAD: calls whose answer is lost or wrong, and its own clock.
 *
 * NFS_RULES names a file with a line a rule: CALL WHEN ERRNO FROM COUNT FOLDER NAME. Of the calls of
 * a process whose path has FOLDER in it, and NAME in its last part, COUNT fail with that number, the
 * FROMth first (1). WHEN is "before": nothing is done; or "after": it is done, and only its answer is
 * lost. CALL is symlink, link, open (with O_CREAT), read (open without it), fsync, rename (its new
 * name), unlink or readlink. Each is told in the file NFS_LOG. NFS_CLOCK_S: by so many seconds the
 * times of files below the folder NFS_FOLDER are ahead. NFS_OPEN_US: so long does an open take there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RULES 64
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct rule {
    char call[16], when[8], folder[128], name[128];
    int error, from, count, seen;
};

static struct rule rules[RULES];
static int known = -1;

static void read_rules(void) {
    const char *name = getenv("NFS_RULES");
    FILE *file = name ? REAL(fopen)(name, "re") : NULL;
    known = 0;
    for (struct rule *r = rules; file && known < RULES; r++, known++)
        if (fscanf(file, "%15s %7s %d %d %d %127s %127s", r->call, r->when, &r->error, &r->from,
                   &r->count, r->folder, r->name) != 7)
            break;
    if (file) fclose(file);
}

static void tell(const struct rule *r, const char *path) {
    const char *name = getenv("NFS_LOG");
    int file = name ? (int)syscall(SYS_openat, AT_FDCWD, name,
                                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)
                    : -1;
    if (file < 0) return;
    dprintf(file, "%s %s %s\n", r->call, r->when, path);
    close(file);
}

/* Return the rule that this call breaks by, or NULL. */
static const struct rule *broken(const char *call, const char *path) {
    const char *last = strrchr(path, '/');
    if (known < 0) read_rules();
    for (int n = 0; n < known; n++) {
        struct rule *r = &rules[n];
        if (strcmp(r->call, call) || !strstr(path, r->folder)) continue;
        if (!strstr(last ? last : path, r->name)) continue;
        r->seen++;
        if (r->seen < r->from || r->seen >= r->from + r->count) continue;
        tell(r, path);
        return r;
    }
    return NULL;
}

static int fails(const struct rule *r) {
    errno = r->error;
    return -1;
}

#define ANSWER(call, path, done)                          \
    do {                                                  \
        const struct rule *r = broken(call, path);        \
        if (r && !strcmp(r->when, "before")) return fails(r); \
        int result = (done);                              \
        return r && !result ? fails(r) : result;          \
    } while (0)

int symlink(const char *target, const char *path) {
    ANSWER("symlink", path, REAL(symlink)(target, path));
}

int link(const char *old, const char *path) { ANSWER("link", path, REAL(link)(old, path)); }

int rename(const char *old, const char *path) { ANSWER("rename", path, REAL(rename)(old, path)); }

int unlink(const char *path) { ANSWER("unlink", path, REAL(unlink)(path)); }

ssize_t readlink(const char *path, char *text, size_t size) {
    const struct rule *r = broken("readlink", path);
    return r ? fails(r) : REAL(readlink)(path, text, size);
}

static const char *path_of(int file, char *path, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = REAL(readlink)(name, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

int fsync(int file) {
    char path[4096];
    ANSWER("fsync", path_of(file, path, sizeof path), REAL(fsync)(file));
}

static int is_served(const char *path) {
    const char *folder = getenv("NFS_FOLDER");
    return folder && !strncmp(path, folder, strlen(folder));
}

static int opened(int at, const char *path, int flags, int mode) {
    const char *wait_us = is_served(path) ? getenv("NFS_OPEN_US") : NULL;
    if (wait_us) usleep((unsigned)atoi(wait_us));
    const struct rule *r = broken(flags & O_CREAT ? "open" : "read", path);
    if (r && !strcmp(r->when, "before")) return fails(r);
    int file = (int)syscall(SYS_openat, at, path, flags, mode);
    if (!r || file < 0) return file;
    close(file);
    return fails(r);
}

#define MODE(flags)                                        \
    int mode = 0;                                          \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {               \
        va_list more;                                      \
        va_start(more, flags);                             \
        mode = va_arg(more, int);                          \
        va_end(more);                                      \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return opened(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    MODE(flags)
    return opened(at, path, flags | O_LARGEFILE, mode);
}

static int shifted(int result, const char *path, struct stat *found) {
    const char *ahead_s = getenv("NFS_CLOCK_S");
    if (!result && ahead_s && is_served(path)) {
        found->st_mtim.tv_sec += atol(ahead_s);
        found->st_ctim.tv_sec += atol(ahead_s);
        found->st_atim.tv_sec += atol(ahead_s);
    }
    return result;
}

int stat(const char *path, struct stat *found) {
    return shifted(REAL(stat)(path, found), path, found);
}

int lstat(const char *path, struct stat *found) {
    return shifted(REAL(lstat)(path, found), path, found);
}

int fstat(int file, struct stat *found) {
    char path[4096];
    int result = REAL(fstat)(file, found);
    return shifted(result, path_of(file, path, sizeof path), found);
}

int fstatat(int at, const char *path, struct stat *found, int flags) {
    return shifted(REAL(fstatat)(at, path, found, flags), path, found);
}

int stat64(const char *path, struct stat64 *found) { return stat(path, (struct stat *)found); }

int lstat64(const char *path, struct stat64 *found) { return lstat(path, (struct stat *)found); }

int fstat64(int file, struct stat64 *found) { return fstat(file, (struct stat *)found); }

int fstatat64(int at, const char *path, struct stat64 *found, int flags) {
    return fstatat(at, path, (struct stat *)found, flags);
}
