"""The nouns: what every layer of zoo-compress hands to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
AnyArray = npt.NDArray[Any]
Feed = Mapping[str, AnyArray]
"""One sample for the model: input name -> array, batch axis included (length 1)."""

Task = Literal["classification", "embedding", "other"]

Pooling = Literal["mean", "cls", "max", "last"]
"""How the vectors of a text's tokens become one: their mean, the first, the largest number of each
feature, or the last."""

Repair = Literal[
    "bias-correction", "error-feedback", "scale-refit", "factor-refit", "equalisation"
]
"""What makes up for rounding without labels or training: corrections of an encoding by the inputs
of its site, and `equalisation`, which needs no inputs and changes the model before."""


BiasStorage = Literal["original", "float16"]
"""How the file holds the biases of compressed weights; see `techniques.biases`."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A model on disk with its origin.

    Attributes:
        source: What the user typed.
        model_path: The `.onnx` file.
        data_files: External data files that `model_path` refers to.
        companions: Config, tokenizer and preprocessor files that belong to the model.
        repo_id: Hub repository, if it came from one.
        revision: Commit sha on the Hub, or the version of the package that carries a sample.
        licence: SPDX identifier, if known.
        task: What the outputs mean, if the origin says so.
        metadata: The front matter of the original's model card as JSON values; empty if none.
        file: Path of the model in its repository, if it came from one.
        gated: Whether the repository is given only to those who accept its terms.
        exported: How the file was made here, of weights in another format; empty if it was not.
        notes: What the user should know about how it was found or made.
        pooling: How the vectors of tokens become one of the text, if the origin says so.
    """

    source: str
    model_path: Path
    data_files: tuple[Path, ...] = ()
    companions: tuple[Path, ...] = ()
    repo_id: str | None = None
    revision: str | None = None
    licence: str | None = None
    task: Task | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None
    gated: bool = False
    exported: str = ""
    notes: tuple[str, ...] = ()
    pooling: Pooling | None = None

    @property
    def stored_bytes(self) -> int:
        """Bytes on disk of the model file and its external data."""
        return sum(path.stat().st_size for path in (self.model_path, *self.data_files))


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Unlabelled samples to compare two models on.

    Attributes:
        feeds: The samples, one `Feed` each.
        groups: One identifier per sample. Samples of one group (crops of one photograph,
            sentences of one article) never end up on both sides of the split.
        names: One identifier per sample, unique, for the record of the split.
        description: What the samples are, as a certificate should say it.
        synthetic: Whether the samples were drawn at random, not taken from real data.
        labels: Class indices, when the data carries them; used by benchmarks only.
    """

    feeds: Sequence[Feed]
    groups: Sequence[str]
    names: Sequence[str]
    description: str
    synthetic: bool = False
    labels: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.feeds)

    def subset(self, indices: Sequence[int]) -> Inputs:
        """Return the samples at `indices`, in that order."""
        return Inputs(
            feeds=[self.feeds[i] for i in indices],
            groups=[self.groups[i] for i in indices],
            names=[self.names[i] for i in indices],
            description=self.description,
            synthetic=self.synthetic,
            labels=None if self.labels is None else [self.labels[i] for i in indices],
        )


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """Name, shape and element type of a model input or output.

    Attributes:
        shape: Fixed lengths as integers, dynamic ones by their symbol or None.
        dtype: Numpy name of the element type, for example `float32`.
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A node that reads a weight.

    Attributes:
        node: Its name.
        op_type: Its operator.
        input_index: Which of its inputs the weight is.
        definition: The node as ONNX serializes it; empty where it lies in the body of an If, Loop
            or Scan, and for operators whose weights are no sites.
    """

    node: str
    op_type: str
    input_index: int
    definition: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Port:
    """The tensors that have to be 8-bit numbers for a reader of a weight to compute with such.

    Attributes:
        source: The tensor that holds what the weight is multiplied with. Between it and the reader
            there may be a MaxPool, which chooses some of its numbers.
        source_alias: A short name, unique in the model, for what is added around it.
        target: The tensor that holds the outputs, behind an activation function that a runtime
            fuses; None where products may stay floats.
        target_alias: The same for it; empty if there is none.
    """

    source: str
    source_alias: str
    target: str | None = None
    target_alias: str = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """In which of several passes over a graph a weight is decoded, see `graph.stages`.

    Attributes:
        number: The pass, from 0 on.
        count: How many there are.
        source: Name of an input of the graph, a tensor.
    """

    number: int
    count: int
    source: str


