#!/usr/bin/python3
"""hardened.py ROOTFS NETNS CGROUP UID:GID MOUNT... -- [NAME=VALUE]... WORD... - print an OCI config.json as the strictest of platforms has it:
no capability and no way to get one, a root file system that is read-only, /run and /dev/shm as the only others that are not, other users'
processes hidden, cgroups read-only, and the calls denied that Docker denies to a process without capabilities. MOUNT: SOURCE:PLACE:rw or ro.
"""
import json
import sys

EPERM, ENOSYS = 1, 38
# By Docker's documentation of its default rules: what they deny, each because it is not confined by namespaces, or because a
# capability is asked for that is not there.
DENIED = """
    acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module fanotify_init fsconfig fsmount fsopen fspick
    get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl
    lookup_dcookie mbind mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree
    perf_event_open pidfd_getfd pivot_root process_madvise query_module quotactl reboot request_key set_mempolicy setdomainname sethostname
    setns settimeofday swapoff swapon sysfs syslog umount2 unshare uselib userfaultfd ustat vhangup
""".split()
CLONE_NEW = (0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00020000)    # cgroup uts ipc user pid net mount


def refuse(names, number=EPERM, **more):
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number, **more}


def seccomp():
    new_namespace = [refuse(["clone"], args=[{"index": 0, "value": bit, "valueTwo": bit, "op": "SCMP_CMP_MASKED_EQ"}]) for bit in CLONE_NEW]
    # ENOSYS: the flags of clone3 cannot be seen, and libc then does without it
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [refuse(DENIED), refuse(["clone3"], ENOSYS)] + new_namespace}


def mount(kind, place, source, *options):
    return {"type": kind, "destination": place, "source": source, "options": list(options)}


def volume(text):
    source, place, mode = text.rsplit(":", 2)
    return mount("bind", place, source, "bind", mode)


rootfs, netns, cgroup, user = sys.argv[1:5]
cut = sys.argv.index("--")
words = sys.argv[cut + 1:]
env = ["PATH=/usr/local/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR=/run"]
while "=" in words[0]:
    env.append(words.pop(0))
uid, gid = (int(n) for n in user.split(":"))
safe = ("nosuid", "noexec", "nodev")
json.dump({
    "ociVersion": "1.0.2",
    "process": {"user": {"uid": uid, "gid": gid}, "args": words, "env": env, "cwd": "/", "capabilities": {}, "noNewPrivileges": True},
    "root": {"path": rootfs, "readonly": True},
    "hostname": "sidecar",
    "mounts": [
        mount("proc", "/proc", "proc", *safe, "hidepid=2"),
        mount("tmpfs", "/dev", "tmpfs", "mode=755"),
        mount("tmpfs", "/dev/shm", "tmpfs", *safe, "mode=1777", "size=64m"),
        mount("sysfs", "/sys", "sysfs", *safe, "ro"),
        mount("cgroup", "/sys/fs/cgroup", "cgroup", *safe, "ro"),
        mount("tmpfs", "/run", "tmpfs", *safe, "mode=1777"),
    ] + [volume(v) for v in sys.argv[5:cut]],
    "linux": {
        "cgroupsPath": cgroup,
        "namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "cgroup")] + [{"type": "network", "path": netns}],
        "seccomp": seccomp(),
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}, sys.stdout, indent=1)
