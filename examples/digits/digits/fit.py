"""Chooses the kernel's width and the ridge by leaving one out, fits the model, writes model/model.npz and output/blas.json."""

import os
import time

import numpy

from digits import blas, data, job, kernel


def choose(rows, labels, gammas, ridges):
    """(accuracy with one left out, gamma, ridge, weights) of the best pair."""
    wanted = kernel.targets(labels, data.CLASSES)
    best = (-1.0,)
    for step, gamma in enumerate(gammas):
        decomposed = kernel.Decomposed(kernel.gaussian(rows, rows, gamma), wanted)
        tried = [(kernel.accuracy(decomposed.left_out(ridge), labels), gamma, ridge) for ridge in ridges]
        accuracy, _, ridge = max(tried)
        job.put_metrics({"train:left_out_accuracy": accuracy}, step=step)
        print(f"gamma {gamma}: {accuracy:.4f} with one left out, ridge {ridge}")
        if accuracy > best[0]:
            best = (accuracy, gamma, ridge, decomposed.weights(ridge))
    return best


def main():
    settings = job.hyperparameters()
    rows, labels = data.read()
    train, _ = data.split(len(rows), float(settings["test_share"]), int(settings["seed"]))
    begun, begun_cpu = time.perf_counter(), time.process_time()
    _, gamma, _, weights = choose(rows[train], labels[train], settings["gammas"], settings["ridges"])
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu

    os.makedirs("model", exist_ok=True)
    numpy.savez("model/model.npz", rows=rows[train], weights=weights, gamma=gamma)
    paths = blas.libraries()
    job.write_json("output/blas.json", {"name": blas.name(paths), "libraries": paths, "numpy": numpy.__version__,
                                        "algebra_seconds": seconds, "algebra_cpu_seconds": cpu_seconds})
    job.put_metrics({"fit:algebra_seconds": seconds})
    print(f"{len(train)} digits, {seconds:.2f} s of linear algebra on {blas.name(paths)}")
