"""One thread of BLAS for algebra on small matrices."""

from __future__ import annotations

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
    """Return the libraries of this process; finding them takes milliseconds."""
    return ThreadpoolController()
