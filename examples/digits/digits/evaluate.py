"""Measures model/model.npz on digits that it has not seen, and fails if it is too bad to publish."""

import numpy

from digits import data, job, kernel


def main():
    settings = job.hyperparameters()
    rows, labels = data.read()
    _, test = data.split(len(rows), float(settings["test_share"]), int(settings["seed"]))
    with numpy.load("model/model.npz") as model:
        scores = kernel.gaussian(rows[test], model["rows"], float(model["gamma"])) @ model["weights"]
    accuracy = kernel.accuracy(scores, labels[test])
    table = numpy.zeros((data.CLASSES, data.CLASSES), dtype=int)
    numpy.add.at(table, (labels[test], scores.argmax(axis=1)), 1)

    job.write_json("output/evaluation.json", {"accuracy": accuracy, "digits": len(test), "table": table.tolist()})
    job.put_metrics({"test:accuracy": accuracy})
    print(f"accuracy on {len(test)} unseen digits: {accuracy:.4f}")
    if accuracy < float(settings["accuracy_min"]):
        raise SystemExit(f"accuracy {accuracy:.4f} is below accuracy_min {settings['accuracy_min']}")