@dataclass(frozen=True, kw_only=True)
class Site:
    """One compressible weight tensor. Tied weights are one site with several readers.

    Attributes:
        name: Name of the tensor in the graph, unique.
        shape: Its shape.
        dtype: Numpy name of its element type.
        channel_axis: The axis of output channels (rows for Gather).
        readers: The nodes that read it.
        alias: A short name, unique in the model, for the tensors that techniques add.
        groups: Groups of channels of its convolution.
        bias: Name of the vector that is added to its outputs and to nothing else, if there is one.
        ports: What its readers take in and give out, one for each; empty where one of them is no
            Conv, Gemm or MatMul that could compute with 8-bit numbers, see `graph.ports`.
        opset: The model's version of the standard operators.
        model_bytes: Bytes of all tensors of the model; 0 where that is not known.
        stage: When it is decoded; None where nothing tells.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    channel_axis: int
    readers: tuple[Reader, ...]
    alias: str = "zoo.0"
    groups: int = 1
    bias: str | None = None
    ports: tuple[Port, ...] = ()
    opset: int = 18
    model_bytes: int = field(default=0, compare=False)
    stage: Stage | None = field(default=None, compare=False)

    @property
    def elements(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def row_length(self) -> int:
        """Number of weights of one output channel."""
        return self.elements // max(self.shape[self.channel_axis], 1)

    @property
    def element_bytes(self) -> int:
        """Bytes of one uncompressed weight."""
        return {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}[self.dtype]

    @property
    def stored_bytes(self) -> int:
        """Bytes of the uncompressed weights."""
        return self.elements * self.element_bytes


@dataclass(frozen=True, kw_only=True)
class Declined:
    """A weight that is left alone, and why."""

    name: str
    shape: tuple[int, ...]
    stored_bytes: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to store one site.

    Attributes:
        technique: Name of the technique plug-in.
        settings: What the technique needs to encode, JSON values only.
        stored_bytes: Bytes that the site then takes in the file, decode nodes included.
        shared: Constants that several sites use and the file holds once: name -> bytes.
    """

    technique: str
    settings: Mapping[str, Any]
    stored_bytes: int
    shared: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """A short name for tables, for example `codes bits=4 granularity=channel`."""
        return " ".join([self.technique, *(f"{k}={v}" for k, v in self.settings.items())])


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A weight in compressed form.

    Attributes:
        option: What was asked for.
        tensors: The arrays to store, by role.
        dense: The weights that ONNX Runtime rebuilds from `tensors`, bit for bit. Where the file
            computes with factors instead, their product.
        bias: What takes the place of the site's bias; None where it stays.
        rounding: What rounding the activations adds to the squared error of the outputs, as an
            estimated share of their power.
    """

    option: Option
    tensors: Mapping[str, AnyArray]
    dense: AnyArray
    bias: AnyArray | None = None
    rounding: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The candidate: which option each site gets. Sites that are absent stay as they are."""

    choices: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one evaluation of a plan found.

    Attributes:
        distance: Estimated distance between the outputs, by default the mean over inputs of the
            squared L2 distance.
        variance: Estimated variance of that estimate, for a mean s^2 / n.
        inputs: Number of inputs n.
        stored_bytes: Size of the whole compressed model.
        disagreement: Share of the inputs whose top answer changed; None for no classifier.
        latency_ms: Median time of one forward pass, when it was measured.
    """

    distance: float
    variance: float
    inputs: int
    stored_bytes: int
    disagreement: float | None = None
    latency_ms: float | None = None

    @property
    def standard_error(self) -> float:
        """Standard error of `distance`."""
        return math.sqrt(self.variance)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A plan and what was measured of it."""

    number: int
    plan: Plan
    measurement: Measurement


class Strategy(Protocol):
    """Proposes plans and learns from their measurements."""

    def ask(self) -> Plan | None:
        """Return the next plan to measure, or None when the strategy has nothing left."""
        ...

    def tell(self, trial: Trial) -> None:
        """Take in the measurement of a plan; also of plans that were not asked for."""
        ...


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A statement about the compressed model that holds with stated confidence.

    Attributes:
        kind: `top1-disagreement`, `disagreement-sequence`, `bounded-mean`, `distance-quantile`,
            `asymptotic-interval` or `lipschitz-risk`.
        bound: The upper bound.
        confidence: Probability, over the draw of the inputs, that the bound holds.
        n: Number of inputs; the scope says whether calibration or search saw any of them.
        observed: The value in the sample that the bound corrects for chance.
        scope: What the statement speaks of: inputs, reference, provider, versions.
        statement: The whole claim in one sentence.
    """

    kind: str
    bound: float
    confidence: float
    n: int
    observed: float
    scope: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a stage of a run has come.

    Attributes:
        stage: `pull`, `export`, `prepare`, `remove`, `calibrate`, `time`, `scan`, `search`,
            `write`, `gate`, `latency`, `certify`, `diagnose`, `draw`, `push`.
        done: Steps finished; bytes, for `pull`.
        total: Steps planned, None while unknown.
        detail: A short remark, for example the best distance so far.
    """

    stage: str
    done: int
    total: int | None = None
    detail: str = ""


ProgressCallback = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """Take a progress report and do nothing with it."""
