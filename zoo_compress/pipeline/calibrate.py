"""What the inputs of a run say of the model's weights, and how a plan records which they were."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from zoo_compress.core import Feed, Inputs, Progress, ProgressCallback, Repair, Site
from zoo_compress.data.split import Split, split_inputs
from zoo_compress.errors import PlanError
from zoo_compress.graph.ports import aliases
from zoo_compress.numerics.histogram import Histogram
from zoo_compress.numerics.one_thread import one_thread
from zoo_compress.pipeline.prepare import Prepared
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.plan import CalibrationRecord, RemovalRecord
from zoo_compress.recipe import Recipe
from zoo_compress.runtime.side_by_side import side_by_side
from zoo_compress.techniques.activations import tensor_histograms
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.moments import MOST_BYTES, input_moments, unaffordable
from zoo_compress.units import counted, readable_bytes


def calibrate(
    prepared: Prepared,
    feeds: Sequence[Feed],
    repair: Sequence[Repair],
    *,
    observing: bool,
    seed: int,
    progress: ProgressCallback,
) -> dict[str, Calibration]:
    """Run the original on inputs and return what that tells of its sites, by site.

    Empty, and nothing is run, if nothing is to be repaired or observed. Sites whose inputs are
    out of reach are left out.

    Args:
        prepared: The model.
        feeds: The calibration inputs.
        repair: What may be repaired.
        observing: Whether to count the numbers that sites take in and give out.
        seed: Decides which places of a convolution are looked at.
        progress: Told how far the work has come.
    """
    if not (repair or observing):
        return {}
    passes = 2 if observing else 1

    def report(done: int) -> None:
        progress(Progress(stage="calibrate", done=done, total=passes * len(feeds)))

    sites = prepared.found.sites
    moments = input_moments(prepared.model, sites, feeds, seed=seed, progress=report)
    histograms = dict[str, Histogram]()
    if observing:
        histograms = tensor_histograms(
            prepared.model, sites, feeds, progress=lambda done: report(len(feeds) + done)
        )
    found = {
        site.name: Calibration(
            site=site,
            moments=moments[site.name],
            repair=frozenset(repair),
            activations=_at_ports(site, histograms),
        )
        for site in sites
        if site.name in moments and (repair or _at_ports(site, histograms))
    }
    with one_thread():
        sizes = [known.site.row_length for known in found.values()]
        side_by_side(Calibration.prepare, [(known,) for known in found.values()], sizes=sizes)
    return found


def unrepaired_note(prepared: Prepared, repair: Sequence[Repair]) -> tuple[str, ...]:
    """Return a note if the inputs of weights take too much memory to be known, else nothing."""
    left_out = unaffordable(prepared.model, prepared.found.sites) if repair else []
    if not left_out:
        return ()
    return (
        f"not repaired, for lack of memory: {len(left_out)} of "
        f"{counted(len(prepared.found.sites), 'weight')}; what has to be known of the inputs of "
        f"all takes more than {readable_bytes(MOST_BYTES)}",
    )


def _at_ports(site: Site, histograms: Mapping[str, Histogram]) -> dict[str, Histogram]:
    tensors = (tensor for port in site.ports for tensor in aliases(port))
    return {tensor: histograms[tensor] for tensor in tensors if tensor in histograms}


def observes(techniques: Mapping[str, Technique]) -> bool:
    """Return whether one of the techniques needs a calibration to encode at all."""
    return any(technique.observes for technique in techniques.values())


def calibration_record(
    settings: RunSettings,
    recipe: Recipe,
    feeds: Sequence[Feed],
    *,
    observing: bool,
    removal: RemovalRecord | None,
) -> CalibrationRecord | None:
    """Return what `apply` needs to calibrate again; None if nothing is fitted to inputs."""
    if not (recipe.fitted or observing or (removal and removal.compensated)):
        return None
    return CalibrationRecord(
        repair=recipe.fitted,
        data=settings.data,
        search_inputs=recipe.search.search_inputs,
        calibration_inputs=recipe.fitting_inputs(observing=observing),
        seed=settings.seed,
        inputs_sha256=feeds_digest(feeds),
    )


def calibration_feeds(inputs: Inputs, split: Split) -> Sequence[Feed]:
    """Return the inputs to calibrate on; the search inputs if there are too few for both."""
    return inputs.subset(split.calibrate or split.search).feeds


def recorded_feeds(record: CalibrationRecord, inputs: Inputs) -> Sequence[Feed]:
    """Return the inputs that a plan was calibrated on.

    Raises:
        PlanError: If they are others now.
    """
    split = split_inputs(
        inputs,
        search=record.search_inputs,
        calibrate=record.calibration_inputs,
        seed=record.seed,
    )
    feeds = calibration_feeds(inputs, split)
    if feeds_digest(feeds) != record.inputs_sha256:
        raise PlanError(
            f"the plan was calibrated on other inputs than those of {inputs.description}; name "
            "the data of the run with --data"
        )
    return feeds


def feeds_digest(feeds: Sequence[Feed]) -> str:
    """Return the SHA-256 of samples, names included."""
    digest = hashlib.sha256()
    for feed in feeds:
        for name in sorted(feed):
            digest.update(name.encode())
            digest.update(feed[name].tobytes())
    return digest.hexdigest()
