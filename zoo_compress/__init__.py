"""Compress ONNX models to a byte budget, with a stated bound on the distance to the original."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> Any:
        """Look the version up only when asked: reading package metadata takes time."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib.metadata import version

        return version("zoo-compress")
