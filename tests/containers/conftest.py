"""What the container tests share. They run where tests/containers/ready says that containers can be run; then nothing is skipped."""
import os
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
pytest.register_assert_rewrite("jobs", "engine", "bases", "terminal", "servers", "projects")

from engine import podman  # noqa: E402
from jobs import BINARY, JobRoot  # noqa: E402
from order import mark_long, pytest_collection_modifyitems  # noqa: E402, F401


def pytest_configure(config):
    mark_long(config)
    if "CONTAINERS_CONF" not in os.environ or not os.access(BINARY, os.X_OK):
        raise pytest.UsageError("'make check-images' sets CONTAINERS_CONF, CONTAINERS_STORAGE_CONF and TRAIN_BINARY")


@pytest.fixture
def job(tmp_path):
    """A hand-made job root, to be mounted at /opt/ml."""
    return JobRoot(tmp_path)


@pytest.fixture
def network():
    """A network of the test's own, on which containers find each other by their aliases and nothing else is reached; its name."""
    name = f"train-test-{uuid.uuid4().hex[:12]}"
    podman("network", "create", "--internal", name)
    yield name
    podman("network", "rm", "-f", name)
