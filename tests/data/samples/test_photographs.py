import numpy as np
import pytest
from PIL import Image

from zoo_compress.data.samples import photographs
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.data.samples.photographs import Photograph, random_crops

needs_packages = pytest.mark.skipif(
    not all(map(is_installed, photographs.PACKAGES)),
    reason=f"needs {', '.join(photographs.PACKAGES)}, of the samples extra",
)


@needs_packages
def test_the_packages_carry_27_photographs_of_which_20_are_labelled():
    found = photographs.packaged_photographs()
    assert len({photograph.name for photograph in found}) == 27
    assert sum(photograph.label is not None for photograph in found) == 20
    assert all(photograph.open().mode == "RGB" for photograph in found)


def gradient(tmp_path):
    """Red is the column's share of the width, green the row's of the height."""
    pixels = np.zeros((90, 160, 3), np.uint8)
    pixels[:, :, 0] = np.linspace(0, 255, 160)
    pixels[:, :, 1] = np.linspace(0, 255, 90)[:, None]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return Photograph(name="toy/a.png", path=tmp_path / "a.png")


def crops(photograph, seed=0, each=200):
    return list(
        random_crops([photograph], each=each, side=16, resample=Image.Resampling.BOX, seed=seed)
    )


def test_crops_are_named_after_their_photograph(tmp_path):
    found = crops(gradient(tmp_path), each=2)
    assert [crop.name for crop in found] == ["toy/a.png#00", "toy/a.png#01"]
    assert {crop.photograph for crop in found} == {"toy/a.png"}
    assert {crop.image.size for crop in found} == {(16, 16)}


def test_the_same_seed_crops_alike(tmp_path):
    photograph = gradient(tmp_path)
    first, second, other = (crops(photograph, seed=seed, each=1)[0].image for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_crops_show_a_quarter_or_more_and_half_are_mirrored(tmp_path):
    shares, mirrored = [], 0
    for crop in crops(gradient(tmp_path)):
        red, green = np.asarray(crop.image, dtype=float)[:, :, :2].transpose(2, 0, 1) / 255
        width, height = red[0, -1] - red[0, 0], green[-1, 0] - green[0, 0]
        mirrored += width < 0
        # The outermost of 16 columns are centred half a column inside the crop.
        shares.append(abs(width) * height * (16 / 15) ** 2)
    assert 0.15 < min(shares) < 0.35
    # The widest aspect ratio, 4:3, shows at most 87 % of this 16:9 image.
    assert 0.75 < max(shares) < 0.9
    assert 70 <= mirrored <= 130
