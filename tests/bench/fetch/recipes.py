"""What is compared: `train`, its peers as people write them, and each stage alone."""
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUCKET = "bench"
FAST = {"tar.gz": "igzip", "tar.zst": "zstd", "pack.tar.zst": "zstd"}


@dataclass(frozen=True)
class Recipe:
    name: str
    script: str  # bash, with `stage LABEL COMMAND...` before each program
    role: str = "peer"  # or train, stage
    verifies: bool = False
    door: str = "http"  # or https, shaped: which endpoint it gets
    seldom: bool = False  # only where the archive is small, or when all are asked for
    target: bool = False  # something is promised in comparison with it

    @property
    def essential(self):
        """Without it nothing can be judged."""
        return self.role != "peer" or self.target


class Tools:
    """Paths of the programs that are no part of a usual system."""

    def __init__(self, train, python, aws, s5cmd):
        self.train, self.python, self.aws, self.s5cmd = train, python, aws, s5cmd


def _download(tools, who, archive):
    address = f"s3://{BUCKET}/{archive.key}"
    return {
        "aws": f"stage 1 {tools.aws} s3 cp {address} -",
        "s5cmd": f"stage 1 {tools.s5cmd} cat {address}",
        "curl": 'stage 1 curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
                f'-H x-amz-content-sha256:UNSIGNED-PAYLOAD "$AWS_ENDPOINT_URL/{BUCKET}/{archive.key}"',
    }[who]


WORDS = {"aws": "aws s3 cp -", "s5cmd": "s5cmd cat", "curl": "curl"}


def _unpack(program):
    """The last part of a pipeline, after a pipe: (words, script)."""
    if program == "gzip":
        return "tar xz", 'stage 3 tar -xzf - -C "$OUT"'
    return f"{program} \\| tar x", f'stage 3 {program} -dc | stage 4 tar -xf - -C "$OUT"'


def _pipe(tools, archive, who, program, verifies, **more):
    words, unpack = _unpack(program)
    name, script = WORDS[who], _download(tools, who, archive)
    if verifies:
        script = ('mkfifo "$STATS/fifo"; stage 2 sha256sum <"$STATS/fifo" >sum & sum=$!\n'
                  f'{script} | stage t tee "$STATS/fifo" | {unpack} && wait $sum && grep -q {archive.sha256} sum')
        name += " \\| tee sha256sum"
    else:
        script += f" | {unpack}"
    return Recipe(f"{name} \\| {words}", script, verifies=verifies, **more)


def _boto3(tools, archive, program, verifies, **more):
    get = f"stage 1 {tools.python} {HERE}/boto3_get.py {BUCKET} {archive.key} archive"
    check = f" && stage 2 sha256sum archive >sum && grep -q {archive.sha256} sum" if verifies else ""
    name = "boto3; sha256sum; " if verifies else "boto3 + " if program == "gzip" else "boto3; "
    if program == "gzip" and not verifies:  # one program, as the toolkit does
        return Recipe("boto3 + tarfile (the toolkit's way)", f'{get} "$OUT"', **more)
    words, unpack = _unpack(program)
    return Recipe(f"{name}{words}", f"{get}{check} && {unpack.replace('-xzf -', '-xzf archive').replace('-dc', '-dc archive')}",
                  verifies=verifies, **more)


def _train(tools, door="http"):
    suffix = {"http": "", "https": ", https", "shaped": ""}[door]
    return Recipe(f"**train**{suffix}", f"stage 1 {tools.train} -- true", role="train", verifies=True, door=door)


def direct(tools, archive):
    """All recipes for an archive, over an unshaped network."""
    fast = FAST[archive.kind]
    yield _train(tools)
    if archive.kind == "pack.tar.zst":
        yield from (_pipe(tools, archive, who, fast, False, target=True) for who in ("curl", "s5cmd"))
        return
    for verifies in (False, True):
        if archive.kind == "tar.gz":
            yield _pipe(tools, archive, "aws", "gzip", verifies, seldom=verifies, target=not verifies)
            yield _pipe(tools, archive, "s5cmd", "gzip", verifies, seldom=verifies)
            yield _boto3(tools, archive, "gzip", verifies, seldom=verifies)
            yield _pipe(tools, archive, "curl", "gzip", verifies, seldom=verifies)
        yield _pipe(tools, archive, "aws", fast, verifies, seldom=verifies)
        yield _pipe(tools, archive, "s5cmd", fast, verifies, target=not verifies)
        yield _boto3(tools, archive, fast, verifies, seldom=verifies)
        yield _pipe(tools, archive, "curl", fast, verifies, target=not verifies)
    yield _train(tools, "https")
    for verifies in (False, True):
        recipe = _pipe(tools, archive, "curl", fast, verifies, door="https")
        yield Recipe(recipe.name.replace("curl", "curl https"), recipe.script, verifies=verifies, door="https", target=not verifies)


def shaped(tools, archive):
    """Those that are compared where each connection is slow."""
    fast = FAST[archive.kind]
    yield _train(tools, "shaped")
    if archive.kind == "tar.gz":
        yield _pipe(tools, archive, "curl", "gzip", False, door="shaped", target=True)
    yield _pipe(tools, archive, "curl", fast, False, door="shaped")
    yield _pipe(tools, archive, "s5cmd", fast, False, door="shaped")


def stages(tools, archive, tar):
    """Each stage alone, of what every recipe has to do; 'tar' is the archive without its compression."""
    fast = FAST[archive.kind]
    return [Recipe("download", _download(tools, "curl", archive) + " -o /dev/null", role="stage"),
            Recipe("sha256", f"stage 1 openssl dgst -sha256 {archive.path}", role="stage"),
            Recipe("inflate", f"stage 1 {fast} -dc {archive.path}", role="stage"),
            Recipe("write", f'stage 1 tar -xf {tar} -C "$OUT"', role="stage")]
