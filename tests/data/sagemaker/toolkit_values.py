"""Writes what SageMaker's training toolkit makes of a job root, as NAME=value lines.

    python toolkit_values.py OPT_ML ENVIRONMENT CPUS GPUS

OPT_ML is a copy of a fixture's opt-ml (the toolkit makes a folder in it), ENVIRONMENT its environment file. Needs the package
sagemaker-training. The root appears as /opt/ml in what is written. This is how the files toolkit-5.1.4 here were made.
"""

import os
import sys

DROPPED = ("LD_PRELOAD", "LD_LIBRARY_PATH", "PATH")


def main(root, environment_file, cpus, gpus):
    with open(environment_file, encoding="utf-8") as file:
        variables = dict(line.split("=", 1) for line in file.read().splitlines())
    for name in list(os.environ):
        if name != "PATH":
            del os.environ[name]
    os.environ.update({name: value for name, value in variables.items() if name not in DROPPED})
    os.environ["SAGEMAKER_BASE_DIR"] = root

    from sagemaker_training import environment  # reads the variables when it is imported

    environment.num_cpus = lambda: int(cpus)
    environment.num_gpus = lambda: int(gpus)
    for name, value in sorted(environment.Environment().to_env_vars().items()):
        print(f"{name}={value}".replace(root, "/opt/ml"))


if __name__ == "__main__":
    main(*sys.argv[1:])
