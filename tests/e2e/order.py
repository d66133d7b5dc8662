"""The order of tests, for every suite: what waits longest begins first, so that the other worker does the rest meanwhile. For a conftest.py to import."""


def mark_long(config):
    config.addinivalue_line("markers", "long: takes most of a minute, all of it waiting; such tests are begun first")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
