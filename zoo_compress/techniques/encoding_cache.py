"""Encodings of weights that may be needed again, within a memory bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from zoo_compress.core import Encoded

Key = tuple[str, str]
"""A site, and the `option_key` of an option."""


class EncodingCache:
    """Keeps encodings while they fit; the least used goes first.

    There is room for those of one plan in any case, however large: its weights are in use anyway
    while it runs, and the next plan shares most of them.

    Attributes:
        most_bytes: The most that is kept beyond a plan.
    """

    def __init__(self, most_bytes: int) -> None:
        """Start with none.

        Args:
            most_bytes: The most that is kept beyond a plan.
        """
        self.most_bytes = most_bytes
        self._held_bytes = self._plan_bytes = 0
        self._found: OrderedDict[Key, Encoded] = OrderedDict()

    def get(self, key: Key) -> Encoded | None:
        """Return an encoding; None if it is not there."""
        return self._found.get(key)

    def keep(self, key: Key, encoded: Encoded) -> None:
        """Put an encoding in as the last used; nothing leaves before `make_room`."""
        if key not in self._found:
            self._found[key] = encoded
            self._held_bytes += _bytes(encoded)
        self._found.move_to_end(key)

    def keep_plan(self, encodings: Iterable[Encoded]) -> None:
        """Have room for all encodings of a plan, which were used last, instead of another one."""
        self._plan_bytes = sum(map(_bytes, encodings))
        self.make_room()

    def make_room(self, used: Iterable[Encoded] = ()) -> None:
        """Let go of the least used, as long as all take more than may be kept.

        Args:
            used: Those used last, which stay.
        """
        most = max(self.most_bytes, self._plan_bytes, sum(map(_bytes, used)))
        while self._held_bytes > most and len(self._found) > 1:
            _, oldest = self._found.popitem(last=False)
            self._held_bytes -= _bytes(oldest)

    def clear(self) -> None:
        """Let go of all."""
        self._found.clear()
        self._held_bytes = self._plan_bytes = 0


def _bytes(encoded: Encoded) -> int:
    stored = sum(tensor.nbytes for tensor in encoded.tensors.values())
    return encoded.dense.nbytes + stored + (0 if encoded.bias is None else encoded.bias.nbytes)
