"""podman as the tests use it: real containers, run by runc, with images from a store of the tests' own (tests/containers/ready).

    image = bases.image("debian")
    result = engine.run(image, "train", job=JobRoot(tmp_path))        # podman run -v <job root>:/opt/ml image train
    assert result.code == 0 and result.record["outcome"] == "completed"

`run` and `start` give what tests/e2e/jobs.py gives for the bare binary: a Result and a Running, so that both kinds of test read alike. The container's
environment is its image's, with what SageMaker sets (`job.name`, region) and `env`; nothing of the tests' own gets in.
"""
import json
import subprocess
import uuid

from jobs import DEADLINE_S, REGION, Running

LABEL = "train-test"  # of every container that is started here: what a failed test leaves behind is found by it


def podman(*words, input=None, timeout=DEADLINE_S, check=True):
    """Runs 'podman WORDS' to its end; its stdout. Fails with podman's own words, unless check is False: then the CompletedProcess."""
    done = subprocess.run(["podman", *map(str, words)], input=input, capture_output=True, text=True, timeout=timeout)
    if not check:
        return done
    assert done.returncode == 0, f"podman {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def inspect(name, kind="container"):
    return json.loads(podman(kind, "inspect", name))[0]


def sagemaker_env(job):
    """What SageMaker sets in the container of a job."""
    if job is None:
        return {}
    return ({"TRAINING_JOB_NAME": job.name, "AWS_REGION": REGION} if job.sagemaker else {}) | job.extra


def words(image, *args, job=None, env=None, flags=(), name=None, mount=True):
    """The command line: 'podman run --rm --name NAME -v JOB:/opt/ml -e ... FLAGS IMAGE ARGS'. No network and no metadata service, unless the flags say so:
    a test that needs them says so."""
    line = ["podman", "run", "--rm", "--name", name or f"train-test-{uuid.uuid4().hex[:12]}", "--label", LABEL]
    if not any(str(flag).startswith("--net") for flag in flags):
        line += ["--network", "none"]
    if job is not None and mount:
        line += ["-v", f"{job.path}:/opt/ml"]
    values = sagemaker_env(job) | {key: str(value) for key, value in (env or {}).items()}
    for key, value in values.items():
        line += ["-e", f"{key}={value}"]
    return [*line, *map(str, flags), image, *map(str, args)]


class Container(Running):
    """A container in the background: Running, with its name for `podman stop`, `kill` and `exec`."""

    def __init__(self, process, job, name):
        super().__init__(process, job, wrapped=False)
        self.name = name

    def __exit__(self, *exc):
        if self.process.poll() is None:
            podman("rm", "-f", "-t", "0", self.name, check=False)
        super().__exit__(*exc)

    def stop(self, seconds):
        """podman stop -t SECONDS, to its end."""
        return podman("stop", "-t", seconds, self.name, timeout=DEADLINE_S + seconds)

    def kill(self, signal):
        return podman("kill", "-s", signal, self.name)

    def exec(self, *args):
        return podman("exec", self.name, *args)


def start(image, *args, job=None, env=None, flags=(), mount=True, stdin=subprocess.DEVNULL, **popen):
    """Starts a container; use it with 'with', which removes it."""
    name = f"train-test-{uuid.uuid4().hex[:12]}"
    if job is not None:
        popen = {"cwd": job.folder, **popen}  # conmon leaves a file `oom` there when memory runs out
    process = subprocess.Popen(words(image, *args, job=job, env=env, flags=flags, name=name, mount=mount), stdin=stdin,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
    return Container(process, job, name)


def run(image, *args, timeout=DEADLINE_S, **options):
    """A container to its end: its exit code, both streams, and through 'job' all that it wrote."""
    with start(image, *args, **options) as container:
        return container.finish(timeout)
