/* Preloaded: makes the n-th call that writes below a folder fail, once, as on a full disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[4096];
static long left = 0;

void arm(const char *below, long n) { strncpy(folder, below, sizeof folder - 1); left = n; }
long unused(void) { return left; }

static int fails(const char *path) {
    if (left <= 0 || strncmp(path, folder, strlen(folder))) return 0;
    if (__sync_sub_and_fetch(&left, 1)) return 0;
    errno = ENOSPC;
    return 1;
}
static int fd_fails(int fd) {
    char link[64], path[4096];
    if (left <= 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return fails(path);
}
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define BY_FD(type, name, args, call) type name args { return fd_fails(fd) ? -1 : REAL(name) call; }
#define BY_PATH(name, args, call) int name args { return fails(path) ? -1 : REAL(name) call; }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        return (flags & (O_WRONLY | O_RDWR)) && fails(path) ? -1 : REAL(name)(path, flags, mode); }

BY_FD(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
BY_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
BY_FD(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
BY_FD(int, ftruncate, (int fd, off_t size), (fd, size))
BY_FD(int, ftruncate64, (int fd, off64_t size), (fd, size))
BY_FD(int, fsync, (int fd), (fd))
BY_FD(int, fdatasync, (int fd), (fd))
BY_PATH(rename, (const char *path, const char *to), (path, to))
BY_PATH(link, (const char *path, const char *to), (path, to))
BY_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
OPEN(open)
OPEN(open64)
