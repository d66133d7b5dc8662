"""The exception is a worker's, the traceback that of a remote one."""
import multiprocessing


def load(number):
    if number == 17:
        raise ValueError(f"sample {number} has no label")
    return number


if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        pool.map(load, range(20))
