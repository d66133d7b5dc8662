"""Fetch, verify and unpack, side by side: bench.py BUILD_FOLDER. Prints Markdown; how it went stands on stderr.

    BENCH_SIZES=small,pex,large   which trees
    BENCH_RUNS=3                  rounds; in each, every recipe runs once, in turn
    BENCH_SECONDS=500             for measuring; what does not fit is left out, and how many runs there were stands in the table
    BENCH_ALL=1                   also recipes that are otherwise only run with the small archives
    BENCH_TMPFS=/dev/shm          where everything lies

Ends with 0 when it measured, whatever the figures.
"""
import contextlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]

import archives
import recipes
from measure import Bench
from report import LARGER, Report, Row
from doors import Doors
from servers.program import tool

SLOW = 2.5  # a peer that takes so many times what `train` takes is not measured more than once: nothing hangs on its second digit
SHARES = {"small": 0.15, "pex": 0.45, "large": 1.0}  # of the time, used up when that size is done


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def load():
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


class Measuring:
    def __init__(self, folder, train, doors, tools):
        self.folder, self.train, self.doors, self.tools = folder, train, doors, tools
        self.bench = Bench(folder / "run", doors.pids)
        self.rounds = int(os.environ.get("BENCH_RUNS", 3))
        self.all = bool(os.environ.get("BENCH_ALL"))
        self.spent = 0.0
        self.seconds = float(os.environ.get("BENCH_SECONDS", 500))
        self.rows = []

    def size(self, name, until):
        """All archives of one tree; rounds end at the share 'until' of the time."""
        made = [self.doors.publish(archive) for archive in archives.get(name, self.train, self.folder, say)]
        tar = self.folder / "tar"
        with open(tar, "wb") as out:
            subprocess.run(["zstd", "-q", "-dc", made[1].path], stdout=out, check=True)
        rows = [Row(archive, recipe) for archive in made for recipe in self._recipes(archive, tar)]
        rows.sort(key=lambda row: not row.recipe.essential)  # first what must not be left out
        self._warm_up(rows[0])
        begin = time.monotonic()
        end = begin + until * self.seconds - self.spent
        for number in range(self.rounds):
            if number and time.monotonic() > end:
                break
            self._round(rows, number, end)
            say(f"{name}: round {number + 1} of {self.rounds} done, load {load()}")
        self.spent += time.monotonic() - begin
        self.rows += rows
        tar.unlink()
        for archive in made:
            archive.path.unlink()

    def _recipes(self, archive, tar):
        chosen = [*recipes.direct(self.tools, archive), *recipes.stages(self.tools, archive, tar)]
        if archive.tree in LARGER and archive.kind != "tar.zst":
            chosen += recipes.shaped(self.tools, archive)
        return [recipe for recipe in chosen if self.all or archive.tree not in LARGER or not recipe.seldom]

    def _round(self, rows, number, end):
        """Every other round goes backwards, so that none always follows the same one."""
        for row in rows if number % 2 == 0 else reversed(rows):
            if time.monotonic() > end and (number or not row.recipe.essential) or number and self._slow(row, rows):
                continue
            env = self.doors.env(row.recipe.door)
            if row.recipe.role == "train":
                env |= self._job(row.archive)
            unpacked = None if row.recipe.role == "stage" else (row.archive.files, row.archive.bytes)
            row.runs.append(self.bench.run(row.recipe.script, env, unpacked))
            self.bench.clear()

    def _warm_up(self, row):
        """Once without a clock: a virtual machine gets its memory from its host when it is first touched, and whoever comes first would pay for that."""
        self.bench.run(row.recipe.script, self.doors.env(row.recipe.door) | self._job(row.archive))
        self.bench.clear()

    @staticmethod
    def _slow(row, rows):
        if row.archive.tree not in LARGER or row.recipe.essential or not row.runs:
            return False
        train = next(each for each in rows if each.recipe.role == "train" and (each.archive, each.recipe.door) == (row.archive, row.recipe.door))
        return row.wall > SLOW * train.wall

    def _job(self, archive):
        """A job whose pipeline does nothing; its working folder is kept, so that no time goes into removing it."""
        root = self.folder / "ml"
        shutil.rmtree(root, ignore_errors=True)
        (root / "output").mkdir(parents=True)
        return {"SAGEMAKER_BASE_DIR": str(root), "TMPDIR": str(self.bench.out), "TRAIN_KEEP_WORKSPACE": "always",
                "TRAIN_CODE": f"s3://{recipes.BUCKET}/{archive.key}", "TRAIN_CODE_SHA256": archive.sha256}


def first_line(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().split("\n")[0].strip()


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) / (1 << 20)
    return (f"{len(os.sched_getaffinity(0))} processors ({cpu.group(1) if cpu else platform.machine()}), {memory:.0f} GiB memory, "
            f"Linux {platform.release()}, {platform.freedesktop_os_release()['PRETTY_NAME']}; all on tmpfs, servers on the same processors")


def versions(tools, peers):
    packages = subprocess.run([peers, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
    pinned = [line.replace("==", " ") for line in packages.split() if line.startswith(("awscli=", "boto3="))]
    built = [re.sub(r"^(\w+)-", r"\1 ", Path(path).parent.name) for path in (tools.s5cmd, tool("versitygw"), tool("toxiproxy"))]
    curl = " ".join(first_line("curl", "--version").split()[:2])
    openssl = " ".join(first_line("openssl", "version").split()[:2])
    return "; ".join([first_line(tools.train, "version"), *pinned, *built, curl, openssl, first_line("tar", "--version"),
                      first_line("gzip", "--version"), first_line("igzip", "--version"), first_line("zstd", "--version").strip("* ")])


def start_figures(build):
    done = subprocess.run([build / "bench" / "start", build / "train", build / "bench" / "first"], stdout=subprocess.PIPE, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#metric ")]  # the agent's own, of each turn
    return "\n".join(["\n### Start\n", "```", *lines, "```"])


def report(measuring, build, tools, peers, before):
    made = Report(measuring.rows, len(os.sched_getaffinity(0)))
    yield f"{time.strftime('%Y-%m-%d')}. Machine: {machine()}."
    yield f"\nVersions: {versions(tools, peers)}."
    yield (f"\nLoad average before {before}, after {load()}; while a recipe ran, the rest of the machine kept {made.others():.2f} processors busy "
           f"on average (an idle machine: 0.1 or less).{made.disturbed()}")
    yield from made.tables()
    yield from made.verdicts()
    yield start_figures(build)


def main(build):
    subprocess.run([HERE.parents[2] / "agent" / "deps" / "need", "time", "tar", "gzip", "isal", "zstd", "curl", "openssl"], check=True)
    build = Path(build).resolve()
    peers = Path(tool("peers"))
    sizes = os.environ.get("BENCH_SIZES", ",".join(SHARES)).split(",")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end and the folder goes
    before = load()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="train-bench-", dir=os.environ.get("BENCH_TMPFS", "/dev/shm"))))
        kind = first_line("stat", "-f", "-c", "%T", folder)
        if kind != "tmpfs":
            say(f"'{folder}' is on {kind}, not on tmpfs: set BENCH_TMPFS")
            return 1
        train = Path(shutil.copy(build / "train", folder))  # a make meanwhile changes nothing
        tools = recipes.Tools(train, peers, peers.parent / "aws", tool("s5cmd"))
        measuring = Measuring(folder, train, stack.enter_context(Doors(folder)), tools)
        for name in sizes:
            measuring.size(name, SHARES[name])
        text = "\n".join(report(measuring, build, tools, peers, before))
    (build / "bench" / "fetch.md").write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
