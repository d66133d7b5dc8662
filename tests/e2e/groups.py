"""A control group of the test's own with limits on memory and processes, as a container has one: v1 or v2, whichever the machine has.

    with ControlGroup(memory=64 << 20) as group:
        run("--", "true", job=job, before=group.before())
"""
import uuid
from pathlib import Path

from jobs import wait_until


def _mounts():
    """(kind, options, where it is mounted, which part of the hierarchy that is)"""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        dash = words.index("-")
        yield words[dash + 1], words[dash + 3].split(","), Path(words[4]), words[3]


def _own(controller):
    """Our own path in the hierarchy of a v1 controller."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    raise AssertionError(f"no control group of '{controller}'")


def _parent(controller):
    """The folder in which a group for 'controller' can be made, and whether it is v1's."""
    for kind, options, point, top in _mounts():
        if kind == "cgroup" and controller in options:
            return point / _own(controller).removeprefix(top).strip("/"), True
    for kind, _, point, _ in _mounts():
        if kind == "cgroup2" and controller in (point / "cgroup.subtree_control").read_text().split():
            return point, False
    raise AssertionError(f"no control groups for '{controller}': the tests of its limits need them, and root")


class ControlGroup:
    def __init__(self, memory=None, processes=None):
        self.memory, self.processes = memory, processes
        self.folders = []

    def _make(self, controller):
        parent, old = _parent(controller)
        folder = parent / f"train-test-{uuid.uuid4().hex[:12]}"
        folder.mkdir()
        self.folders.append(folder)
        return folder, old

    def __enter__(self):
        if self.memory is not None:
            folder, old = self._make("memory")
            (folder / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(self.memory))
            swap = folder / ("memory.memsw.limit_in_bytes" if old else "memory.swap.max")
            if swap.exists():
                swap.write_text(str(self.memory) if old else "0")
        if self.processes is not None:
            folder, _ = self._make("pids")
            (folder / "pids.max").write_text(str(self.processes))
        return self

    def __exit__(self, *exc):
        for folder in self.folders:
            wait_until(lambda folder=folder: not (folder / "cgroup.procs").read_text(), f"the last process in {folder}")
            folder.rmdir()

    def before(self):
        """Words before a command that run it in the group."""
        enter = "".join(f"echo $$ >'{folder}/cgroup.procs'\n" for folder in self.folders)
        return ["sh", "-ec", enter + 'exec "$@"', "sh"]
