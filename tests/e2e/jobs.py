"""A job as SageMaker lays it out, the agent run in it, and everything that came out. Plain classes and functions: no fixtures.

    job = JobRoot(tmp_path)                       # <tmp>/ml with input/config, input/data/training, model, output; <tmp>/tmp
    result = run("--", "sh", "-c", "exit 3", job=job)
    assert result.code == 3 and result.failure.startswith("[exit-3] ")

The environment of the agent is clean: nothing of AWS_, SAGEMAKER_, TRAIN_ or SM_ is inherited, and the instance metadata service is off.
"""
import contextlib
import functools
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema
import zstandard

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY / "tests" / "data"
BINARY = os.environ.get("TRAIN_BINARY", str(REPOSITORY / "build" / "train"))
HOOKS_BINARY = os.environ.get("TRAIN_HOOKS_BINARY", str(REPOSITORY / "build" / "train-hooks"))
RECORD_SCHEMA = json.loads((REPOSITORY / "docs" / "record.schema.json").read_text())
RECORD_VALIDATOR = jsonschema.Draft202012Validator(RECORD_SCHEMA)
PYTHON = sys.executable
DEADLINE_S = 60  # no test waits longer for anything; it is a bound, not a measure
EPOCH = 1600000000  # of every file in an archive

IS_ROOT = os.geteuid() == 0
NOBODY = 65534


# ---- files ----

@dataclass(frozen=True)
class Link:
    """A symbolic link in a tree or an archive."""
    target: str


@dataclass(frozen=True)
class File:
    content: object
    mode: int = 0o644


def script(text, interpreter="/bin/sh"):
    """An executable file of a tree or an archive."""
    return File(f"#!{interpreter}\n{text}", 0o755)


def python(text):
    """An executable Python program of a tree or an archive, run by the tests' own interpreter."""
    return script(text, PYTHON)


def _bytes(content):
    if isinstance(content, (dict, list)):
        content = json.dumps(content, indent=2) + "\n"
    return content.encode() if isinstance(content, str) else content


def _as_file(entry):
    return entry if isinstance(entry, (File, Link)) else File(entry)


def make_tree(folder, files):
    """Writes {name: text, bytes, JSON value, File, Link or None (an empty folder)} under 'folder'."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in files.items():
        path = folder / name
        if entry is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = _as_file(entry)
        if isinstance(entry, Link):
            path.symlink_to(entry.target)
        else:
            path.write_bytes(_bytes(entry.content))
            path.chmod(entry.mode)
    return folder


def _tar_bytes(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, entry in files.items():
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.mtime = info.mtime or EPOCH
            content = b""
            if entry is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(entry, Link):
                info.type, info.linkname = tarfile.SYMTYPE, entry.target
            elif not isinstance(entry, tarfile.TarInfo):
                entry = _as_file(entry)
                content, info.mode = _bytes(entry.content), entry.mode
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def make_tar(path, files, kind=None):
    """A tar archive of {name: ...} as in make_tree, or ready TarInfo values; 'kind' (tar, gz, zst) by the suffix."""
    path = Path(path)
    kind = kind or {".tgz": "gz", ".gz": "gz", ".zst": "zst"}.get(path.suffix, "tar")
    content = _tar_bytes(files)
    if kind == "gz":
        content = gzip.compress(content, 6, mtime=EPOCH)
    elif kind == "zst":
        content = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def make_zip(path, files, shebang=None):
    """A zip of {name: ...}; with 'shebang' it can be executed, as a PEX or zipapp is."""
    path = Path(path)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, entry in files.items():
            entry = _as_file(entry)
            info = zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            if isinstance(entry, Link):
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(info, entry.target)
            else:
                info.external_attr = (stat.S_IFREG | entry.mode) << 16
                archive.writestr(info, _bytes(entry.content))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((f"#!{shebang}\n".encode() if shebang else b"") + out.getvalue())
    path.chmod(0o755 if shebang else 0o644)
    return path


def make_archive(path, files):
    """By the suffix: .tar .tar.gz .tgz .tar.zst .zip .pex."""
    path = Path(path)
    if path.suffix == ".zip":
        return make_zip(path, files)
    if path.suffix == ".pex":
        return make_zip(path, files, shebang=PYTHON)
    return make_tar(path, files)


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def listing(folder):
    """Every path under 'folder', relative; a set."""
    folder = Path(folder)
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def project(steps=None, **pipeline):
    """The files of a small project: its pipeline.json from a command, steps or members."""
    if steps is not None:
        pipeline["steps"] = steps
    return {"pipeline.json": pipeline}


def shell(text):
    """The command of a pipeline that runs 'text' by sh."""
    return ["/bin/sh", "-c", text]


def code(text):
    """The command of a pipeline that runs 'text' by the tests' Python."""
    return [PYTHON, "-c", text]


