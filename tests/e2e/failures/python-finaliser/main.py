"""A finaliser has trouble of its own after the end."""


class Table:
    def __del__(self):
        raise AttributeError("closed twice")


table = Table()
raise ValueError("no rows")
