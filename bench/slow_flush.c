/* Preloaded, makes each flush of a file to the disk take longer by the microseconds in SLOW_FLUSH_MICROSECONDS:
 * a disk that is slower than the one at hand. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct timespec longer;

__attribute__((constructor)) static void read_environment(void)
{
    long microseconds = atol(getenv("SLOW_FLUSH_MICROSECONDS"));

    longer.tv_sec = microseconds / 1000000;
    longer.tv_nsec = microseconds % 1000000 * 1000;
}

int fsync(int file)
{
    nanosleep(&longer, NULL);
    return syscall(SYS_fsync, file);
}

int fdatasync(int file)
{
    nanosleep(&longer, NULL);
    return syscall(SYS_fdatasync, file);
}
