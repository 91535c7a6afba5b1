/* A libudev that knows no devices but those of hidraw.c: with it programs find, natively, a key that no kernel has.
 *
 * A file below $KEYFOB_NODES whose name has no dot is a hidraw device. What sysfs would have of the HID device behind it
 * lies beside it, in FILE.device. Nodes come by rename() and go by unlink(), and inotify is who tells.
 * A program that links libudev looks all of its functions up, so those are here too that have nothing to tell. */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/hidraw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define BEHIND ".device"
#define HID_ID "HID_ID="
enum { FOLDER = 128, NAME = 16, PATH = FOLDER + NAME + sizeof BEHIND }; /* bytes, with what ends a text */

struct udev {
    char nodes[FOLDER];
};

/* A device node, or the HID device behind it, which has no parent. */
struct udev_device {
    struct udev_device *parent;
    const char *action;
    char path[PATH];
    char uevent[sizeof HID_ID "0003:00001209:00000001"];
};

struct udev_list_entry {
    struct udev_list_entry *next;
    char path[PATH];
};

/* What somebody looks for: any device where no subsystem is named. */
struct wish {
    int names_hidraw, names_another;
};

struct udev_enumerate {
    struct udev *udev;
    struct wish wish;
    struct udev_list_entry *first;
};

struct udev_monitor {
    struct udev *udev;
    struct wish wish;
    int events;
};

static void name(struct wish *wish, const char *subsystem)
{
    *(strcmp(subsystem, "hidraw") == 0 ? &wish->names_hidraw : &wish->names_another) = 1;
}

static int is_for_hidraw(struct wish wish) { return wish.names_hidraw || !wish.names_another; }

static int is_node(const char *name) { return *name && !strchr(name, '.'); }

/* ---- The library ------------------------------------------------------------------------------------------------ */

struct udev *udev_new(void)
{
    const char *nodes = getenv("KEYFOB_NODES");
    struct udev *udev = calloc(1, sizeof *udev);
    if (udev && nodes)
        snprintf(udev->nodes, sizeof udev->nodes, "%s", nodes);
    return udev;
}

struct udev *udev_unref(struct udev *udev)
{
    free(udev);
    return NULL;
}

/* ---- A device --------------------------------------------------------------------------------------------------- */

static struct udev_device *device(const char *path, const char *ending)
{
    struct udev_device *device = calloc(1, sizeof *device);
    if (device)
        snprintf(device->path, sizeof device->path, "%s%s", path, ending);
    return device;
}

/* What the kernel told of the device is the beginning of the node's file. */
static void identify(struct udev_device *hid, const char *path)
{
    struct hidraw_devinfo told;
    FILE *node = fopen(path, "rb");
    if (node && fread(&told, sizeof told, 1, node) == 1)
        snprintf(hid->uevent, sizeof hid->uevent, HID_ID "%04X:%08X:%08X", (uint16_t)told.bustype, (uint16_t)told.vendor,
                 (uint16_t)told.product);
    if (node)
        fclose(node);
}

struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path)
{
    (void)udev;
    struct udev_device *node = device(path, "");
    if (node && (node->parent = device(path, BEHIND)))
        identify(node->parent, path);
    return node;
}

struct udev_device *udev_device_unref(struct udev_device *device)
{
    if (device)
        free(device->parent);
    free(device);
    return NULL;
}

struct udev_device *udev_device_get_parent(struct udev_device *device) { return device->parent; }

struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *device, const char *subsystem,
                                                                  const char *devtype)
{
    return strcmp(subsystem, "hid") == 0 && !devtype ? device->parent : NULL;
}

const char *udev_device_get_syspath(struct udev_device *device) { return device->path; }

const char *udev_device_get_sysname(struct udev_device *device) { return strrchr(device->path, '/') + 1; }

const char *udev_device_get_devnode(struct udev_device *device) { return device->parent ? device->path : NULL; }

