import numpy as np
import onnx_ir as ir
import pytest

from tests.graph.channels.networks import Network
from zoo_compress.graph.channels.find import find_channels
from zoo_compress.graph.channels.groups import Channels
from zoo_compress.graph.initializers import replace_initializer
from zoo_compress.graph.sites import find_sites
from zoo_compress.techniques.intake import Intake, intakes
from zoo_compress.techniques.moments import input_moments
from zoo_compress.techniques.removal_choice import (
    PROBE_INPUTS,
    Probe,
    kept_after,
    parted,
    removal_orders,
    scaled_by_outputs,
    smaller_weights,
)
from zoo_compress.techniques.removal_order import (
    families,
    order_by_norms,
    order_by_outputs,
    readers_of,
)

COPIED = (2, 5)


def network(*, bias: bool = True) -> ir.Model:
    """Two convolutions, of which the second reads two channels that are the same."""
    net = Network(width={"x": 3}, seed=1)
    x = net.node("Relu", net.conv("x", 8, 3))
    weight, vector = net.weights["c0"], net.weights["c1"]
    weight[COPIED[1]], vector[COPIED[1]] = weight[COPIED[0]], vector[COPIED[0]]
    net.width[x] = 8
    y = net.conv(net.node("Relu", net.conv(x, 10, 3, bias=bias)), 9)
    return net.build(y, ["N", 3, 7, 7], ["N", 9, 7, 7])


def feeds(count: int = 12) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(2)
    return [{"x": rng.standard_normal((1, 3, 7, 7)).astype(np.float32)} for _ in range(count)]


def known(model: ir.Model) -> tuple[Channels, dict[str, Intake]]:
    channels, sites = find_channels(model), find_sites(model).sites
    moments = input_moments(model, sites, feeds(), seed=0)
    return channels, intakes(model, channels, sites, moments)


def no_report(_: int, __: int) -> None:
    pass


@pytest.mark.parametrize("bias", [True, False])
def test_of_two_equal_channels_one_goes_first_at_a_fraction_of_the_cost(bias: bool) -> None:
    model = network(bias=bias)
    channels, readers = known(model)
    family = families(channels, channels.removable)[0]
    order = order_by_outputs(channels, family, [readers["c2"]])
    assert order.steps[0].item() in family[0].units[list(COPIED)]
    # Not at none: moments of few inputs are shrunk, and copies no longer seem to be copies.
    assert order.error[0] < 0.25 * (order.error[1] - order.error[0])


def test_an_order_leaves_one_and_its_errors_and_bytes_add_up() -> None:
    channels, readers = known(network())
    for family in families(channels, channels.removable):
        found = readers_of(channels, family, readers)
        assert not isinstance(found, str)
        order = order_by_outputs(channels, family, found)
        gone = np.concatenate(order.steps)
        assert len(np.unique(gone)) == len(gone) == len(family[0].units) - 1
        assert (np.diff(order.error, prepend=0) >= 0).all()
        assert order.saved[-1] == channels.bytes[gone].sum()


def test_a_predicted_error_is_that_of_the_weight_which_makes_up_for_it() -> None:
    channels, readers = known(network())
    family, reader = families(channels, channels.removable)[0], readers["c2"]
    order = order_by_outputs(channels, family, [reader])
    kept = kept_after(channels, [order], [3])
    changed = reader.without(kept, compensate=True)["c2"]
    change = (changed.astype(np.float64) - reader.weight).reshape(len(changed), -1)
    error = np.trace(change @ reader.second_moments @ change.T) / reader.power
    # The prediction also counts the damping.
    assert error <= order.error[2] <= 1.2 * error + 1e-3


def test_norms_put_first_what_is_never_computed_or_never_read() -> None:
    model = network()
    for name, axis, place in (("c0", 0, 4), ("c2", 1, 6)):
        array = model.graph.initializers[name].const_value.numpy().copy()
        np.moveaxis(array, axis, 0)[place] = 0
        replace_initializer(model.graph, name, array)
    channels = find_channels(model)
    family = families(channels, channels.removable)[0]
    order = order_by_norms(model, channels, family)
    first = {int(units[0]) for units in order.steps[:2]}
    assert first == set(family[0].units[[4, 6]].tolist())
    assert order.error[1] == 0 < order.error[2]


