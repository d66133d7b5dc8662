"""One run of one recipe: how long, how much CPU on both sides, how much memory, and whether all files came."""
import os
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
LIMIT_S = 300  # a recipe that hangs ends the benchmark

# Each stage under time(1), which is small: a child's peak begins with what its parent had when it forked.
PROLOGUE = """set -o pipefail
stage() { local to=$STATS/$1; shift; command time -o "$to" -f '%U %S %M' -- "$@"; }
"""


@dataclass(frozen=True)
class Run:
    wall_s: float
    cpu_s: float  # user and system, of all processes of the client
    server_s: float  # the same of the servers
    peak_mib: float  # the stages' peaks, added up
    others: float  # processors that the rest of the machine kept busy meanwhile


def _cpu_of(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _busy():
    """Seconds in which processors did something, of the whole machine."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + irq + softirq) / TICK


def _own():
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


def _counted(folder):
    """Files and their bytes in the tree's own folders, wherever they are: `train` puts a working folder around them."""
    files = total = 0
    for where, _, names in os.walk(folder):
        for name in names if "/package" in where else ():
            files, total = files + 1, total + os.lstat(os.path.join(where, name)).st_size
    return files, total


def _empty(folder):
    """A folder of that name with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


class Bench:
    def __init__(self, folder, servers):
        self.folder = folder
        self.servers = servers  # pids
        self.out = folder / "out"
        self.stats = folder / "stats"

    def run(self, script, env, unpacked=None):
        """'unpacked' is (files, bytes) that have to lie in the output folder afterwards."""
        _empty(self.out)
        _empty(self.stats)
        servers, busy, own = sum(map(_cpu_of, self.servers)), _busy(), _own()
        begin = time.monotonic()
        done = subprocess.run(["bash", "-c", PROLOGUE + script], env=env | {"STATS": str(self.stats), "OUT": str(self.out)}, cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT_S)
        wall = time.monotonic() - begin
        servers = sum(map(_cpu_of, self.servers)) - servers
        others = max(0.0, _busy() - busy - (_own() - own) - servers) / wall
        if done.returncode:
            raise RuntimeError(f"ended with {done.returncode}:\n{script}\n{done.stderr.decode(errors='replace')[-2000:]}")
        if unpacked is not None and _counted(self.out) != unpacked:
            raise RuntimeError(f"unpacked {_counted(self.out)} instead of {unpacked}:\n{script}")
        stages = [list(map(float, path.read_text().split())) for path in self.stats.iterdir() if not path.is_fifo()]
        return Run(wall, sum(user + system for user, system, _ in stages), servers, sum(peak for *_, peak in stages) / 1024, others)

    def clear(self):
        shutil.rmtree(self.out, ignore_errors=True)
