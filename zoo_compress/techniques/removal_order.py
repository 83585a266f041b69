"""In which order channels go, and what that does to the outputs of the weights that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from zoo_compress.graph.channels.groups import Channels, Group, components
from zoo_compress.graph.channels.tracker import Units
from zoo_compress.numerics.elimination import Elimination
from zoo_compress.techniques.intake import Intake

# Costs are computed anew so many times on the way to the last channel; of wider layers, several
# channels go at once, so that the time grows with the width and not with its square.
ROUNDS = 64

Errors = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RemovalOrder:
    """The units of a family in the order in which they go.

    Attributes:
        groups: The groups of the family.
        steps: Units that go together, step by step.
        saved: Bytes that go with the first steps, shape (steps,).
        error: Predicted error after them: over the weights that read the units, the sum of the
            errors of their outputs, each as a share of their variance. Without moments of inputs,
            the sum of products of shares of norms, which only compares.
    """

    groups: tuple[Group, ...]
    steps: tuple[Units, ...]
    saved: Errors
    error: Errors

    @property
    def kind(self) -> str:
        """Whether these are channels or heads."""
        return self.groups[0].kind


def families(channels: Channels, groups: Sequence[Group]) -> list[tuple[Group, ...]]:
    """Return groups, those together that one weight reads or one tensor holds."""
    owner = np.full(len(channels.bytes), -1, np.int64)
    for number, group in enumerate(groups):
        owner[group.units] = number
    couples = []
    for units in channels.rows():
        numbers = np.unique(owner[units])
        numbers = numbers[numbers >= 0]
        couples.append((numbers, np.broadcast_to(numbers[:1], numbers.shape)))
    parents = components(len(groups), couples)
    found: dict[int, list[Group]] = {}
    for parent, group in zip(parents, groups, strict=True):
        found.setdefault(int(parent), []).append(group)
    return [tuple(family) for family in found.values()]


def order_by_outputs(
    channels: Channels, family: tuple[Group, ...], readers: Sequence[Intake]
) -> RemovalOrder:
    """Order units by what their removal does to the outputs of the weights that read them.

    Each round takes the units of the least error per byte, given those that are gone, the other
    weights making up for them by least squares; see `Elimination`.

    Args:
        channels: All units.
        family: Groups that are read together.
        readers: The weights that read them, their moments known.
    """
    units = np.concatenate([group.units for group in family])
    block = np.full(len(channels.bytes), -1, np.int64)
    block[units] = np.arange(len(units))
    states = [
        Elimination(reader.rows, reader.second_moments, block[reader.columns], count=len(units))
        for reader in readers
    ]
    sizes, left = channels.bytes[units], _Left(channels, units)
    steps, errors, most = [], [0.0], -(-len(units) // ROUNDS)
    while True:
        alive = left.removable()
        if not len(alive):
            break
        costs = np.zeros(len(alive))
        for state, reader in zip(states, readers, strict=True):
            costs += state.costs(alive) / reader.power
        ranked = alive[np.argsort(costs / np.maximum(sizes[alive], 1), kind="stable")]
        gone = left.take(ranked, most)
        pairs = zip(states, readers, strict=True)
        errors.append(errors[-1] + sum(s.remove(gone) / r.power for s, r in pairs))
        steps.append(units[gone])
    return _order(channels, family, steps, errors[1:])


def order_by_norms(model: ir.Model, channels: Channels, family: tuple[Group, ...]) -> RemovalOrder:
    """Order units by their shares of the norms of the weights that compute and read them.

    The product of both shares counts, so that a channel goes first that is never computed or never
    read.
    """
    units = np.concatenate([group.units for group in family])
    shares = {role: np.zeros(len(channels.bytes)) for role in ("produces", "reads")}
    for member in channels.members:
        tensor = model.graph.initializers[member.name].const_value
        if member.role in shares and tensor is not None:
            power = np.square(np.moveaxis(tensor.numpy().astype(np.float64), member.axis, 0))
            share = power.reshape(len(member.units), -1).sum(axis=1) / max(power.sum(), 1e-300)
            np.add.at(shares[member.role], member.units, share)
    costs = (shares["produces"] * shares["reads"])[units]
    left = _Left(channels, units)
    ranked = np.argsort(costs / np.maximum(channels.bytes[units], 1), kind="stable")
    gone = left.take(ranked, len(units))
    steps = [units[place : place + 1] for place in gone]
    return _order(channels, family, steps, np.cumsum(costs[gone]).tolist())


def readers_of(
    channels: Channels, family: tuple[Group, ...], known: Mapping[str, Intake]
) -> list[Intake] | str:
    """Return the weights that read units of a family, or why their outputs cannot be predicted."""
    units = np.concatenate([group.units for group in family])
    names = dict.fromkeys(
        member.name
        for member in channels.members
        if member.role == "reads" and np.isin(member.units, units).any()
    )
    for name in names:
        if name not in known or known[name].moments is None:
            return f"what '{name}' is multiplied with is out of reach"
    return [known[name] for name in names]


class _Left:
    """Which units of a family are left, so that no tensor loses all of its own."""

    def __init__(self, channels: Channels, units: Units) -> None:
        place = {int(unit): number for number, unit in enumerate(units)}
        rows = {
            tuple(sorted({place[int(u)] for u in row if int(u) in place}))
            for row in channels.rows()
        }
        self._rows = [np.array(row, np.int64) for row in sorted(rows) if row]
        self._counts = [len(row) for row in self._rows]
        self._of: list[list[int]] = [[] for _ in units]
        for number, row in enumerate(self._rows):
            for unit in row:
                self._of[unit].append(number)
        self._alive = np.ones(len(units), bool)

    def removable(self) -> npt.NDArray[np.int64]:
        """Return the units that may go next."""
        return np.array([u for u in np.flatnonzero(self._alive) if self._may_go(u)], np.int64)

    def take(self, ranked: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
        """Take up to so many units, the first that may go."""
        gone = list[int]()
        for unit in ranked:
            if len(gone) < most and self._may_go(unit):
                gone.append(int(unit))
                self._alive[unit] = False
                for row in self._of[unit]:
                    self._counts[row] -= 1
        return np.array(gone, np.int64)

    def _may_go(self, unit: np.int64) -> bool:
        return all(self._counts[row] > 1 for row in self._of[int(unit)])


def _order(
    channels: Channels, family: tuple[Group, ...], steps: Sequence[Units], errors: Sequence[float]
) -> RemovalOrder:
    saved = np.cumsum([float(channels.bytes[step].sum()) for step in steps])
    return RemovalOrder(
        groups=family, steps=tuple(steps), saved=saved, error=np.array(errors, np.float64)
    )
