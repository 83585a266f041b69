"""A model's own tokenizer: texts to token ids, cut and padded as its files say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo_compress.core import Artifact
from zoo_compress.data.companion_files import companion, companion_object
from zoo_compress.errors import InputError

FILE_NAME = "tokenizer.json"
INSTALL = "pip install 'zoo-compress[text]'"

LONGEST = 512
"""Tokens after which a text is cut off where the model takes more: attention costs their square,
and a run makes hundreds of passes."""

UNLIMITED = 10**9
"""`model_max_length` of a tokenizer that knows no limit is 10^30."""

POSITION_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length")
OFFSET_TYPES = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text")
"""Models whose positions start behind that of the padding token."""


@dataclass(frozen=True, kw_only=True)
class TextTokenizer:
    """A tokenizer with what the other files of the model say about it.

    Attributes:
        tokenizer: The `tokenizers.Tokenizer`.
        longest: Tokens that the model takes at most, as far as its files say.
        first_position: What `position_ids` count from.
        padding: Arguments of the library's `enable_padding`, but for the length.
        truncation_side: The side on which texts are cut off.
    """

    tokenizer: Any
    longest: int
    first_position: int
    padding: Mapping[str, Any]
    truncation_side: str

    def encode(self, texts: Sequence[tuple[str, ...]], *, length: int | None) -> list[Any]:
        """Return one encoding for each text or pair.

        Args:
            texts: One text or two each, all alike.
            length: What all are padded to, and cut at; None to pad nothing.

        Raises:
            InputError: If so many tokens leave no room for a text.
        """
        most = self.longest if length is None else min(length, self.longest)
        special = self.tokenizer.num_special_tokens_to_add(len(texts[0]) > 1)
        if most < special + len(texts[0]):
            raise InputError(
                f"the model takes {most} tokens at a time, of which {special} are special ones: "
                "there is no room for a text"
            )
        self.tokenizer.enable_truncation(max_length=most, direction=self.truncation_side)
        if length is None:
            self.tokenizer.no_padding()
        else:
            self.tokenizer.enable_padding(length=length, **self.padding)
        return list(self.tokenizer.encode_batch([t if len(t) > 1 else t[0] for t in texts]))


def load_tokenizer(artifact: Artifact) -> TextTokenizer:
    """Load the `tokenizer.json` that belongs to a model.

    The limit is the least of that of the file itself, `model_max_length` of
    `tokenizer_config.json`, the number of positions in `config.json`, and `LONGEST`.

    Raises:
        InputError: If the tokenizers library or the file is missing, or the file is broken.
    """
    path = companion(artifact, FILE_NAME)
    if path is None:
        raise InputError(
            f"texts need a {FILE_NAME} beside the model, which '{artifact.source}' does not have; "
            "transformers.AutoTokenizer writes one with save_pretrained"
        )
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InputError(f"texts need the tokenizers library; run: {INSTALL}") from error
    try:
        tokenizer = Tokenizer.from_str(path.read_bytes().decode("utf-8"))
    # The library raises nothing narrower for a file that is no tokenizer.
    except Exception as error:
        raise InputError(f"{FILE_NAME} is broken: {' '.join(str(error).split())}") from error
    return _described(artifact, tokenizer)


def _described(artifact: Artifact, tokenizer: Any) -> TextTokenizer:
    own = companion_object(artifact, "tokenizer_config.json")
    model = companion_object(artifact, "config.json")
    offset = _offset(model)
    cut, padded = tokenizer.truncation or {}, tokenizer.padding or {}
    positions = [model.get(key, 0) - offset for key in POSITION_KEYS if _whole(model.get(key))]
    limits = [cut.get("max_length"), own.get("model_max_length"), *positions]
    token = _token(own.get("pad_token")) or padded.get("pad_token")
    pad_id = None if token is None else tokenizer.token_to_id(token)
    if pad_id is None:
        pad_id = next((model[k] for k in ("pad_token_id", "eos_token_id") if _id(model.get(k))), 0)
    return TextTokenizer(
        tokenizer=tokenizer,
        longest=int(min([LONGEST, *(n for n in limits if _whole(n) and 0 < n < UNLIMITED)])),
        first_position=offset,
        padding={
            "direction": _side(own.get("padding_side") or padded.get("direction")),
            "pad_id": pad_id,
            "pad_type_id": padded.get("pad_type_id", 0),
            "pad_token": token or tokenizer.id_to_token(pad_id) or "",
        },
        truncation_side=_side(own.get("truncation_side") or cut.get("direction")),
    )


def _offset(model: Mapping[str, Any]) -> int:
    pad = model.get("pad_token_id")
    behind = model.get("model_type") in OFFSET_TYPES and _id(pad)
    return int(pad or 0) + 1 if behind else 0


def _whole(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _token(value: object) -> str | None:
    """Return a special token that is written as a text or as an object with its content."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _side(value: object) -> str:
    return "left" if str(value).lower() == "left" else "right"
