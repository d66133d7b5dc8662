"""The five measurements, each of one supervisor at a time; moments come from the pipeline itself, through a FIFO."""
import array
import contextlib
import fcntl
import os
import re
import resource
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
LIMIT_S = 60
NEVER_S = 1.0  # a signal that has not come by then does not come
IDLE_S = 0.002  # from the pipeline's word until its supervisor is at rest
SETTLE_S = 0.1  # the same before memory is looked at
ORPHANS = 1000
ORPHANS_LIMIT_NS = 2_000_000_000  # as in pipeline.c
FLOW_MB, FLOW_SLOW_MB, FLOW_NONE_MB = 3000, 20, 1
PIPE_BYTES = 65536


def rss_kib(pid):
    """Resident memory of a process, or 0 when it has none any more."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        return int(found.group(1)) if found else 0
    return 0


class Others:
    """How many processors the rest of the machine keeps busy, from when this is made."""

    def __init__(self):
        self.begin = time.monotonic()
        self.before = self._seconds()

    @staticmethod
    def _seconds():
        user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return (user + nice + system + irq + softirq) / TICK - sum(each.ru_utime + each.ru_stime for each in usage)

    def processors(self):
        return max(0.0, (self._seconds() - self.before) / (time.monotonic() - self.begin))


def is_full(pipe):
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0] > PIPE_BYTES - 4096


class Stage:
    def __init__(self, folder, programs):
        self.folder = folder
        self.pipeline, self.outside = programs / "pipeline", programs / "outside"
        self.fifo = folder / "fifo"
        os.mkfifo(self.fifo)
        self.told = os.open(self.fifo, os.O_RDWR | os.O_CLOEXEC)

    def _words(self, who, verb, *more):
        return who.command(self.pipeline, verb, self.fifo, *more)

    def _start(self, who, words, env=None, **more):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | more
        return subprocess.Popen(words, env=who.env() | (env or {}), cwd=self.folder, start_new_session=True, **streams)

    def _hear(self, limit_s):
        """The next number that the pipeline tells; None when it tells none."""
        if not select.select([self.told], [], [], limit_s)[0]:
            return None
        return struct.unpack("q", os.read(self.told, 8))[0]

    def _expect(self, process):
        number = self._hear(LIMIT_S)
        if number is None:
            self._end(process)
            raise RuntimeError(f"the pipeline tells nothing: {process.args}")
        return number

    @staticmethod
    def _end(process):
        """It, its group, and where it forwards nothing its pipeline, which shares its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_ms(self, who, env=None):
        """From before the fork to the pipeline's first instruction."""
        words = [self.outside, "once", self.fifo, *self._words(who, "first")]
        done = subprocess.run(words, env=who.env() | (env or {}), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=LIMIT_S, check=True)
        return int(done.stdout.split()[-1]) / 1e6

    def term_ms(self, who):
        """From kill() to the pipeline's sigwait(); None when it never comes."""
        process = self._start(who, self._words(who, "hear"))
        self._expect(process)
        return self._term(process)

    def stalled_term_ms(self, who):
        """The same while all pipes of the log are full and nobody reads."""
        reading, writing = os.pipe()
        process = self._start(who, self._words(who, "hear", 1), stdout=writing)
        os.close(writing)
        self._expect(process)
        while not is_full(reading):
            if process.poll() is not None:
                raise RuntimeError(f"ended before its log was full: {process.args}")
            time.sleep(IDLE_S)
        return self._term(process, reading)

    def _term(self, process, *close):
        time.sleep(IDLE_S)
        begin = time.monotonic_ns()
        os.kill(process.pid, signal.SIGTERM)
        heard = self._hear(NEVER_S)
        for fd in close:
            os.close(fd)
        if heard is None:
            self._end(process)
            return None
        process.wait(LIMIT_S)
        return (heard - begin) / 1e6

    def memory_kib(self, who, env=None):
        """The supervisor's resident memory while the pipeline waits."""
        process = self._start(who, self._words(who, "hear"), env)
        self._expect(process)
        time.sleep(SETTLE_S)
        memory = rss_kib(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        if self._hear(NEVER_S) is None:
            self._end(process)
        process.wait(LIMIT_S)
        return memory

    def _flow(self, who, megabytes):
        """(bytes, nanoseconds, CPU seconds of all but the pipeline and the reader, largest resident memory in KiB)"""
        reading, writing = os.pipe()
        drain = subprocess.Popen([self.outside, "drain"], stdin=reading, stdout=subprocess.PIPE)
        process = self._start(who, self._words(who, "flow", megabytes), stdout=writing)
        os.close(reading)
        os.close(writing)
        memory = 0
        while not select.select([self.told], [], [], 0.02)[0]:
            memory = max(memory, rss_kib(process.pid))
        own_s = self._expect(process) / 1e9
        usage = os.wait4(process.pid, 0)[2]
        process.returncode = 0
        taken, took_ns = map(int, drain.communicate()[0].split())
        return taken, took_ns, usage.ru_utime + usage.ru_stime - own_s, memory

    def relay(self, who):
        """(GB a second, CPU seconds a GB, KiB): the CPU over that of the same run with next to nothing to pass on."""
        megabytes = FLOW_SLOW_MB if who.module else FLOW_MB
        _, _, idle_s, _ = self._flow(who, FLOW_NONE_MB)
        taken, took_ns, cpu_s, memory = self._flow(who, megabytes)
        return taken / took_ns, (cpu_s - idle_s) / (taken / 1e9), memory

    def reap_ms(self, who):
        """As PID 1 of a namespace of its own; None when orphans stay zombies."""
        words = ["unshare", "-p" if os.geteuid() == 0 else "-rp", "--fork", "--kill-child", "--mount-proc", "--",
                 *self._words(who, "orphans", ORPHANS)]
        process = self._start(who, words)
        took = self._expect(process)
        process.wait(LIMIT_S)
        return None if took >= ORPHANS_LIMIT_NS else took / 1e6
