"""Read a repository's `preprocessor_config.json`: how its model wants images prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from PIL import Image
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from zoo_compress.data.companion_files import read_object
from zoo_compress.errors import InputError

FILE_NAME = "preprocessor_config.json"

CONVNEXT_CROP_SHARE = 224 / 256
"""`crop_pct` of a ConvNeXT processor whose file does not name one."""

CONVNEXT_WARP_EDGE = 384
"""From this edge on, a ConvNeXT processor squeezes the image to a square and does not crop."""

LEVIT_CROP_SHARE = 224 / 256
"""LeViT's processor resizes to that much more than the `size` that it writes."""

PLAIN_TYPES = ("MobileViT",)
"""Processors that write means and deviations which they never use."""

UNSUPPORTED = (
    "do_align_long_axis",
    "do_crop_margin",
    "do_image_splitting",
    "do_thumbnail",
    "keep_aspect_ratio",
)
"""Steps that would be left out in silence otherwise, so that the model saw something else."""

SQUARE_TYPES = ("DeiT", "Beit")
"""Processors that crop and nevertheless take an integer `size` for both sides."""


@dataclass(frozen=True)
class Side:
    """A size as one integer: both sides, or the shortest edge, depending on the processor."""

    length: int


@dataclass(frozen=True)
class Box:
    """A size as height and width."""

    height: int
    width: int


@dataclass(frozen=True)
class ShortestEdge:
    """A size as the length of the shorter side; the other keeps the image's proportions.

    With `longest` the shorter one is less where the other would be longer than that.
    """

    length: int
    longest: int | None = None


def _read_size(value: object) -> Side | Box | ShortestEdge:
    match value:
        case int(length) if length > 0 and not isinstance(value, bool):
            return Side(length)
        case {"height": int(height), "width": int(width)} if height > 0 and width > 0:
            return Box(height, width)
        case {"shortest_edge": int(length), **others} if length > 0 and not others:
            return ShortestEdge(length)
        case {"shortest_edge": int(length), "longest_edge": int(longest)} if 0 < length <= longest:
            return ShortestEdge(length, longest)
        case [int(height), int(width)] if height > 0 and width > 0:
            return Box(height, width)
    raise ValueError('give {"height": H, "width": W}, {"shortest_edge": E} or a positive integer')


def _read_crop(value: object) -> Box:
    match _read_size(value):
        case Side(length):
            return Box(length, length)
        case Box() as box:
            return box
    raise ValueError('give {"height": H, "width": W} or a positive integer')


def _for_each_channel(value: object) -> object:
    return [value] * 3 if isinstance(value, int | float) else value


Positive = Annotated[float, Field(gt=0)]
Means = Annotated[tuple[float, float, float], BeforeValidator(_for_each_channel)]
Deviations = Annotated[tuple[Positive, Positive, Positive], BeforeValidator(_for_each_channel)]


class PreprocessorConfig(BaseModel):
    """The keys that the image processors of transformers read, as far as they shape an image.

    `channel_order` is an extension of ours: `BGR` for models trained on images as OpenCV reads
    them; `do_flip_channel_order` means the same. Keys that are null or unknown are ignored, and
    `data_format` too: the model's input says where its channels are.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    do_resize: bool = True
    size: Annotated[Side | Box | ShortestEdge | None, BeforeValidator(_read_size)] = None
    resample: Annotated[int, Field(ge=0, le=5)] = Image.Resampling.BILINEAR
    do_center_crop: bool | None = None
    crop_size: Annotated[Box | None, BeforeValidator(_read_crop)] = None
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = None
    do_rescale: bool = True
    rescale_factor: Positive = 1 / 255
    rescale_offset: bool = False
    do_normalize: bool | None = None
    include_top: bool = False
    image_mean: Means | None = None
    image_std: Deviations | None = None
    data_format: Literal["channels_first", "channels_last"] = "channels_first"
    do_flip_channel_order: bool = False
    channel_order: Literal["RGB", "BGR"] = "RGB"
    default_to_square: bool | None = None
    image_processor_type: str = ""
    feature_extractor_type: str = ""

    @model_validator(mode="after")
    def _require_what_is_switched_on(self) -> Self:
        needed = {
            "size": self.do_resize and self.size is None,
            "image_mean": self.normalises and self.image_mean is None,
            "image_std": self.normalises and self.image_std is None,
            "crop_size": bool(self.do_center_crop) and self.crop is None,
        }
        for key, missing in needed.items():
            if missing:
                raise ValueError(f"'{key}' is missing")
        return self

    @property
    def normalises(self) -> bool:
        """Whether means and deviations are used: as `do_normalize` says, else if there are any."""
        if self.do_normalize is not None:
            return self.do_normalize
        given = self.image_mean is not None or self.image_std is not None
        return given and not self._is_type(*PLAIN_TYPES)

    @property
    def target(self) -> Box | ShortestEdge | None:
        """What to resize to, before `crop_pct`: an integer `size` is resolved here."""
        if not isinstance(self.size, Side):
            return self.size
        length = self.size.length
        square = self.default_to_square
        if square is None:
            square = not self.crops or self._is_type(*SQUARE_TYPES)
        return Box(length, length) if square else ShortestEdge(length)

    @property
    def share(self) -> float:
        """The share of the resized image's edge that the crop keeps (`crop_pct`), 1 if unset."""
        if self._is_type("Levit") and isinstance(self.size, Side | ShortestEdge):
            return LEVIT_CROP_SHARE
        default = CONVNEXT_CROP_SHARE if self._is_type("ConvNext") else 1.0
        return self.crop_pct or default

    @property
    def crops(self) -> bool:
        """Whether the centre is cut out: as `do_center_crop` says, else if `crop_pct` is set.

        A ConvNeXT processor cuts whatever `do_center_crop` says.
        """
        if self.do_center_crop is None or self._is_type("ConvNext"):
            return self.crop_pct is not None or self._is_type("ConvNext")
        return self.do_center_crop

    @property
    def crop(self) -> Box | None:
        """What to cut out of the centre: `crop_size`, else as much as `size` names."""
        match self.crop_size or self.size:
            case Side(length) | ShortestEdge(length):
                return Box(length, length)
            case box:
                return box

    @property
    def warps(self) -> bool:
        """Whether the image is squeezed to a square, as ConvNeXT processors do at 384 pixels."""
        length = getattr(self.size, "length", 0)
        return self._is_type("ConvNext") and length >= CONVNEXT_WARP_EDGE

    def _is_type(self, *prefixes: str) -> bool:
        return (self.image_processor_type or self.feature_extractor_type).startswith(prefixes)


def read_preprocessor_config(path: Path) -> PreprocessorConfig:
    """Read and validate a `preprocessor_config.json`.

    Raises:
        InputError: If it is not a JSON object, or a key's value is not allowed; both are named.
    """
    raw = read_object(path)
    known = {key: value for key, value in raw.items() if value is not None}
    for key in UNSUPPORTED:
        if known.get(key) is True:
            raise InputError(
                f"{path.name}: '{key}' is true, a step that is not supported; give the model's "
                "inputs in a .npz file"
            )
    try:
        return PreprocessorConfig.model_validate(known)
    except ValidationError as error:
        raise InputError(f"{path.name}: {_explain(error, known)}") from error


def _explain(error: ValidationError, raw: dict[str, Any]) -> str:
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    key = first["loc"][0]
    return f"'{key}' is {raw[str(key)]!r:.80}: {reason}"