const char *udev_device_get_subsystem(struct udev_device *device) { return device->parent ? "hidraw" : "hid"; }

const char *udev_device_get_action(struct udev_device *device) { return device->action; }

const char *udev_device_get_property_value(struct udev_device *device, const char *name)
{
    return *device->uevent && strcmp(name, "HID_ID") == 0 ? device->uevent + strlen(HID_ID) : NULL;
}

const char *udev_device_get_sysattr_value(struct udev_device *device, const char *name)
{
    return *device->uevent && strcmp(name, "uevent") == 0 ? device->uevent : NULL;
}

/* ---- All devices ------------------------------------------------------------------------------------------------ */

struct udev_enumerate *udev_enumerate_new(struct udev *udev)
{
    struct udev_enumerate *all = calloc(1, sizeof *all);
    if (all)
        all->udev = udev;
    return all;
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *all, const char *subsystem)
{
    name(&all->wish, subsystem);
    return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *all)
{
    DIR *nodes = is_for_hidraw(all->wish) ? opendir(all->udev->nodes) : NULL;
    for (struct dirent *file; nodes && (file = readdir(nodes));) {
        struct udev_list_entry *found = is_node(file->d_name) ? calloc(1, sizeof *found) : NULL;
        if (!found)
            continue;
        snprintf(found->path, sizeof found->path, "%s/%.*s", all->udev->nodes, NAME - 1, file->d_name);
        found->next = all->first;
        all->first = found;
    }
    if (nodes)
        closedir(nodes);
    return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *all) { return all->first; }

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry) { return entry->next; }

const char *udev_list_entry_get_name(struct udev_list_entry *entry) { return entry->path; }

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *all)
{
    while (all && all->first) {
        struct udev_list_entry *next = all->first->next;
        free(all->first);
        all->first = next;
    }
    free(all);
    return NULL;
}

/* ---- Plugging in and out ---------------------------------------------------------------------------------------- */

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
    (void)name;
    struct udev_monitor *monitor = calloc(1, sizeof *monitor);
    if (monitor) {
        monitor->udev = udev;
        monitor->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    }
    return monitor;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem,
                                                    const char *devtype)
{
    (void)devtype;
    name(&monitor->wish, subsystem);
    return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor)
{
    if (!is_for_hidraw(monitor->wish))
        return 0;
    return inotify_add_watch(monitor->events, monitor->udev->nodes, IN_MOVED_TO | IN_DELETE) < 0 ? -1 : 0;
}

int udev_monitor_get_fd(struct udev_monitor *monitor) { return monitor->events; }

/* Reads one event, so that the next one is still there to be polled: inotify rounds these names up to 16 bytes. */
struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor)
{
    union {
        struct inotify_event event;
        char room[sizeof(struct inotify_event) + NAME];
    } told;
    char path[PATH];
    if (read(monitor->events, &told, sizeof told) != sizeof told || !is_node(told.event.name))
        return NULL;
    snprintf(path, sizeof path, "%s/%.*s", monitor->udev->nodes, NAME - 1, told.event.name);
    struct udev_device *device = udev_device_new_from_syspath(monitor->udev, path);
    if (device)
        device->action = told.event.mask & IN_DELETE ? "remove" : "add";
    return device;
}

struct udev_monitor *udev_monitor_unref(struct udev_monitor *monitor)
{
    if (monitor)
        close(monitor->events);
    free(monitor);
    return NULL;
}

/* ---- What has nothing to tell here ------------------------------------------------------------------------------ */

#define NOTHING(name) \
    void *name(void) { return NULL; }

NOTHING(udev_device_get_devtype)
NOTHING(udev_device_get_driver)
NOTHING(udev_device_get_properties_list_entry)
NOTHING(udev_device_get_sysnum)
NOTHING(udev_device_new_from_devnum)
NOTHING(udev_device_new_from_subsystem_sysname)
