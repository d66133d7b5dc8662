#!/usr/bin/env python3
"""What layering train costs an image and a container, as Markdown: bench.py FIRST. 'make bench-images' runs it.

Start: the same container is started in turns with and without train, from the engine's start to the first instruction of the container's program
(tests/bench/first.c, which notes the time of the clock that all processes share). With train it is a whole job: a job root at /opt/ml, ten files of code
copied into a workspace, `-- FIRST`. Every turn is a pair, so that both meet the same machine. By `podman run`, as people start it, and by `runc run` alone,
whose start varies less than train takes; there the median of the differences is judged.

Size: bytes of train's layer, and what the image grew by.
"""
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / folder) for folder in ("containers", "e2e")]

import bases  # noqa: E402
import engine  # noqa: E402
from jobs import JobRoot, make_tree  # noqa: E402

TURNS = int(os.environ.get("BENCH_TURNS", "61"))
WARM = 2  # turns before the clock counts
LAYER_MAX = 1.5 * 2**20
START_MAX_MS = 10


def started_ms(words, stamp):
    """Milliseconds from before the command to the first instruction of FIRST in the container."""
    begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.returncode}: {done.stderr}")
    (first,) = struct.unpack("q", stamp.read_bytes())
    stamp.unlink()
    return (first - begin) / 1e6


class Trial:
    """Both containers of one comparison. All that they need lies in one folder, mounted at /mnt, which every base has: a job root, the code, FIRST, its notes."""

    def __init__(self, folder, first):
        self.folder = folder
        self.metrics = JobRoot(folder).metrics_file
        make_tree(folder / "code", {f"file{number}.py": bytes(20000) for number in range(10)})
        shutil.copy(first, folder / "first")
        self.env = {"SAGEMAKER_BASE_DIR": "/mnt/ml", "TRAIN_CODE": "/mnt/code", "TRAIN_LOG_LEVEL": "error"}

    def podman(self, image, *args):
        return engine.words(image, *args[1:], env=self.env, flags=["-v", f"{self.folder}:/mnt", "--entrypoint", args[0]])

    def runc(self, image, *args):
        """The words that run 'args' in the image's files by runc alone: a bundle of its own."""
        bundle = self.folder / f"bundle-{len(args)}"
        bundle.mkdir()
        subprocess.run(["runc", "spec", "-b", bundle], check=True)
        spec = json.loads((bundle / "config.json").read_text())
        spec["process"] |= {"terminal": False, "args": list(args), "env": [*spec["process"]["env"], *(f"{key}={value}" for key, value in self.env.items())]}
        spec["root"] = {"path": engine.podman("image", "mount", image).strip(), "readonly": True}
        spec["mounts"] += [{"destination": "/mnt", "source": str(self.folder), "options": ["bind"]},
                           {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=64m"]}]
        (bundle / "config.json").write_text(json.dumps(spec))
        return ["runc", "--root", str(self.folder / "runc"), "run", "-b", str(bundle), f"train-bench-{len(args)}"]

    def pairs(self, bare, by_train, turns):
        """(without, with, train's own part) in milliseconds, turn by turn, each second one the other way round."""
        found = []
        for turn in range(WARM + turns):
            order = [("bare", bare), ("train", by_train)]
            times = {name: started_ms(words, self.folder / "stamp") for name, words in (order if turn % 2 == 0 else reversed(order))}
            if turn >= WARM:
                found.append((times["bare"], times["train"], self.own_ms()))
        return found

    def own_ms(self):
        """What train itself took in the last job until it started the pipeline, by its own clock."""
        lines = [json.loads(line) for line in self.metrics.read_text().splitlines()]
        return 1000 * [line["value"] for line in lines if line["name"] == "agent:startup_seconds"][-1]


def quartiles(values):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def report_start(by_engine):
    print("\n### Container start to the pipeline's first instruction, ms\n\nMedian, and the middle half.\n")
    print("| started by | pairs | without train | with train, a whole job | more, pair by pair | train's own part |\n|---|---|---|---|---|---|")
    for name, pairs in by_engine.items():
        columns = ([pair[0] for pair in pairs], [pair[1] for pair in pairs], [pair[1] - pair[0] for pair in pairs], [pair[2] for pair in pairs])
        print(f"| {name} | {len(pairs)} | " + " | ".join(quartiles(column) for column in columns) + " |")


def layers(image):
    """Bytes of the image's layers, the newest first."""
    return [row["size"] for row in json.loads(engine.podman("image", "history", "--format", "json", image))]


def report_size(base, image):
    """Prints both sizes; what the image grew by."""
    before, after = (engine.inspect(name, "image")["Size"] for name in (base, image))
    added = sum(layers(image)) - sum(layers(base))
    print("\n### Size\n\n| image | bytes |\n|---|---|")
    print(f"| the base | {before:,} |\n| with train | {after:,} |\n| train's layers | {added:,} ({added / 2**20:.2f} MiB) |")
    return after - before


def measure(first, base, image, folder):
    """Starts by either engine: {name: pairs}."""
    trial = Trial(Path(folder), first)
    bare = ["/mnt/first", "/mnt/stamp"]
    by_train = ["/usr/local/bin/train", "--", *bare]
    by_runc = trial.runc(image, *bare), trial.runc(image, *by_train)
    try:
        return {"`runc run`": trial.pairs(*by_runc, TURNS),
                "`podman run`": trial.pairs(trial.podman(image, *bare), trial.podman(image, *by_train), TURNS)}
    finally:
        engine.podman("image", "unmount", image)


def main():
    first = Path(sys.argv[1]).resolve()
    base, image = bases.debian(), bases.layered()
    added = report_size(base, image)
    with tempfile.TemporaryDirectory(prefix="train-bench-", dir="/dev/shm") as folder:
        by_engine = measure(first, base, image, folder)
    report_start(by_engine)
    more_ms = statistics.median(with_train - without for without, with_train, _ in by_engine["`runc run`"])
    good = added < LAYER_MAX and more_ms <= START_MAX_MS
    print(f"\n{'kept' if good else 'NOT kept'}: under {LAYER_MAX / 2**20} MiB, at most {START_MAX_MS} ms more.")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
