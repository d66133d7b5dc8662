"""The archives: each tree by plain tools and by `train pack`, kept between runs in the cache folder."""
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import trees

TAR = ["tar", "--sort=name", "--mtime=@946684800", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu", "-cf", "-", "."]
PACKERS = {"tar.gz": ["gzip", "-n", "-6", "-c"], "tar.zst": ["zstd", "-q", "-3", "-c"]}
KINDS = (*PACKERS, "pack.tar.zst")
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Archive:
    tree: str
    kind: str
    path: Path
    sha256: str
    size: int
    files: int
    bytes: int  # of all files

    @property
    def key(self):
        return f"{self.tree}.{self.kind}"

    @property
    def label(self):
        return {"pack.tar.zst": "train pack"}.get(self.kind, f".{self.kind}")


def cache_folder():
    base = os.environ.get("CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "train-build"
    return Path(base) / "bench"


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            total.update(part)
    return total.hexdigest()


def _plain(folder, kind, to):
    with open(to, "wb") as out, subprocess.Popen(TAR, cwd=folder, stdout=subprocess.PIPE) as tar:
        subprocess.run(PACKERS[kind], stdin=tar.stdout, stdout=out, check=True)
    if tar.returncode:
        raise RuntimeError(f"tar ended with {tar.returncode}")


def _packed(folder, to, train):
    subprocess.run([train, "pack", folder, "-o", to], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _named(name, train):
    """What an archive is made from decides its name: the generator, and for `train pack` the program."""
    made_from = digest(HERE / "trees.py")[:12]
    return {kind: f"{name}-{made_from}.{kind}" for kind in PACKERS} | {
        "pack.tar.zst": f"{name}-{made_from}-{digest(train)[:12]}.tar.zst"}


def get(name, train, scratch, say):
    """The three archives of tree 'name'. What is not in the cache is made, in 'scratch'."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    names = _named(name, train)
    counts = cache / f"{names['tar.gz']}.count"
    missing = [kind for kind in KINDS if not (cache / names[kind]).exists()]
    if missing or not counts.exists():
        _make(name, {kind: cache / names[kind] for kind in missing}, counts, train, scratch, say)
    files, total = map(int, counts.read_text().split())
    paths = {kind: cache / names[kind] for kind in KINDS}
    return [Archive(name, kind, path, digest(path), path.stat().st_size, files, total) for kind, path in paths.items()]


def _make(name, wanted, counts, train, scratch, say):
    say(f"making {name}: {', '.join(wanted)}")
    folder = scratch / "tree"
    if counts.exists() and "tar.gz" not in wanted:  # unpacking is faster than making it again
        folder.mkdir()
        subprocess.run(["tar", "-I", "igzip", "-xf", counts.with_suffix(""), "-C", folder], check=True)
    else:
        files, total = trees.make(trees.TREES[name], folder)
        counts.write_text(f"{files} {total}\n")
    try:
        for kind, path in wanted.items():
            if kind == "pack.tar.zst":
                for old in path.parent.glob(f"{name}-*-*.tar.zst"):
                    old.unlink()
            part = scratch / f"part.{kind}"
            if kind in PACKERS:
                _plain(folder, kind, part)
            else:
                _packed(folder, part, train)
            shutil.copyfile(part, f"{path}.part")
            part.unlink()
            os.replace(f"{path}.part", path)
    finally:
        shutil.rmtree(folder)
