"""As PyTorch's loader passes on what a worker raised: the worker's own traceback is a part of the message."""
import traceback


class Worker(Exception):
    pass


def load(number):
    raise ValueError(f"sample {number} has no label")


def worker():
    try:
        load(17)
    except ValueError:
        return "Original " + traceback.format_exc()


raise ValueError("Caught ValueError in DataLoader worker process 0.\n" + worker())
