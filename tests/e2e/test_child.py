"""The pipeline's first process is what a bare exec would have made of it, but for what product §9 says."""
import ctypes
import json
import os
import resource
import signal
import subprocess

import pytest

from jobs import IS_ROOT, JobRoot, PYTHON, clean_env, pid1, run

# Everything that exec hands on, as JSON. What the kernel says of it is read by cat: Python has ideas of its own about signals.
PROBE = """
import fcntl, json, os
def read(name):
    return open('/proc/self/' + name).read().strip()
status = dict(line.split(':', 1) for line in os.environ['STATUS'].splitlines())
keys = '''Umask Uid Gid Groups SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp Cpus_allowed
          Mems_allowed THP_enabled'''.split()
fds = {fd: fcntl.fcntl(fd, fcntl.F_GETFL) for fd in map(int, os.listdir('/proc/self/fd')) if os.path.exists(f'/proc/self/fd/{fd}')}
facts = {'status': {key: status.get(key) for key in keys}, 'limits': read('limits'), 'oom': int(read('oom_score_adj')),
         'slack': read('timerslack_ns'), 'core': read('coredump_filter'), 'nice': os.getpriority(os.PRIO_PROCESS, 0),
         'scheduler': os.sched_getscheduler(0), 'cpus': sorted(os.sched_getaffinity(0)), 'cwd': os.getcwd(), 'session': os.getsid(0),
         'namespaces': sorted(os.readlink('/proc/self/ns/' + name) for name in os.listdir('/proc/self/ns')),
         'cgroup': read('cgroup'), 'fds': fds, 'targets': {fd: os.readlink(f'/proc/self/fd/{fd}') for fd in fds if fd != 1 and fd != 2}}
groups = {'own group': os.getpgid(0) == os.getpid(), 'group of parent': os.getpgid(0) == os.getpgid(os.getppid())}
print(json.dumps([facts, groups]))
"""
COMMAND = ["sh", "-c", 'STATUS="$(cat /proc/self/status)" exec "$0" -c "$1"', PYTHON, PROBE]

REAL_TIME = signal.SIGRTMIN


def usual():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def strange():
    """Everything else than usual, so that what the agent needs for itself cannot look like what it was given."""
    usual()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGPIPE, signal.SIGTTOU, REAL_TIME + 1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, REAL_TIME + 5])
    os.umask(0o027)
    os.nice(7)
    os.sched_setaffinity(0, {0})
    for limit, values in ((resource.RLIMIT_NOFILE, (100, 200)), (resource.RLIMIT_CORE, (0, 0)), (resource.RLIMIT_STACK, (4 << 20, 4 << 20)),
                          (resource.RLIMIT_NPROC, (3000, 3000)), (resource.RLIMIT_FSIZE, (1 << 30, 1 << 30)), (resource.RLIMIT_CPU, (500, 600))):
        resource.setrlimit(limit, values)
    libc = ctypes.CDLL(None)
    libc.prctl(29, 12345, 0, 0, 0)  # PR_SET_TIMERSLACK
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    os.dup2(os.open("/etc/passwd", os.O_RDONLY | os.O_NOATIME if IS_ROOT else os.O_RDONLY), 9, inheritable=True)


def last_words(out):
    return json.loads(next(line for line in out.splitlines() if line.startswith("[{")))


def set_oom(score, before):
    """After 'before', which is what else to do before exec."""
    def both():
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(score))
        before()
    return both


@pytest.mark.parametrize("world", [usual, strange])
@pytest.mark.parametrize("score", [0, 321, 900])
def test_the_child_is_what_a_bare_exec_would_make_of_it(job, world, score):
    more = {"stdin": subprocess.DEVNULL, "preexec_fn": set_oom(score, world), "close_fds": False, "cwd": job.folder}
    bare = subprocess.run(COMMAND, env=clean_env(job), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True, **more)
    result = run("--", *COMMAND, job=job, env={"TRAIN_LOG": "raw"}, **more)
    assert result.code == 0, result.err
    (there, _), (here, groups) = last_words(bare.stdout), last_words(result.out)
    assert groups == {"own group": True, "group of parent": False}
    assert here.pop("oom") == min(there.pop("oom") + 500, 1000)
    assert here == there


def test_with_lines_only_stdout_and_stderr_are_others(tmp_path):
    lines, raw = (last_words(run("--", *COMMAND, job=JobRoot(tmp_path / mode), cwd=tmp_path, env={"TRAIN_LOG": mode},
                                 preexec_fn=strange, close_fds=False).out)[0] for mode in ("lines", "raw"))
    assert lines == raw


def signal_masks(out):
    return {line.split(":")[0]: int(line.split()[1], 16) for line in out.splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt"))}


@pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])
def test_masks_and_dispositions_are_given_back_as_they_were_found(job, before):
    """Without a shell between, which has its own way with SIGCHLD; so has unshare."""
    words = ["cat", "/proc/self/status"]
    bare = signal_masks(subprocess.run([*before, *words], stdout=subprocess.PIPE, text=True, preexec_fn=strange, check=True).stdout)
    assert bare["SigIgn"] >> (REAL_TIME + 1 - 1) & 1 and bare["SigIgn"] >> (signal.SIGPIPE - 1) & 1
    assert before or bare["SigIgn"] >> (signal.SIGCHLD - 1) & 1
    assert signal_masks(run("--", *words, job=job, before=before, preexec_fn=strange).out) == bare
