from __future__ import annotations

from zoo_compress.stats import moments, u_statistics


def test_the_former_name_is_the_same_function():
    assert moments.mean_and_variance is u_statistics.mean_and_variance
