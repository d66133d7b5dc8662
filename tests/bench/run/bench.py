"""Start, memory, signals, log and orphans, `train` beside other supervisors: bench.py BUILD_FOLDER. Prints Markdown.

    BENCH_ROUNDS=4      in each, everybody is measured in turn
    BENCH_SECONDS=240   no round is begun that would end later

Ends with 0 when it measured, whatever the figures.
"""
import contextlib
import io
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]

import report
from measure import Others, Stage
from report import Figures
from servers.gateway import Gateway
from servers.program import tool
from supervisors import code_folder, everybody

PACKAGES = ("tini", "dumb-init", "catatonit")
STARTS, STARTS_SLOW, TERMS, REAPS = 12, 3, 125, 5  # tries a round
FETCHES = 3
FILES, FILE_BYTES = 2000, 16_000


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def archive():
    """A .tar.gz of code as it comes from S3: half of each file can be compressed."""
    made, bytes_of = io.BytesIO(), random.Random(1).randbytes
    with tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as tar:
        for number in range(FILES):
            entry = tarfile.TarInfo(f"package/module{number}.py")
            entry.size = FILE_BYTES
            tar.addfile(entry, io.BytesIO(bytes_of(FILE_BYTES // 2) + bytes(FILE_BYTES // 2)))
    return made.getvalue()


def measure(stage, who, figures, code, first):
    """One round of one supervisor."""
    if not who.module:
        figures.start += [stage.start_ms(who, code if who.name == report.TRAIN else None) for _ in range(STARTS_SLOW if who.is_toolkit else STARTS)]
        if who.forwards or first:
            figures.term += [stage.term_ms(who) for _ in range(TERMS if who.forwards else 1)]
        if who.name == report.TRAIN:
            figures.stalled += [stage.stalled_term_ms(who) for _ in range(TERMS)]
        figures.reap += [stage.reap_ms(who) for _ in range(REAPS if who.reaps else first)]
    if who.words:
        figures.memory.append(stage.memory_kib(who))
    figures.relay.append(stage.relay(who))


def fetched_kib(stage, train, folder):
    """Memory while supervising what was fetched from S3."""
    with Gateway(folder) as gateway:
        gateway.put(gateway.bucket("code"), "code.tar.gz", archive())
        env = gateway.env() | {"TRAIN_CODE": "s3://code/code.tar.gz", "AWS_REGION": "us-east-1", "TMPDIR": str(stage.folder)}
        return [stage.memory_kib(train, env) for _ in range(FETCHES)]


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (f"{len(os.sched_getaffinity(0))} processors ({cpu.group(1) if cpu else platform.machine()}), Linux {platform.release()}, "
            f"{platform.freedesktop_os_release()['PRETTY_NAME']}")


def versions(train, toolkit):
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES], stdout=subprocess.PIPE, text=True, check=True)
    pinned = [line.strip().replace("==", " ") for line in (HERE / "requirements.txt").read_text().splitlines() if line.startswith("sagemaker-training=")]
    python = subprocess.run([toolkit, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    agent = subprocess.run([train, "version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]
    return "; ".join([agent, *query.stdout.splitlines(), *pinned, python])


def load():
    return " ".join(f"{each:.2f}" for each in os.getloadavg())


def main(build):
    subprocess.run([TOP / "agent/deps/need", "util-linux", *PACKAGES], check=True)
    build, before = Path(build).resolve(), load()
    toolkit = Path(tool("toolkit"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder goes
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="train-bench-", dir="/dev/shm")))
        train = Path(shutil.copy(build / "train", folder))  # a make meanwhile changes nothing
        stage = Stage(folder, build / "bench/run")
        code = {"TRAIN_CODE": str(code_folder(folder / "ten"))}
        all_of_them = everybody(folder, train, toolkit.parent / "train")
        figures = {who.name: Figures(who) for who in all_of_them}
        rounds = int(os.environ.get("BENCH_ROUNDS", 4))
        others = Others()
        begin, limit = time.monotonic(), float(os.environ.get("BENCH_SECONDS", 240))
        for number in range(rounds):
            if (time.monotonic() - begin) * (number + 1) > limit * max(number, 1):
                break
            for who in all_of_them if number % 2 == 0 else reversed(all_of_them):
                measure(stage, who, figures[who.name], code, number == 0)
            say(f"round {number + 1} of {rounds} done, load {load()}")
        busy = others.processors()
        fetched = fetched_kib(stage, all_of_them[1], folder / "s3")
        text = "\n".join([f"{time.strftime('%Y-%m-%d')}. Machine: {machine()}; files on tmpfs.", f"\nVersions: {versions(train, toolkit)}.",
                          f"\nLoad average before {before}, after {load()}; {report.calm(busy)}\n", *report.table(list(figures.values())),
                          *report.verdicts(figures, fetched, busy)])
    (build / "bench" / "run.md").write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
