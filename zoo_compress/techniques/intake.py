"""A weight that sums over channels, and what becomes of it when some of them go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from zoo_compress.core import AnyArray, Site
from zoo_compress.graph.channels.groups import Channels
from zoo_compress.graph.channels.remove import Kept
from zoo_compress.graph.channels.tracker import Units
from zoo_compress.numerics.elimination import compensated
from zoo_compress.numerics.moments import InputMoments
from zoo_compress.numerics.rows import from_rows, to_rows

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Intake:
    """A weight with units along its inputs.

    Attributes:
        site: The weight.
        weight: Its values.
        bias: Those of its bias, if it has one of its own.
        columns: The unit of each input of a row, shape (K,).
        moments: Moments of these inputs; None where they are not known.
    """

    site: Site
    weight: AnyArray
    bias: AnyArray | None
    columns: Units
    moments: InputMoments | None

    @property
    def rows(self) -> Rows:
        """The weight as rows of inputs, shape (O, K)."""
        axis = self.site.channel_axis
        rows: Rows = to_rows(self.weight.astype(np.float64), channel_axis=axis, groups=1)[0]
        return rows

    @property
    def second_moments(self) -> Rows:
        """The covariance of the inputs where a bias can take up what is constant, else E x x^T."""
        assert self.moments is not None
        found = self.moments.gram if self.bias is None else self.moments.covariance
        moments: Rows = found[0].astype(np.float64)
        return moments

    @cached_property
    def power(self) -> float:
        """What errors of outputs are a share of: their variance, or E |y|^2 if there is none."""
        assert self.moments is not None
        rows = self.rows
        for moments in (self.moments.covariance, self.moments.gram):
            power = float(np.sum((rows @ moments[0].astype(np.float64)) * rows))
            if power > 0:
                return power
        return 1.0

    def without(self, kept: Kept, *, compensate: bool) -> dict[str, AnyArray]:
        """Return the weight with zeros for the units that go, and its bias, by name.

        Args:
            kept: Whether each unit stays.
            compensate: Whether the other weights, and the bias for what is constant, make up for
                what goes.
        """
        rows, stay = self.rows, kept[self.columns]
        if stay.all():
            return {}
        if not compensate or self.moments is None:
            return {self.site.name: self._shaped(np.where(stay, rows, 0))}
        found = compensated(rows, self.second_moments, stay)
        changed = {self.site.name: self._shaped(found)}
        if self.bias is not None and self.site.bias is not None:
            shift = (rows - found) @ self.moments.mean[0].astype(np.float64)
            bias = self.bias.astype(np.float64) + shift.reshape(self.bias.shape)
            changed[self.site.bias] = bias.astype(self.bias.dtype)
        return changed

    def _shaped(self, rows: Rows) -> AnyArray:
        found = from_rows(rows[None], self.site.shape, channel_axis=self.site.channel_axis)
        return found.astype(self.weight.dtype)


def intakes(
    model: ir.Model,
    channels: Channels,
    sites: Sequence[Site],
    moments: Mapping[str, InputMoments],
) -> dict[str, Intake]:
    """Return the weights that sum over units, by name; those that are no sites are left out.

    Args:
        model: The model.
        channels: Its units.
        sites: Its sites.
        moments: Moments of the inputs of sites, as far as they are known.
    """
    known = {site.name: site for site in sites}
    found = dict[str, Intake]()
    for member in channels.members:
        site = known.get(member.name)
        if member.role != "reads" or site is None or site.channel_axis == member.axis:
            continue
        repeats = site.elements // site.shape[site.channel_axis] // max(len(member.units), 1)
        found[site.name] = Intake(
            site=site,
            weight=_values(model, site.name),
            bias=None if site.bias is None else _values(model, site.bias),
            columns=member.units.repeat(repeats),
            moments=moments.get(site.name),
        )
    return found


def _values(model: ir.Model, name: str) -> AnyArray:
    tensor = model.graph.initializers[name].const_value
    assert tensor is not None
    return tensor.numpy()
