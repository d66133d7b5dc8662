"""What the pipeline gets from outside: hyperparameters in, metrics out."""

import json
import os


def hyperparameters():
    """The job's, with the defaults of pipeline.json under them; the defaults alone where `train` did not start us."""
    path = os.environ.get("TRAIN_HYPERPARAMETERS")
    if path is None:
        with open("pipeline.json", encoding="utf-8") as file:
            return json.load(file)["hyperparameters"]
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def put_metrics(values, **labels):
    """One record, in one write; nowhere where `train` did not start us."""
    with open(os.environ.get("TRAIN_METRICS", "/dev/null"), "w", encoding="utf-8") as file:
        file.write(json.dumps({**values, **labels}) + "\n")


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
