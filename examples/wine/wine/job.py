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


class Metrics:
    """Writes one record a line, each in one write, which is what line buffering does."""

    def __init__(self):
        self.file = open(os.environ.get("TRAIN_METRICS", "/dev/null"), "w", buffering=1, encoding="utf-8")

    def put(self, values, **labels):
        self.file.write(json.dumps({**values, **labels}) + "\n")
