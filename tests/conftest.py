"""What concerns every test of a run."""

import gc

from hypothesis import HealthCheck, settings

# A busy machine may take its time: no test is a measurement of speed.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_finish():
    """Spare what was imported, some million objects that stay, every later garbage collection."""
    gc.collect()
    gc.freeze()
