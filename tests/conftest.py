"""What concerns every test of a run."""

import gc


def pytest_collection_finish():
    """Spare what was imported, some million objects that stay, every later garbage collection."""
    gc.collect()
    gc.freeze()
