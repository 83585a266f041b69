"""What `certify` is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_compress.core import Certificate, Task
from zoo_compress.pipeline.limits import Limit, require_limits


@dataclass(frozen=True, kw_only=True)
class CertifySettings:
    """What the user asked to certify.

    Attributes:
        original: The original model: a sample, a path or a Hub id.
        compressed: The model to hold against it, in the same forms.
        data: Inputs to compare on; None for the sample's own, else synthetic ones.
        max_disagreement: Largest share of inputs, in (0, 1), on which the top answers may differ.
        max_distance: Largest distance, above 0: the mean of a bounded one, else the 0.9 quantile;
            of squared L2 as a share of the variance of the original's outputs.
        confidence: Confidence of each certificate, in (0, 1).
        distance: Name of the distance; None for the one that suits the task.
        task: What the outputs mean, where the model's origin does not say.
        inputs: Most inputs to certify on; None for 1000, or 200 synthetic ones.
        seed: Seed of the draw of the inputs and of their order.
    """

    original: str
    compressed: str
    data: str | None = None
    max_disagreement: float | None = None
    max_distance: float | None = None
    confidence: float = 0.95
    distance: str | None = None
    task: Task | None = None
    inputs: int | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Certification:
    """All that can be said of a compressed model on the given inputs.

    Attributes:
        settings: What was asked.
        original_bytes: Size of the original, external data included.
        compressed_bytes: Size of the compressed model, external data included.
        identical: Whether both are the same, byte for byte.
        task: What the outputs mean.
        distance: Name of the distance.
        scale: What a relative distance is a share of.
        inputs: Number of inputs.
        scale_inputs: How many of them only set the scale of the distance; the statements about
            the distance leave these out.
        data: What the inputs are.
        synthetic: Whether they were drawn at random.
        scope: What the statements speak of.
        certificates: The statements, each of which holds by itself; the exact ones come first.
        limits: The limits that were asked for, with the bounds that were certified.
        notes: What the user should know.
    """

    settings: CertifySettings
    original_bytes: int
    compressed_bytes: int
    identical: bool
    task: Task
    distance: str
    scale: float
    inputs: int
    scale_inputs: int
    data: str
    synthetic: bool
    scope: str
    certificates: tuple[Certificate, ...]
    limits: tuple[Limit, ...]
    notes: tuple[str, ...] = ()

    def require_limits(self) -> None:
        """Check that every limit that was asked for is met.

        Raises:
            LimitError: If one is not; each such is named with its bound.
        """
        require_limits(self.limits)
