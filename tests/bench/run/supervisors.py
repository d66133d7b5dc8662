"""Who is measured, and how each of them is asked to run a command."""
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

CODE_FILES, CODE_BYTES = 10, 20_000  # what `train` copies before it starts (product §14)

# The framework images ask the toolkit to capture: only then does it pass lines on.
CAPTURING = """from sagemaker_training import entry_point, environment

def main():
    env = environment.Environment()
    entry_point.run(env.module_dir, env.user_entry_point, env.to_cmd_args(), env.to_env_vars(), capture_error=True)
"""


@dataclass(frozen=True)
class Supervisor:
    name: str
    words: tuple = ()  # before the command
    relays: bool = False  # the pipeline's output goes through it
    forwards: bool = True  # SIGTERM comes to the pipeline
    reaps: bool = True  # orphans that come to it as PID 1
    folder: Path = None  # of its job, where it has one
    module: str = ""  # of the toolkit

    @property
    def is_toolkit(self):
        return self.name.startswith("sagemaker-training")

    def command(self, *words):
        if not self.is_toolkit:
            return [*self.words, *map(str, words)]
        entry = self.folder / "code/entry.sh"
        entry.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, words))}\n")
        entry.chmod(0o755)
        return list(self.words)

    def env(self):
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        if self.folder:
            env |= {"SAGEMAKER_BASE_DIR": str(self.folder)}
        if self.module:
            env |= {"SAGEMAKER_TRAINING_MODULE": f"{self.module}:main", "PYTHONPATH": str(self.folder)}
        return env


def job_root(folder):
    for part in ("input/config", "input/data", "code", "model", "output"):
        (folder / part).mkdir(parents=True)
    config = folder / "input/config"
    (config / "hyperparameters.json").write_text(json.dumps({"sagemaker_program": "entry.sh", "sagemaker_submit_directory": str(folder / "code")}))
    (config / "resourceconfig.json").write_text('{"current_host": "localhost", "hosts": ["localhost"]}')
    (config / "inputdataconfig.json").write_text("{}")
    return folder


def code_folder(folder):
    folder.mkdir()
    for number in range(CODE_FILES):
        (folder / f"file{number}.py").write_bytes(bytes(CODE_BYTES))
    return folder


def everybody(folder, train, toolkit):
    """All of them; the toolkit twice, as it is and as framework images use it."""
    ml = folder / "ml"
    (ml / "output").mkdir(parents=True)
    capture = job_root(folder / "capture")
    (capture / "capturing.py").write_text(CAPTURING)
    name = "sagemaker-training"
    return [
        Supervisor("bare exec", reaps=False),
        Supervisor("**train**", (str(train), "--"), relays=True, folder=ml),
        Supervisor("tini", ("tini", "-s", "--")),
        Supervisor("dumb-init", ("dumb-init", "--")),
        Supervisor("catatonit", ("catatonit", "--")),
        Supervisor(name, (str(toolkit),), forwards=False, reaps=False, folder=job_root(folder / "toolkit")),
        Supervisor(f"{name}, capturing", (str(toolkit),), relays=True, forwards=False, folder=capture, module="capturing"),
    ]
