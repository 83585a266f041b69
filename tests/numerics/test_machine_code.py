import numpy as np
import pytest
from numba.core import caching

from zoo_compress.numerics.compiled.machine_code import compiled


def total(x):
    found = np.float32(0)
    for value in x:
        found += value
    return found


def test_sums_keep_their_order():
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    expected = np.float32(0)
    for value in x:
        expected += value
    assert compiled(total)(x) == expected


def test_where_no_folder_can_be_written_to_functions_are_compiled_all_the_same(monkeypatch):
    class Nowhere(caching.InTreeCacheLocator):
        def ensure_cache_path(self):
            raise OSError("read-only file system")

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [Nowhere])
    with pytest.raises(RuntimeError, match="no locator"):
        caching.FunctionCache(total)
    assert compiled(total)(np.ones(3, np.float32)) == 3
