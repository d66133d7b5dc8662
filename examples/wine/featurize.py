"""Reads the channel, splits it, standardises it: features/train.json and features/test.json."""

import csv
import json
import os
import random
import statistics

from wine import job

SOURCE = "data/training/wine.csv"


def read(path):
    """Rows of numbers, their labels, and the names of the classes, which the first line holds."""
    with open(path, newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        head = next(lines)
        rows, labels = [], []
        for line in lines:
            rows.append([float(cell) for cell in line[:-1]])
            labels.append(int(line[-1]))
    if len(rows) != int(head[0]) or any(len(row) != int(head[1]) for row in rows):
        raise SystemExit(f"{path}: expected {head[0]} rows of {head[1]} features")
    return rows, labels, head[2:]


def split(labels, share, seed):
    """Indexes of the training and the test part, each class in the same share, the same ones for the same seed."""
    chance = random.Random(seed)
    train, test = [], []
    for label in sorted(set(labels)):
        members = [i for i, other in enumerate(labels) if other == label]
        chance.shuffle(members)
        cut = round(len(members) * share)
        test += members[:cut]
        train += members[cut:]
    return sorted(train), sorted(test)


def write(name, rows, labels, classes, scaling):
    scaled = [[(x - mean) / spread for x, (mean, spread) in zip(row, scaling)] for row in rows]
    with open(f"features/{name}.json", "w", encoding="utf-8") as file:
        json.dump({"classes": classes, "scaling": scaling, "labels": labels, "rows": scaled}, file)
    print(f"features/{name}.json: {len(rows)} wines")


def main():
    settings = job.hyperparameters()
    rows, labels, classes = read(SOURCE)
    train, test = split(labels, float(settings["test_share"]), int(settings["seed"]))
    # Only the training part may say what is normal, or the test part would leak into it.
    columns = zip(*(rows[i] for i in train))
    scaling = [(statistics.fmean(column), statistics.pstdev(column) or 1.0) for column in map(list, columns)]
    os.makedirs("features", exist_ok=True)
    for name, part in (("train", train), ("test", test)):
        write(name, [rows[i] for i in part], [labels[i] for i in part], classes, scaling)


if __name__ == "__main__":
    main()
