"""The digits of the channel, as numbers."""

import numpy

SOURCE = "data/training/digits.csv"
CLASSES = 10


def read(path=SOURCE):
    """A row of 64 grey values from 0 to 1 for each image, and which digit each is."""
    table = numpy.loadtxt(path, delimiter=",")
    if table.ndim != 2 or table.shape[1] != 65:
        raise SystemExit(f"{path}: expected 64 grey values and a digit in each line")
    return table[:, :-1] / 16, table[:, -1].astype(int)


def split(count, share, seed):
    """Indexes for training and for testing: the same ones for the same seed."""
    order = numpy.random.default_rng(seed).permutation(count)
    cut = round(count * share)
    return order[cut:], order[:cut]
