"""What the binary for one machine packs is what that for the other packs, to the byte."""
import os
import random
import subprocess

import pytest

BINARIES = [os.environ["TRAIN_BINARY"], os.environ["TRAIN_NATIVE_BINARY"]]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Text that compresses, bytes that do not, a program, a link, and a file of several zstd frames."""
    folder = tmp_path_factory.mktemp("project")
    numbers = random.Random(6)
    (folder / "pipeline.json").write_text('{"command": ["./train.sh"]}\n')
    (folder / "train.sh").write_text("#!/bin/sh\nexit 0\n")
    (folder / "train.sh").chmod(0o755)
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/link").symlink_to("../noise.bin")
    (folder / "deep/noise.bin").write_bytes(numbers.randbytes(300_000))
    (folder / "words.txt").write_text(" ".join(numbers.choices(["train", "test", "model", "loss", "0.25", "epoch"], k=1_000_000)))
    return folder


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst", "zip"])
def test_what_is_packed_is_the_same_to_the_byte(project, tmp_path, kind):
    archives = []
    for number, binary in enumerate(BINARIES):
        path = tmp_path / f"{number}.{kind}"
        subprocess.run([binary, "pack", project, "-o", path], check=True, timeout=200, stdin=subprocess.DEVNULL)
        archives.append(path.read_bytes())
    assert archives[0] == archives[1]


def test_the_binary_is_for_arm64():
    """Nothing here would be shown if the emulator's script ran the wrong one."""
    said = subprocess.run([BINARIES[0], "version", "--json"], check=True, capture_output=True, text=True, timeout=60)
    assert '"arm64"' in said.stdout
