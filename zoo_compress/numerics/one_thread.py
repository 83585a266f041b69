"""One thread of BLAS for algebra on small matrices."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread within a block.

    Handing small products to several threads costs more than the algebra, and between products
    those threads burn time.
    """
    limited: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limited


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries of this process; finding them takes milliseconds.

    Only those are found that are loaded. That of scipy, which is imported late elsewhere, would
    go on with all cores in some processes and not in others, and factors have other last digits.
    """
    importlib.import_module("scipy.linalg.lapack")
    return ThreadpoolController()
