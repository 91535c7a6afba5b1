/* Preloaded into a program, lets it open a key that no kernel has: a file below $KEYFOB_NODES whose name has no dot is a
 * hidraw device then.
 *
 * Such a file holds what the kernel would tell of the device: a struct hidraw_devinfo, and behind it the report
 * descriptor. Beside it listens a socket, FILE.socket, whose packets are the reports; usbip_host.py has its other end.
 * What is read, written and polled is that socket itself, so only open(), fstat() and the ioctls of hidraw are replaced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ENDING ".socket"

static int is_node(const char *path)
{
    const char *nodes = getenv("KEYFOB_NODES");
    size_t length = nodes ? strlen(nodes) : 0;
    return length && strncmp(path, nodes, length) == 0 && path[length] == '/' && !strchr(path + length, '.');
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s" ENDING, path);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return errno = ENAMETOOLONG, -1;
    int device = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (device >= 0 && connect(device, (struct sockaddr *)&address, sizeof address) != 0) {
        close(device);
        return errno = ENODEV, -1;
    }
    return device;
}

typedef int opener(const char *, int, ...);

static int open_by(const char *real, const char *path, int flags, mode_t mode)
{
    if (is_node(path) && !(flags & O_CREAT)) /* who makes a node is its other end */
        return connect_to(path);
    return ((opener *)dlsym(RTLD_NEXT, real))(path, flags, mode);
}

/* The mode is there, or of no meaning. */
#define OPEN(name)                                            \
    int name(const char *path, int flags, ...)                \
    {                                                         \
        va_list more;                                         \
        va_start(more, flags);                                \
        mode_t mode = va_arg(more, mode_t);                   \
        va_end(more);                                         \
        return open_by(#name, path, flags, mode);             \
    }

OPEN(open)
OPEN(open64)

/* What a program calls instead where it was compiled to have its arguments checked. */
int __open_2(const char *path, int flags) { return open_by("open", path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_by("open64", path, flags, 0); }

/* Whether this is one of our sockets; its address is then the path of the node. */
static int is_device(int device, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    socklen_t length = sizeof *address - 1;
    if (getpeername(device, (struct sockaddr *)address, &length) != 0 || address->sun_family != AF_UNIX)
        return 0;
    char *ending = strstr(address->sun_path, ENDING);
    if (ending)
        *ending = 0;
    return ending && is_node(address->sun_path);
}

/* libfido2 opens nothing but character devices. */
#define FSTAT(name, stat)                                                               \
    int name(int file, struct stat *told)                                               \
    {                                                                                   \
        struct sockaddr_un address;                                                     \
        int result = ((int (*)(int, struct stat *))dlsym(RTLD_NEXT, #name))(file, told); \
        if (result == 0 && S_ISSOCK(told->st_mode) && is_device(file, &address))        \
            told->st_mode = S_IFCHR | 0600;                                             \
        return result;                                                                  \
    }

FSTAT(fstat, stat)
FSTAT(fstat64, stat64)

/* What the node's file says, if this is one of our sockets: its length, or -1. */
static ssize_t told_by_node(int device, unsigned char *told, size_t room)
{
    struct sockaddr_un address;
    FILE *node = is_device(device, &address) ? fopen(address.sun_path, "rb") : NULL;
    if (!node)
        return -1;
    size_t size = fread(told, 1, room, node);
    fclose(node);
    return size >= sizeof(struct hidraw_devinfo) ? (ssize_t)size : -1;
}

static int answer(unsigned long request, void *to, const unsigned char *told, size_t size)
{
    const size_t info = sizeof(struct hidraw_devinfo);
    struct hidraw_report_descriptor *descriptor = to;
    switch (_IOC_NR(request)) {
    case 1:
        *(int *)to = (int)(size - info);
        return 0;
    case 2:
        memcpy(descriptor->value, told + info, descriptor->size < size - info ? descriptor->size : size - info);
        return 0;
    case 3:
        memcpy(to, told, info);
        return 0;
    case 4: /* its name, and others that may be empty */
    case 5:
    case 8:
        return 0;
    default:
        return errno = ENOTTY, -1;
    }
}

int ioctl(int device, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *to = va_arg(more, void *);
    va_end(more);
    unsigned char told[sizeof(struct hidraw_devinfo) + HID_MAX_DESCRIPTOR_SIZE];
    ssize_t size = _IOC_TYPE(request) == 'H' ? told_by_node(device, told, sizeof told) : -1;
    if (size >= 0)
        return answer(request, to, told, (size_t)size);
    return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(device, request, to);
}
