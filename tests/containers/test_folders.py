"""Images without /tmp, or with one that cannot be used (product §3, `workspace`)."""
import pytest

import bases
import engine
from jobs import NOBODY, make_tar, project, shell

PIPELINE = project(command=shell("pwd; cat data/training/training.csv; echo weights >model/weights"))


@pytest.fixture
def image():
    """Debian without /tmp and /var/tmp, as images made from nothing have none."""
    return bases.layered(bases.derived("no-tmp", "RUN rm -rf /tmp /var/tmp"))


@pytest.fixture
def closed():
    """Debian in which only root may write to /tmp."""
    return bases.layered(bases.derived("closed-tmp", "RUN chmod 0755 /tmp /var/tmp"))


def coded(job):
    make_tar(job.channel("code").data / "code/app.tar.gz", PIPELINE)
    return job


def worked_in(result, folder):
    result.check(0, None)
    assert result.pipeline[0].startswith(f"{folder}/train-") and result.pipeline[1:] == ["1,2,3"], result.out
    assert (result.job.model / "weights").read_text() == "weights\n"
    assert not [path for path in result.job.path.iterdir() if path.name.startswith("train-")]


def test_without_tmp_the_work_is_in_the_jobs_own_folder(job, image):
    """podman's /dev/shm is mounted noexec."""
    worked_in(engine.run(image, "train", job=coded(job)), "/opt/ml")


def test_with_dev_shm_only(job, image):
    worked_in(engine.run(image, "train", job=coded(job), flags=["--tmpfs", "/dev/shm:exec,size=64m"]), "/dev/shm")


def test_a_tmp_that_this_user_may_not_write(job, closed):
    for path in [job.path, *job.path.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o222 | (0o111 if path.is_dir() else 0))
    worked_in(engine.run(closed, "train", job=coded(job), flags=["--user", str(NOBODY)]), "/opt/ml")


def test_nowhere_at_all(job, closed):
    """The advice is what to type: a tmpfs that programs may be run from."""
    coded(job)
    for path in [job.output, *job.output.rglob("*")]:
        path.chmod(0o777)
    result = engine.run(closed, "train", job=job, flags=["--user", str(NOBODY)]).check(73, "workspace")
    assert result.failure.splitlines()[0] == (
        "[workspace] no folder to work in: '/tmp' (Permission denied), '/var/tmp' (Permission denied), '/dev/shm' (mounted noexec), "
        "'/opt/ml' (Permission denied).")
    assert "--tmpfs /tmp:exec" in result.failure
    assert result.pipeline == []
