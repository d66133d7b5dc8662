"""Softmax regression on standardised features: the model and nothing around it."""

import json
import math


def probabilities(weights, row):
    """One probability a class; `weights` holds a row a class, its last number the bias."""
    scores = [sum(w * x for w, x in zip(line, row)) + line[-1] for line in weights]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def predict(weights, row):
    chances = probabilities(weights, row)
    return chances.index(max(chances))


def accuracy(weights, rows, labels):
    return sum(predict(weights, row) == label for row, label in zip(rows, labels)) / len(rows)


def step(weights, rows, labels, rate, l2):
    """One step of gradient descent over all rows, in place. Returns the mean loss before it."""
    gradient = [[0.0] * len(line) for line in weights]
    loss = 0.0
    for row, label in zip(rows, labels):
        chances = probabilities(weights, row)
        loss -= math.log(max(chances[label], 1e-300))
        for k, chance in enumerate(chances):
            error = chance - (k == label)
            line = gradient[k]
            for i, x in enumerate(row):
                line[i] += error * x
            line[-1] += error
    for line, slope in zip(weights, gradient):
        for i in range(len(line)):
            decay = l2 * line[i] if i + 1 < len(line) else 0.0
            line[i] -= rate * (slope[i] / len(rows) + decay)
    return loss / len(rows)


def save(path, weights, scaling, classes):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"classes": classes, "scaling": scaling, "weights": weights}, file, indent=1)
        file.write("\n")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
