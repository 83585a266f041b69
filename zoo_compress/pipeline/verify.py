"""`verify`: hold a model against its original and the limits of a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import BudgetError, LimitError
from zoo_compress.pipeline.bench import Bench, set_up
from zoo_compress.pipeline.certification import Certification, CertifySettings
from zoo_compress.pipeline.certify_pair import certify_bench
from zoo_compress.pipeline.latency import latency_record
from zoo_compress.pipeline.limits import Limit
from zoo_compress.pipeline.timing import TIMED_INPUTS, run_in_turns
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.budget import Budget


@dataclass(frozen=True, kw_only=True)
class VerifySettings:
    """What the user asked to verify.

    Attributes:
        certify: The two models, the inputs, and the limits that are certified.
        max_bytes: Largest size, as a budget of size: `5MB` or `0.25` of the original.
        max_latency_ratio: Largest median ratio of the model's time to the original's.
        seconds: Time for timing both.
        threads: Threads within an operator while timing; None for all cores.
    """

    certify: CertifySettings
    max_bytes: str | None = None
    max_latency_ratio: float | None = None
    seconds: float = 10.0
    threads: int | None = None

    @property
    def limits(self) -> bool:
        """Whether any limit is set."""
        return any(
            limit is not None
            for limit in (
                self.certify.max_disagreement,
                self.certify.max_distance,
                self.max_bytes,
                self.max_latency_ratio,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A limit of the deployment, and what was found.

    Attributes:
        name: The option that sets it, with its value.
        met: Whether it is met.
        found: What was found, as a sentence says it.
    """

    name: str
    met: bool
    found: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All limits, met or not.

    Attributes:
        settings: What was asked.
        requirements: The limits, in the order of the options.
        certification: What is certified of the model.
        latency: Its times beside the original's; None if no limit asks for them.
    """

    settings: VerifySettings
    requirements: tuple[Requirement, ...]
    certification: Certification
    latency: Latency | None

    @property
    def passed(self) -> bool:
        """Whether all limits are met."""
        return all(requirement.met for requirement in self.requirements)

    def record(self) -> dict[str, Any]:
        """Return the limits and the times as JSON values."""
        return {
            "passed": self.passed,
            "requirements": [asdict(requirement) for requirement in self.requirements],
            "latency": None if self.latency is None else latency_record(self.latency),
        }

    def require_limits(self) -> None:
        """Check that every limit is met.

        Raises:
            LimitError: If one is not; each such is named with what was found.
        """
        missed = [f"{r.name}: {r.found}" for r in self.requirements if not r.met]
        if missed:
            raise LimitError("; ".join(missed))


def verify(
    settings: VerifySettings, *, progress: ProgressCallback = ignore_progress
) -> Verification:
    """Compare a model with its original on the inputs, in bytes, and in time where asked.

    A limit that is not met is no error here; `Verification.require_limits` makes it one. All
    limits are looked at, whatever becomes of the first ones.

    Raises:
        BudgetError: If the limit on the size is malformed.
        ZooCompressError: As for `certify_pair`.
    """
    limit = None if settings.max_bytes is None else size_limit(settings.max_bytes)
    bench = set_up(settings.certify, progress)
    certification = certify_bench(bench, progress=progress)
    latency = None
    if settings.max_latency_ratio is not None:
        latency = _latency(settings, bench, progress)
    return Verification(
        settings=settings,
        requirements=tuple(_requirements(settings, limit, certification, latency)),
        certification=certification,
        latency=latency,
    )


def size_limit(text: str) -> Budget:
    """Read a limit on the size: `5MB`, `bytes=5MB`, or a share of the original's bytes.

    Raises:
        BudgetError: If it is none.
    """
    whole = text if "=" in text or not text.rstrip().endswith(("B", "b")) else f"bytes={text}"
    budget = Budget.parse(whole)
    if not budget.limits_size:
        raise BudgetError(f"--max-bytes '{text}': expected a size such as 5MB, or a share as 0.25")
    return budget


def _latency(settings: VerifySettings, bench: Bench, progress: ProgressCallback) -> Latency:
    """Time both models on the first of the inputs that they were compared on."""
    _, latency = run_in_turns(
        (bench.original, bench.compressed),
        bench.chosen.inputs.feeds[:TIMED_INPUTS],
        seconds=settings.seconds,
        threads=settings.threads,
        progress=progress,
    )
    return latency


def _requirements(
    settings: VerifySettings,
    size: Budget | None,
    certification: Certification,
    latency: Latency | None,
) -> Iterator[Requirement]:
    yield from map(_certified, certification.limits)
    if size is not None:
        yield _small(str(settings.max_bytes), size, certification)
    if latency is not None and settings.max_latency_ratio is not None:
        yield _quick(settings.max_latency_ratio, latency)


def _certified(limit: Limit) -> Requirement:
    return Requirement(
        name=f"{limit.option} {limit.limit:g}",
        met=limit.met,
        found=f"with {100 * limit.confidence:.4g} % confidence {limit.claim}",
    )


def _small(asked: str, size: Budget, certification: Certification) -> Requirement:
    stored, original = certification.compressed_bytes, certification.original_bytes
    # A number of bytes may be above the original's here: it is no budget, but a limit.
    allowed = int(size.value) if size.kind == "bytes" else size.limit_bytes(original)
    return Requirement(
        name=f"--max-bytes {asked}",
        met=stored <= allowed,
        found=f"{stored} bytes, {allowed} allowed; the original has {original}",
    )


def _quick(asked: float, latency: Latency) -> Requirement:
    lower, upper = latency.quartiles
    return Requirement(
        name=f"--max-latency-ratio {asked:g}",
        met=latency.ratio <= asked,
        found=(
            f"median ratio {latency.ratio:.3g}, middle half {lower:.3g} to {upper:.3g}, over "
            f"{latency.pairs} pairs: {latency.compressed_ms:.3g} ms instead of "
            f"{latency.original_ms:.3g} ms"
        ),
    )
