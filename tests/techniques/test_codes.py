import numpy as np
import pytest
from pydantic import ValidationError

from zoo_compress.core import Option, Site
from zoo_compress.numerics.uniform import decode_uniform, quantize_uniform
from zoo_compress.techniques.codes import Codes


def site(shape=(640, 48), *, dtype="float32", channel_axis=1) -> Site:
    return Site(name="w", shape=shape, dtype=dtype, channel_axis=channel_axis, readers=())


def weight(shape=(640, 48), dtype=np.float32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def option(**settings) -> Option:
    return Option(technique="codes", settings=settings, stored_bytes=0)


def test_by_default_every_width_is_offered_per_channel_mild_to_aggressive():
    found = [dict(option.settings) for option in Codes({}).options(site())]
    assert found == [{"bits": bits, "granularity": "channel"} for bits in range(8, 1, -1)]


def test_the_recipe_chooses_widths_and_granularity():
    settings = {"bits": [4, 2], "granularity": ["group"], "group_size": [16, 32]}
    options = Codes(settings).options(site())
    assert [(o.settings["bits"], o.settings["group_size"]) for o in options] == [
        (4, 16),
        (4, 32),
        (2, 16),
        (2, 32),
    ]
    assert options[0].label == "codes bits=4 granularity=group group_size=16"


def test_groups_that_do_not_fit_a_weight_are_not_offered():
    assert Codes({"granularity": ["group"], "group_size": [47]}).options(site()) == []


def test_more_bits_and_smaller_groups_cost_more_bytes():
    offered = Codes({"granularity": ["group"], "group_size": [16, 32]}).options(site())
    sizes = {(o.settings["bits"], o.settings["group_size"]): o.stored_bytes for o in offered}
    assert all(sizes[bits, 16] > sizes[bits, 32] for bits in range(2, 9))
    assert all(sizes[bits, 16] > sizes[bits - 1, 16] for bits in range(3, 9))


def test_options_of_small_weights_are_in_the_order_of_their_bytes_too():
    offered = Codes({}).options(site((64, 48)))
    assert [option.settings["bits"] for option in offered] == [7, 8, 6, 5, 4, 3, 2]
    sizes = [option.stored_bytes for option in offered]
    assert sizes == sorted(sizes, reverse=True)


def test_a_weight_too_small_to_gain_is_declined_with_its_size():
    small = site((8, 8))
    assert Codes({}).options(small) == []
    reason = Codes({}).decline(small)
    assert reason == "256 bytes: packed codes and their decode nodes take no less"
    assert Codes({}).decline(site()) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": [9]}, r"bits.0\n  Input should be 2, 3, 4, 5, 6, 7 or 8"),
        ({"bits": [1]}, r"bits.0\n  Input should be 2, 3, 4, 5, 6, 7 or 8"),
        ({"bits": []}, r"bits\n  Tuple should have at least 1 item"),
        ({"granularity": ["row"]}, r"granularity.0\n  Input should be 'channel' or 'group'"),
        ({"group_size": [0]}, r"group_size.0\n  Input should be greater than or equal to 2"),
        ({"bit": [4]}, r"bit\n  Extra inputs are not permitted"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValidationError, match=message):
        Codes(settings)


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize(("axis", "shared"), [(0, (1,)), (1, (0,))])
def test_channels_are_rounded_on_their_own(bits, axis, shared):
    weights = weight()
    settings = option(bits=bits, granularity="channel")
    encoded = Codes({}).encode(weights, site(channel_axis=axis), settings)
    expected = decode_uniform(quantize_uniform(weights, bits=bits, axes=shared))
    np.testing.assert_array_equal(encoded.dense, expected)


def test_groups_follow_each_other_within_a_channel():
    weights = weight()
    encoded = Codes({}).encode(weights, site(), option(bits=3, granularity="group", group_size=16))
    expected = np.empty_like(weights)
    steps = quantize_uniform(weights.reshape(40, 16, 48), bits=3, axes=(1,))
    expected[:] = decode_uniform(steps).reshape(640, 48)
    np.testing.assert_array_equal(encoded.dense, expected)
    assert encoded.tensors["d"].shape == (40, 1, 48)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_dense_weights_have_the_type_of_the_original(dtype):
    weights = weight(dtype=dtype)
    encoded = Codes({}).encode(weights, site(dtype=dtype), option(bits=4, granularity="channel"))
    assert (encoded.dense.dtype, encoded.dense.shape) == (weights.dtype, weights.shape)


def test_the_same_weight_gives_the_same_bytes():
    for settings in (option(bits=3, granularity="channel"), option(bits=8, granularity="channel")):
        one, two = (
            Codes({}).encode(weights, site(), settings)
            for weights in (weight(), weight().copy("F"))
        )
        assert one.dense.tobytes() == two.dense.tobytes()
        assert one.tensors.keys() == two.tensors.keys()
        for role, tensor in one.tensors.items():
            assert tensor.tobytes() == two.tensors[role].tobytes()


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="site 'w' has no groups of 47 weights"):
        Codes({}).encode(weight(), site(), option(bits=3, granularity="group", group_size=47))


def test_weights_that_are_not_finite_are_refused():
    weights = weight()
    weights[3, 5] = np.nan
    with pytest.raises(ValueError, match="weights must be finite"):
        Codes({}).encode(weights, site(), option(bits=3, granularity="channel"))