# What a pipeline sees, as one line of JSON on stdout; `told` reads it.
TELL = """
import json, os, sys
def look(path):
    return os.readlink(path) if os.path.islink(path) else sorted(os.listdir(path)) if os.path.isdir(path) else 'file'
print(json.dumps({'cwd': os.getcwd(), 'argv': sys.argv[1:], 'env': dict(os.environ),
                  'tree': {name: look(name) for name in sorted(os.listdir('.'))},
                  'data': {name: look('data/' + name) for name in (sorted(os.listdir('data')) if os.path.isdir('data') else [])}}))
"""


def told(result):
    """What the TELL of a pipeline told; the last one's where there were several."""
    assert result.code == 0, f"exit code {result.code}\n{result.out}\n{result.err}"
    return json.loads([line for line in result.out.splitlines() if line.startswith('{"cwd"')][-1])


# ---- the job root ----

ACCOUNT = "123456789012"
REGION = "us-east-1"


class JobRoot:
    """<folder>/ml as SageMaker lays it out for one host, <folder>/tmp for workspaces, and the environment it gives.

    Everything can be changed or left out afterwards: the files are written at once, none is needed.
    """

    def __init__(self, folder, *, name="churn-2026-01-15", channels=("training",), hyperparameters=None, sagemaker=True):
        folder = Path(folder)
        self.folder = folder
        self.path = folder / "ml"
        self.tmp = folder / "tmp"
        self.name = name
        self.sagemaker = sagemaker  # sets TRAINING_JOB_NAME
        self.arn = None  # set it for TRAINING_JOB_ARN: without credentials nothing is asked all the same
        self.host = "algo-1"
        self.extra = {}
        for part in ("input/config", "input/data", "model", "output/data"):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        self.tmp.mkdir(exist_ok=True)
        self._channels = {}
        self.hyperparameters(hyperparameters or {})
        self.hosts("algo-1", ["algo-1"])
        self.config("inputdataconfig", {})
        for channel in channels:
            self.channel(channel, {f"{channel}.csv": "1,2,3\n"})

    # -- what the platform wrote --

    def config(self, name, value):
        """input/config/<name>.json; text is written as it is, everything else as JSON without a newline, as the platform does."""
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        (self.path / "input/config" / f"{name}.json").write_text(text)
        return self

    def without(self, *names):
        for name in names:
            (self.path / "input/config" / f"{name}.json").unlink()
        return self

    def hyperparameters(self, values):
        """All values become text, as CreateTrainingJob wants them."""
        return self.config("hyperparameters", {key: value if isinstance(value, str) else json.dumps(value)
                                               for key, value in values.items()})

    def hosts(self, host, hosts):
        self.host = host
        group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": hosts}
        return self.config("resourceconfig", {
            "current_host": host, "current_instance_type": "ml.m5.xlarge", "current_group_name": "homogeneousCluster",
            "hosts": hosts, "instance_groups": [group], "network_interface_name": "eth0", "topology": None})

    def channel(self, name, files=None, mode="File"):
        """A channel with its files; in Pipe mode there is no folder (make the FIFOs yourself)."""
        self._channels[name] = {"TrainingInputMode": mode, "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
        self.config("inputdataconfig", self._channels)
        if mode != "Pipe":
            make_tree(self.data / name, files or {})
        return self

    # -- where things are --

    @property
    def data(self):
        return self.path / "input/data"

    @property
    def model(self):
        return self.path / "model"

    @property
    def output(self):
        return self.path / "output"

    @property
    def record_file(self):
        return self.output / f"data/_train/run-{self.host}.json"

    @property
    def metrics_file(self):
        return self.output / f"data/_train/metrics-{self.host}.jsonl"

    def code(self, files):
        """A folder with the project's files, named by TRAIN_CODE; its path."""
        folder = make_tree(self.folder / "project", files)
        self.extra["TRAIN_CODE"] = str(folder)
        return folder

    def env(self):
        env = {"SAGEMAKER_BASE_DIR": str(self.path), "TMPDIR": str(self.tmp), "AWS_REGION": REGION}
        if self.sagemaker:
            env["TRAINING_JOB_NAME"] = self.name
        if self.arn:
            env["TRAINING_JOB_ARN"] = self.arn
        return env | self.extra

    def leftovers(self):
        """What lies in the folder for workspaces: empty when all was cleaned up."""
        return listing(self.tmp)


# ---- what came out ----

def read_record(path):
    """A record, checked against its published schema."""
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    RECORD_VALIDATOR.validate(record)
    return record



@dataclass
class Result:
    code: int  # negative when the agent itself was killed by a signal
    out: str
    err: str
    job: JobRoot = None
    raw_out: bytes = field(default=b"", repr=False)
    raw_err: bytes = field(default=b"", repr=False)

    @property
    def pipeline(self):
        """The pipeline's lines on stdout, with its metrics, without the agent's."""
        return [line for line in self.out.splitlines() if not line.startswith("#metric agent:")]

    @property
    def agent(self):
        """The agent's own lines, without 'train: '."""
        return [line.removeprefix("train: ") for line in self.err.splitlines() if line.startswith("train: ")]

    @property
    def pipeline_err(self):
        return [line for line in self.err.splitlines() if not line.startswith("train: ")]

    @property
    def said(self):
        return "\n".join(self.agent)

    @property
    def failure(self):
        path = self.job.output / "failure"
        return path.read_text(encoding="utf-8") if path.is_file() else None

    @functools.cached_property
    def record(self):
        """The record, checked against its published schema; None when there is none."""
        return read_record(self.job.record_file) if self.job.record_file.exists() else None

    @property
    def metrics(self):
        """The lines of the metric file."""
        path = self.job.metrics_file
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def metric_lines(self):
        return [line for line in self.out.splitlines() if line.startswith("#metric ")]

    @property
    def everything(self):
        """All that outsiders can read: for looking for secrets."""
        texts = [self.out, self.err]
        if self.job is not None:
            texts += [path.read_text(errors="replace") for path in sorted(self.job.output.rglob("*")) if path.is_file()]
        return "\n".join(texts)

    def setting(self, name):
        """(value, source) of a setting in the record."""
        return next((row["value"], row["source"]) for row in self.record["settings"] if row["name"] == name)

    def check(self, code, reason):
        """The agent's exit code, and the reason in failure text and record where there are any."""
        assert self.code == code, f"exit code {self.code} instead of {code}\n{self.out}\n{self.err}"
        if self.failure is not None:
            assert self.failure.startswith(f"[{reason}] "), self.failure
        record = self.record
        if record is not None:
            assert (record["exit_code"], record["reason"]) == (code, reason)
        return self


# ---- running the agent ----

def clean_env(job=None, env=None):
    """What the agent gets: a container's environment, not the tests'. A value None takes a name away."""
    result = {"PATH": os.environ["PATH"], "HOME": "/root" if IS_ROOT else os.environ.get("HOME", "/"),
              "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}
    result |= job.env() if job is not None else {}
    result |= {key: str(value) if value is not None else None for key, value in (env or {}).items()}
    return {key: value for key, value in result.items() if value is not None}


def pid1():
    """Words before a command that make it PID 1 of a new PID namespace with its own /proc. Killing unshare kills it."""
    return ["unshare", "-p" if IS_ROOT else "-rp", "--fork", "--kill-child", "--mount-proc", "--"]


def in_mounts(commands):
    """Words before a command that runs it in a mount namespace of its own, after the shell commands that mount things."""
    return ["unshare", "-m" if IS_ROOT else "-rm", "--", "sh", "-ec", commands + '\nexec "$@"', "sh"]


def as_nobody():
    """Words before a command that give up root; nothing when the tests are not root anyway."""
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"] if IS_ROOT else []


@contextlib.contextmanager
def public_folder():
    """A folder that any user can reach, with a copy of the binary in it: pytest's own folders are private."""
    folder = Path(tempfile.mkdtemp(prefix="train-e2e-"))
    try:
        folder.chmod(0o755)
        shutil.copy(BINARY, folder / "train")
        yield folder
    finally:
        shutil.rmtree(folder)


def give_away(folder):
    """Everything under 'folder' to the user of as_nobody()."""
    if IS_ROOT:
        for path in [folder, *Path(folder).rglob("*")]:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def run(*args, job=None, env=None, cwd=None, binary=None, before=(), stdin=subprocess.DEVNULL, timeout=DEADLINE_S, **popen):
    """Runs the agent to its end. 'before' are words in front of it: pid1(), in_mounts(...), as_nobody()."""
    with start(*args, job=job, env=env, cwd=cwd, binary=binary, before=before, stdin=stdin, **popen) as running:
        return running.finish(timeout)


def start(*args, job=None, env=None, cwd=None, binary=None, before=(), stdin=subprocess.DEVNULL, **popen):
    """Starts the agent in the background; use it with 'with', which kills what is left."""
    words = [*before, binary or BINARY, *map(str, args)]
    cwd = cwd if cwd is not None else (job.folder if job is not None else None)
    process = subprocess.Popen(words, env=clean_env(job, env), cwd=cwd, stdin=stdin, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **popen)
    return Running(process, job, wrapped=bool(before) and before[0] == "unshare" and "--fork" in before)


def wait_until(condition, what, timeout=DEADLINE_S):
    """Returns the first true value of 'condition'; fails after the deadline."""
    end = time.monotonic() + timeout
    pause = threading.Event()
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        pause.wait(0.005)
    raise AssertionError(f"waited {timeout} s in vain for {what}")


class _Reader:
    """Collects one pipe in a thread; others wait for text in it."""

    def __init__(self, pipe, changed):
        self.pipe = pipe
        self.changed = changed
        self.data = b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            part = os.read(self.pipe.fileno(), 65536)
            with self.changed:
                self.data += part
                self.changed.notify_all()
            if not part:
                return


class Running:
    """The agent in the background."""

    def __init__(self, process, job, wrapped):
        self.process = process
        self.job = job
        self.wrapped = wrapped
        self.changed = threading.Condition()
        self.out = _Reader(process.stdout, self.changed)
        self.err = _Reader(process.stderr, self.changed)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for reader in (self.out, self.err):
            reader.thread.join(1)  # something that outlived a failed test may hold the pipe
            if not reader.thread.is_alive():
                reader.pipe.close()

    @property
    def pid(self):
        """The agent's own process, also when unshare stands before it."""
        if not self.wrapped:
            return self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(wait_until(lambda: children.read_text().split(), "the agent behind unshare")[0])

    def wait_for(self, text, timeout=DEADLINE_S):
        """Waits until 'text' (a regular expression) stands in stdout or stderr; returns the match."""
        pattern = re.compile(text.encode(), re.MULTILINE)
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for reader in (self.out, self.err):
                    match = pattern.search(reader.data)
                    if match:
                        return match
                ended = not self.out.thread.is_alive() and not self.err.thread.is_alive()
                left = end - time.monotonic()
                if left <= 0 or ended:
                    raise AssertionError(f"'{text}' never came\n{self.out.data.decode(errors='replace')}\n"
                                         f"{self.err.data.decode(errors='replace')}")
                self.changed.wait(min(left, 0.1))

    def signal(self, number):
        os.kill(self.pid, number)

    def finish(self, timeout=DEADLINE_S):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"not at its end after {timeout} s\n{self.out.data.decode(errors='replace')}\n"
                                 f"{self.err.data.decode(errors='replace')}") from None
        for reader in (self.out, self.err):
            reader.thread.join(timeout)
        out, err = self.out.data, self.err.data
        return Result(code, out.decode(errors="replace"), err.decode(errors="replace"), self.job, out, err)


def processes(marker):
    """Pids of the processes whose command line or environment holds 'marker'; zombies are none."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP]
