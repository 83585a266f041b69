"""How loops are compiled: as they are written, once for a machine, free of Python's lock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

_log = logging.getLogger(__name__)


def compiled(function: Function) -> Function:
    """Compile a function when it is first called, and keep the machine code for later processes.

    Sums stay in the order in which they are written, so that results do not depend on the
    machine. Where no folder can be written to, each process compiles anew.
    """
    compiler: Any = njit
    try:
        found: Function = compiler(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError as error:
        _log.debug("machine code of %s is not kept: %s", function.__name__, error)
        found = compiler(nogil=True, error_model="numpy")(function)
    return found
