"""What all end-to-end tests share: the binary has to be there, and the servers, one of each for a worker, started when first needed.

Nothing is skipped, what is missing is an error; but for README's examples in languages that are not here, which is said.
"""
import ctypes
import os
import platform
import uuid

import pytest

pytest.register_assert_rewrite("jobs", "network", "story", "terminal", "servers")

from jobs import BINARY, HOOKS_BINARY, JobRoot
from order import mark_long, pytest_collection_modifyitems  # noqa: F401
from servers.gateway import Gateway
from servers.nginx import Nginx
from servers.sagemaker import SageMaker


def usual_signals():
    """GNU make leaves the two signals that the C library keeps for itself (32, 33) ignored in what it starts; every test's job would inherit that. The library
    lets nobody set them, so the kernel is asked itself."""
    rt_sigaction = {"x86_64": 13, "aarch64": 134}[platform.machine()]
    default = ctypes.create_string_buffer(32)  # the kernel's struct sigaction, all zero: SIG_DFL
    for number in (32, 33):
        if ctypes.CDLL(None, use_errno=True).syscall(rt_sigaction, number, default, None, 8) != 0:
            raise OSError(ctypes.get_errno(), f"cannot give signal {number} its default effect")


def pytest_configure(config):
    usual_signals()
    mark_long(config)
    for binary in (BINARY, HOOKS_BINARY):
        if not os.access(binary, os.X_OK):
            raise pytest.UsageError(f"'{binary}' is not there: 'make e2e' builds it, or set TRAIN_BINARY and TRAIN_HOOKS_BINARY")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@pytest.fixture(scope="session")
def sagemaker(tmp_path_factory):
    with SageMaker(tmp_path_factory.mktemp("sagemaker")) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture
def bucket(gateway):
    """A fresh bucket with versions."""
    return gateway.bucket(f"code-{uuid.uuid4().hex[:12]}", versions=True)


@pytest.fixture
def job(tmp_path):
    return JobRoot(tmp_path)
