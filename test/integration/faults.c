/* Preloaded into Larder: makes the disk under one folder slow or failing, as a test says while it runs.
 *
 *   LARDER_FAULTS        a file of 64 bytes, mapped: byte 0 is the fault of reads, byte 1 of writes, and the 32-bit numbers at
 *                        8 and 12 count the reads and writes that met one
 *   LARDER_FAULTS_UNDER  the folder
 *
 * Reads:  s  not in the page cache, and 500 ms late    e  EIO
 * Writes: e  EIO    n  ENOSPC    r  EROFS    p  EACCES    s  500 ms late
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static volatile char *control;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("LARDER_FAULTS");
  folder = getenv("LARDER_FAULTS_UNDER");
  if (path == NULL || folder == NULL) return;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *at = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) control = at;
}

static int is_under(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, sizeof path - 1);
  const size_t length = strlen(folder);
  return n >= (ssize_t)length && memcmp(path, folder, length) == 0;
}

static char fault(int number, int fd) {
  if (control == NULL || control[number] == '.' || !is_under(fd)) return '.';
  __atomic_add_fetch((uint32_t *)(control + 8 + 4 * number), 1, __ATOMIC_RELAXED);
  return control[number];
}

static void be_late(void) {
  const struct timespec pause = {0, 500000000};
  nanosleep(&pause, NULL);
}

static int fails(int error) {
  errno = error;
  return 1;
}

static int read_fails(int fd) {
  switch (fault(0, fd)) {
    case 's':
      be_late();
      return 0;
    case 'e':
      return fails(EIO);
    default:
      return 0;
  }
}

static int write_fails(int fd) {
  switch (fault(1, fd)) {
    case 'e':
      return fails(EIO);
    case 'n':
      return fails(ENOSPC);
    case 'r':
      return fails(EROFS);
    case 'p':
      return fails(EACCES);
    case 's':
      be_late();
      return 0;
    default:
      return 0;
  }
}

ssize_t pread(int fd, void *to, size_t size, off_t at) {
  return read_fails(fd) ? -1 : NEXT(pread)(fd, to, size, at);
}

static int is_not_cached(int fd, int flags) {
  const char now = control == NULL ? '.' : control[0];
  if ((flags & RWF_NOWAIT) && now != '.' && is_under(fd)) return fails(now == 'e' ? EIO : EAGAIN);
  return (flags & RWF_NOWAIT) ? 0 : read_fails(fd);
}

ssize_t preadv2(int fd, const struct iovec *to, int count, off_t at, int flags) {
  return is_not_cached(fd, flags) ? -1 : NEXT(preadv2)(fd, to, count, at, flags);
}

ssize_t pwritev(int fd, const struct iovec *from, int count, off_t at) {
  return write_fails(fd) ? -1 : NEXT(pwritev)(fd, from, count, at);
}

ssize_t write(int fd, const void *from, size_t size) {
  return write_fails(fd) ? -1 : NEXT(write)(fd, from, size);
}

static int open_fails(int in, int flags) {
  return in >= 0 && (flags & (O_WRONLY | O_RDWR | O_CREAT)) && write_fails(in);
}

int openat(int in, const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return open_fails(in, flags) ? -1 : NEXT(openat)(in, path, flags, mode);
}
