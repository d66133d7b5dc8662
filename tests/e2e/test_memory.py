"""Memory while code is fetched, where one side is slower than the other (product §14): whatever waits, waits outside of the agent.

Bytes that do not move fill every buffer on their way, so each job here ends with its peak. The pipeline reads it: VmHWM of its parent, the most
that was ever resident. A buffer that is not given back ends the job with 70 (agent/job/bring.c); test_exit.py shows that it does.
"""
import io
import random
import time
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from disk import Disk
from jobs import JobRoot, make_tree, project, run, shell, wait_until
from servers.faults import Bucket
from servers.httpd import pace

MEGABYTE = 1 << 20
FILES = 64  # of one megabyte each, half of it noise: more than all buffers hold
DEFAULT, SMALL, LEAST = 48, 16, 8  # fetch-memory in MiB: what it is, enough for several connections, and the least that it can be
BESIDE = 16 * MEGABYTE  # all that is no buffer: 64 MiB resident at the default
OUTSIDE = 6 * MEGABYTE  # the program itself, its stacks, and what libraries keep
DISK_RATE = 60 * MEGABYTE  # bytes a second
SLOWLY = pace(MEGABYTE // 4, 0.02)  # 12 MB/s a connection
LOOKS, LOOK_S = 10, 0.02
STOPS = 3  # a machine that is busy elsewhere may look as if nothing moved any more

KINDS = ["tar.gz", "tar.zst", "frames.tar.zst", "zip"]  # frames: as `train pack` writes it; the other is one frame

each_size = pytest.mark.parametrize("memory", [DEFAULT, LEAST])
each_size_for_many = pytest.mark.parametrize("memory", [DEFAULT, SMALL])
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The same project in each kind: {kind: bytes}. Packed quickly, not well."""
    folder = tmp_path_factory.mktemp("archives")
    noise = random.Random(4)
    files = {**project(command=shell('grep VmHWM "/proc/$PPID/status"')),
             **{f"part-{n}": noise.randbytes(MEGABYTE // 2) + bytes(MEGABYTE // 2) for n in range(FILES)}}
    make_tree(folder / "project", files)
    for name in ("code.tar", "code.tar.zst"):
        assert run("pack", folder / "project", "-o", folder / name).code == 0
    tar = (folder / "code.tar").read_bytes()
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in sorted((folder / "project").iterdir()):
            archive.write(path, path.name)
    deflate = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS, strategy=zlib.Z_RLE)
    return {"tar.gz": deflate.compress(tar) + deflate.flush(), "tar.zst": zstandard.ZstdCompressor(level=1).compress(tar),
            "frames.tar.zst": (folder / "code.tar.zst").read_bytes(), "zip": zipped.getvalue()}


@pytest.fixture
def bucket():
    with Bucket() as server:
        yield server


def fetch(bucket, folder, content, memory, **more):
    """Runs the project; bytes that were resident at most and the record's word on the buffers."""
    bucket.put("code", content)
    settings = {} if memory == DEFAULT else {"TRAIN_FETCH_MEMORY": memory}
    result = run(job=JobRoot(folder), env={**bucket.env("code"), **settings}, **more)
    assert result.code == 0, result.err
    (line,) = (line for line in result.pipeline if line.startswith("VmHWM:"))
    buffers = result.record["code"]["fetch"]["buffers"]
    resident = int(line.split()[1]) * 1024
    assert buffers["peak_bytes"] <= buffers["max_bytes"] == memory * MEGABYTE
    assert resident <= memory * MEGABYTE + BESIDE
    assert resident <= buffers["peak_bytes"] + OUTSIDE, "something large is not among the counted buffers"
    return resident, buffers["peak_bytes"]


@each_size
@every_kind
def test_a_slow_disk_and_a_fast_sender(bucket, archives, tmp_path, kind, memory):
    written = []

    def hold(write):
        written.append(write.bytes)
        time.sleep(write.bytes / DISK_RATE)  # it is what is being tested, nothing waits for it

    with Disk(hold) as disk:
        fetch(bucket, tmp_path, archives[kind], memory, **disk.under())
    assert sum(written) >= FILES * MEGABYTE


@each_size_for_many
@every_kind
def test_a_slow_sender_and_a_fast_disk(bucket, archives, tmp_path, kind, memory):
    bucket.rule = SLOWLY
    fetch(bucket, tmp_path, archives[kind], memory)
    assert bucket.most_open > 1  # of connections: buffers of all of them wait for each other


def switches(pid):
    """How often the threads of a process were put on a processor, all together."""
    return sum(int(line.split()[1]) for status in Path(f"/proc/{pid}/task").glob("*/status")
               for line in status.read_text().splitlines() if "ctxt_switches" in line)


def stands_still(pid):
    """For wait_until: a condition that holds once no thread of the process has moved for some looks."""
    seen = []

    def condition():
        seen.append(switches(pid))
        time.sleep(LOOK_S)
        return len(seen) > LOOKS and len(set(seen[-LOOKS:])) == 1
    return condition


@each_size_for_many
@every_kind
def test_a_disk_that_stops_while_many_connections_send(bucket, archives, tmp_path, kind, memory):
    """The fullest it can be: a slow sender makes the agent open connections, then the disk takes nothing until nothing moves any more."""
    stopped = []

    def hold(write):
        if len(stopped) < STOPS and bucket.most_open > 1:
            stopped.append(write)
            wait_until(stands_still(write.pid), "every buffer to be full")

    bucket.rule = lambda request, reply: reply if stopped else SLOWLY(request, reply)
    with Disk(hold) as disk:
        resident, peak = fetch(bucket, tmp_path, archives[kind], memory, **disk.under())
    assert stopped
    assert resident > peak * 3 // 4, "the buffers were never full, so this shows nothing"
