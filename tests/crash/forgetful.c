/* Records what a process does to files below one folder, so that a test can tell what a power cut would leave.

   Preloaded into the process (LD_PRELOAD). Every call that changes or flushes a file is done and then written
   to a trace, under one lock, so that the order of the trace is the order of the effects. What the calls were
   made of, Python or not, does not matter: a flush that is missing in the code is missing in the trace.

   FORGETFUL_ROOT   the folder, as the process names it (absolute, without a slash at the end)
   FORGETFUL_TRACE  the file that gets the trace
   FORGETFUL_DROP   optional: flushes of files whose path, when they were opened, contains this text are done
                    and not traced, as if they had been forgotten in the code; "/files" means those of the
                    whole file system, too

   An entry of the trace is: kind u8, descriptor i32, offset i64, length of the first text u32, length of the
   second text or data u32, then both. See forgetful.py for what they mean. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, RENAME, UNLINK, MKDIR, FLUSH, FLUSH_ALL, CLOSE, RMDIR, LINK };
#define FDS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *root, *drop;
static size_t root_length;
static int trace = -1;
static char *paths[FDS]; /* of descriptors below the root */

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FORGETFUL_TRACE");
    root = getenv("FORGETFUL_ROOT");
    drop = getenv("FORGETFUL_DROP");
    if (!name || !root) return;
    root_length = strlen(root);
    trace = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below(const char *path) {
    return trace >= 0 && path && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static int watched(int fd) { return trace >= 0 && fd >= 0 && fd < FDS && paths[fd]; }

static void put(const void *data, size_t size) {
    const char *at = data;
    while (size) {
        ssize_t done = syscall(SYS_write, trace, at, size);
        if (done < 0) { if (errno == EINTR) continue; abort(); }
        at += done, size -= done;
    }
}

static void tell(uint8_t kind, int32_t fd, int64_t offset, const char *first, const void *second, uint32_t size) {
    int before = errno;
    uint32_t length = first ? strlen(first) : 0;
    char head[21];
    memcpy(head, &kind, 1), memcpy(head + 1, &fd, 4), memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &length, 4), memcpy(head + 17, &size, 4);
    put(head, sizeof head);
    if (length) put(first, length);
    if (size) put(second, size);
    errno = before;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(int fd, const char *path, int flags) {
    if (fd < 0 || fd >= FDS || !below(path)) return fd;
    free(paths[fd]);
    paths[fd] = strdup(path);
    tell(OPEN, fd, flags, path, NULL, 0);
    return fd;
}

#define OPENING(name)                                                                  \
    int name(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                                  \
        if (!below(path)) return REAL(name)(path, flags, mode);                        \
        pthread_mutex_lock(&lock);                                                     \
        int fd = opened(REAL(name)(path, flags, mode), path, flags);                   \
        pthread_mutex_unlock(&lock);                                                   \
        return fd;                                                                     \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name)                                                               \
    int name(int folder, const char *path, int flags, ...) {                           \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                                  \
        if (!below(path)) return REAL(name)(folder, path, flags, mode);                \
        pthread_mutex_lock(&lock);                                                     \
        int fd = opened(REAL(name)(folder, path, flags, mode), path, flags);           \
        pthread_mutex_unlock(&lock);                                                   \
        return fd;                                                                     \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

int close(int fd) {
    if (!watched(fd)) return REAL(close)(fd);
    pthread_mutex_lock(&lock);
    free(paths[fd]);
    paths[fd] = NULL;
    int result = REAL(close)(fd);
    tell(CLOSE, fd, 0, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t write(int fd, const void *data, size_t size) {
    if (!watched(fd)) return REAL(write)(fd, data, size);
    pthread_mutex_lock(&lock);
    ssize_t done = REAL(write)(fd, data, size);
    if (done > 0) tell(WRITE, fd, lseek(fd, 0, SEEK_CUR) - done, NULL, data, done);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t positioned(int fd, const void *data, ssize_t done, int64_t at) {
    if (done > 0) tell(WRITE, fd, at, NULL, data, done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (!watched(fd)) return REAL(pwrite64)(fd, data, size, at);
    pthread_mutex_lock(&lock);
    return positioned(fd, data, REAL(pwrite64)(fd, data, size, at), at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

static ssize_t gathered(int fd, const struct iovec *parts, int count, ssize_t done, int64_t at) {
    for (int i = 0; i < count && done > 0; i++) {
        ssize_t part = (ssize_t)parts[i].iov_len < done ? (ssize_t)parts[i].iov_len : done;
        if (part) tell(WRITE, fd, at, NULL, parts[i].iov_base, part);
        at += part;
        if (part < (ssize_t)parts[i].iov_len) break;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t at, int flags) {
    if (!watched(fd)) return REAL(pwritev64v2)(fd, parts, count, at, flags);
    pthread_mutex_lock(&lock);
    return gathered(fd, parts, count, REAL(pwritev64v2)(fd, parts, count, at, flags), at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    if (!watched(fd)) return REAL(pwritev64)(fd, parts, count, at);
    pthread_mutex_lock(&lock);
    return gathered(fd, parts, count, REAL(pwritev64)(fd, parts, count, at), at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    return pwritev64v2(fd, parts, count, at, flags);
}

int ftruncate64(int fd, off64_t size) {
    if (!watched(fd)) return REAL(ftruncate64)(fd, size);
    pthread_mutex_lock(&lock);
    int result = REAL(ftruncate64)(fd, size);
    if (result == 0) tell(TRUNCATE, fd, size, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int rename(const char *from, const char *to) {
    if (!below(from) && !below(to)) return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    int result = REAL(rename)(from, to);
    if (result == 0) tell(RENAME, -1, 0, from, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}

static int linked(const char *from, const char *to, int result) {
    if (result == 0) tell(LINK, -1, 0, from, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return result;
}

int link(const char *from, const char *to) {
    if (!below(from) && !below(to)) return REAL(link)(from, to);
    pthread_mutex_lock(&lock);
    return linked(from, to, REAL(link)(from, to));
}

int linkat(int one, const char *from, int other, const char *to, int flags) {
    if (!below(from) && !below(to)) return REAL(linkat)(one, from, other, to, flags);
    pthread_mutex_lock(&lock);
    return linked(from, to, REAL(linkat)(one, from, other, to, flags));
}

#define NAMED(kind, name, parameters, arguments)                                       \
    int name parameters {                                                              \
        if (!below(path)) return REAL(name) arguments;                                 \
        pthread_mutex_lock(&lock);                                                     \
        int result = REAL(name) arguments;                                             \
        if (result == 0) tell(kind, -1, 0, path, NULL, 0);                             \
        pthread_mutex_unlock(&lock);                                                   \
        return result;                                                                 \
    }
NAMED(UNLINK, unlink, (const char *path), (path))
NAMED(RMDIR, rmdir, (const char *path), (path))
NAMED(MKDIR, mkdir, (const char *path, mode_t mode), (path, mode))

#define FLUSHING(name)                                                                 \
    int name(int fd) {                                                                 \
        if (!watched(fd)) return REAL(name)(fd);                                       \
        pthread_mutex_lock(&lock);                                                     \
        int result = REAL(name)(fd);                                                   \
        if (result == 0 && !(drop && strstr(paths[fd], drop))) tell(FLUSH, fd, 0, NULL, NULL, 0); \
        pthread_mutex_unlock(&lock);                                                   \
        return result;                                                                 \
    }
FLUSHING(fsync)
FLUSHING(fdatasync)

int syncfs(int fd) {
    if (!watched(fd)) return REAL(syncfs)(fd);
    pthread_mutex_lock(&lock);
    int result = REAL(syncfs)(fd);
    if (result == 0 && !(drop && strcmp(drop, "/files") == 0)) tell(FLUSH_ALL, fd, 0, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
