"""Samples from texts, through the tokenizer that belongs to the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.draw import describe_draw, draw
from zoo_compress.data.location import Location
from zoo_compress.data.text_feeds import fixed_length, require_text_inputs, text_feed
from zoo_compress.data.text_files import Text, read_texts
from zoo_compress.data.tokenizer import load_tokenizer
from zoo_compress.errors import InputError


def load_texts(
    path: Path,
    *,
    columns: tuple[str, ...] = (),
    artifact: Artifact,
    specs: Sequence[TensorSpec],
    count: int,
    seed: int,
) -> Inputs:
    """Load texts of a file, or of the `.txt` files of a folder.

    Args:
        path: The file or folder.
        columns: Columns of a table to read; empty to find them by their names.
        artifact: The model, with its tokenizer.
        specs: Its inputs.
        count: Most texts to return, drawn with `seed` where there are more.
        seed: Seed of the draw.

    Raises:
        InputError: If the model does not read texts, its tokenizer is missing or broken, or the
            data cannot be read or is empty.
    """
    require_text_inputs(specs)
    location = Location(path=path, columns=columns)
    kind = "folder" if path.is_dir() else "file"
    chosen, total = _draw_texts(lambda: read_texts(location), count=count, seed=seed)
    if not chosen:
        raise InputError(f"{kind} '{path}' holds no text: it is empty, or blank")
    noun = "pairs of texts" if len(chosen[0].parts) > 1 else "texts"
    what = f"{noun} from {kind} {path.resolve().name}"
    description = describe_draw(len(chosen), total, what=what, seed=seed)
    return encoded(chosen, artifact=artifact, specs=specs, description=description)


def encoded(
    texts: Sequence[Text], *, artifact: Artifact, specs: Sequence[TensorSpec], description: str
) -> Inputs:
    """Return texts as samples of a model.

    Nothing is padded, unless the length of the model's inputs is fixed. Texts that differ in
    white space at most share a group, and a text of which no token is left is left out.

    Args:
        texts: At least one.
        artifact: The model, with its tokenizer.
        specs: Its inputs.
        description: What the texts are.

    Raises:
        InputError: If the model does not read texts, or its tokenizer is missing or broken.
    """
    require_text_inputs(specs)
    reader, length = load_tokenizer(artifact), fixed_length(specs)
    encodings = reader.encode([text.parts for text in texts], length=length)
    pairs = [(t, e) for t, e in zip(texts, encodings, strict=True) if any(e.attention_mask)]
    groups: dict[tuple[str, ...], str] = {}
    most = min(reader.longest, length or reader.longest)
    return Inputs(
        feeds=[text_feed(e, specs, first_position=reader.first_position) for _, e in pairs],
        groups=[groups.setdefault(text.key, text.group) for text, _ in pairs],
        names=[text.name for text, _ in pairs],
        description=f"{description}, at most {most} tokens each",
    )


def _draw_texts(
    read: Callable[[], Iterator[Text]], *, count: int, seed: int
) -> tuple[list[Text], int]:
    """Return at most `count` texts in their order, and how many there are.

    The data is read twice, since it may not fit in memory.
    """
    total = sum(1 for _ in read())
    chosen = set(draw(total, count=count, seed=seed))
    return [text for index, text in enumerate(read()) if index in chosen], total
