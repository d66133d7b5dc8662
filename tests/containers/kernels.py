"""Kernels that lack calls: seccomp profiles made of podman's own, in which some calls are answered by one errno (product §5: ENOSYS or EPERM).

    engine.run(image, "train", job=job, flags=kernels.without(tmp_path, ["openat2"], errno.EPERM))
"""
import json
import re
import subprocess
from pathlib import Path

DEFAULT = Path("/usr/share/containers/seccomp.json")  # of podman's own package

# What the agent calls where it can, each with another way; one at a time.
WITH_ANOTHER_WAY = ["openat2", "pidfd_open", "pidfd_send_signal", "statx", "faccessat2", "getrandom"]

# What is younger than Linux 4.18 or missing in widely used profiles, and what libraries try first; with those above, all at once.
YOUNG = ["close_range", "memfd_create", "copy_file_range", "clone3", "preadv2", "pwritev2", "renameat2", "execveat", "fchmodat2", "epoll_pwait2", "rseq",
         "pidfd_getfd", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "mount_setattr", "io_uring_setup", "userfaultfd",
         "futex_waitv", "cachestat", "map_shadow_stack", "set_mempolicy_home_node", "membarrier", "kcmp"]


def without(folder, calls, error):
    """Flags of `podman run` for a kernel that answers each of 'calls' with the errno 'error'."""
    profile = json.loads(DEFAULT.read_text())
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in calls]
    profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
    profile["syscalls"].append({"names": list(calls), "action": "SCMP_ACT_ERRNO", "args": [], "errnoRet": error})
    path = Path(folder) / "seccomp.json"
    path.write_text(json.dumps(profile))
    return ["--security-opt", f"seccomp={path}"]


def number(call):
    """The number of a system call, by this machine's own headers."""
    text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], capture_output=True, text=True, check=True).stdout
    return int(re.search(f"^#define __NR_{call} ([0-9]+)$", text, re.MULTILINE)[1])