def test_groups_that_one_weight_reads_are_one_family() -> None:
    net = Network(width={"x": 3})
    joined = net.concat(net.conv("x", 4), net.conv("x", 5))
    model = net.build(net.conv(joined, 3), ["N", 3, 7, 7], ["N", 3, 7, 7])
    channels, readers = known(model)
    (family,) = families(channels, channels.removable)
    order = order_by_outputs(channels, family, list(readers.values())[-1:])
    kept = kept_after(channels, [order], [len(order.steps)])
    assert [int(kept[group.units].sum()) for group in family] == [1, 1]


def test_a_group_whose_reader_has_unknown_inputs_is_left_with_the_reason() -> None:
    net = Network(width={"x": 3})
    x = net.conv("x", 6, 3)
    up = net.node("ConvTranspose", x, net.drawn(6, 5, 2, 2), net.drawn(5), strides=[2, 2])
    net.width[up] = 5
    model = net.build(net.conv(up, 16), ["N", 3, 7, 7], ["N", 16, 14, 14])
    channels, readers = known(model)
    groups = channels.removable
    orders, stuck = removal_orders(
        model, channels, groups, readers, calibrated=True, progress=no_report
    )
    assert len(orders) == 1
    assert stuck == {groups[0].name: "what 'c2' is multiplied with is out of reach"}


def test_errors_are_scaled_to_what_the_outputs_show() -> None:
    model = network()
    channels, readers = known(model)
    orders, _ = removal_orders(
        model, channels, channels.removable, readers, calibrated=True, progress=no_report
    )
    probe = Probe(model, readers, feeds())
    scaled = scaled_by_outputs(channels, orders, probe, share=0.3, compensate=True)
    for before, after in zip(orders, scaled, strict=True):
        ratio = after.error[after.error > 0] / before.error[before.error > 0]
        np.testing.assert_allclose(ratio, ratio[0])
    wanted = int(np.searchsorted(scaled[1].saved, 0.3 * scaled[1].saved[-1])) + 1
    kept = kept_after(channels, [scaled[1]], [wanted])
    measured = probe.distance(kept, compensate=True)
    assert scaled[1].error[wanted - 1] == pytest.approx(measured)


def test_nothing_removed_is_no_distance() -> None:
    model = network()
    channels, readers = known(model)
    kept = np.ones(len(channels.bytes), bool)
    assert Probe(model, readers, feeds()).distance(kept, compensate=True) == 0


def test_removals_are_measured_on_inputs_that_nothing_is_fitted_to_if_there_are_enough() -> None:
    probes, fitted = parted(feeds(2 * PROBE_INPUTS))
    assert len(probes) == len(fitted) == PROBE_INPUTS
    assert not any(one is other for one in probes for other in fitted)
    few = feeds(PROBE_INPUTS + 1)
    assert parted(few) == (few[:PROBE_INPUTS], few)


def test_a_constant_part_goes_to_the_bias() -> None:
    model = network()
    channels, readers = known(model)
    reader = readers["c2"]
    kept = np.ones(len(channels.bytes), bool)
    kept[reader.columns[0]] = False
    changed = reader.without(kept, compensate=True)
    assert set(changed) == {"c2", "c3"}
    means = [
        rows.reshape(len(rows), -1).astype(np.float64) @ reader.moments.mean[0] + bias
        for rows, bias in ((reader.weight, reader.bias), (changed["c2"], changed["c3"]))
    ]
    np.testing.assert_allclose(means[0], means[1], atol=1e-4)
    plain = reader.without(kept, compensate=False)
    assert set(plain) == {"c2"}
    assert smaller_weights(readers, np.ones_like(kept), compensate=True) == {}
