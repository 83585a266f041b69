"""Plan files: with the original model, all that is needed to write the compressed one again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoo_compress.core import BiasStorage, Option, Plan, Repair
from zoo_compress.errors import PlanError


class ChoiceRecord(BaseModel):
    """What a plan file says of one weight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    technique: str
    settings: dict[str, Any]
    stored_bytes: int = Field(ge=0)


class CalibrationRecord(BaseModel):
    """What the weights were repaired with.

    Attributes:
        repair: The repairs.
        data: The data as the user named them; None for the model's own inputs.
        search_inputs: How many of them the search asked for.
        calibration_inputs: How many others the repair asked for.
        seed: Seed of every draw.
        inputs_sha256: Digest of the inputs that were used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repair: tuple[Repair, ...]
    data: str | None
    search_inputs: int
    calibration_inputs: int
    seed: int
    inputs_sha256: str

    @property
    def corrects_biases(self) -> bool:
        """Whether biases took back what rounding did to the mean outputs."""
        return "bias-correction" in self.repair


class RemovedGroup(BaseModel):
    """What a plan file says of channels, or heads, that were removed together.

    Attributes:
        name: The first weight that computes them.
        kind: `channels` or `heads`.
        units: How many there were.
        kept: Which of them stay, as ranges: `0-11,13`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Literal["channels", "heads"]
    units: int = Field(ge=1)
    kept: str = Field(pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$")

    @property
    def places(self) -> list[int]:
        """The places of those that stay, among all."""
        runs = [run.partition("-") for run in self.kept.split(",")]
        return [place for a, _, b in runs for place in range(int(a), int(b or a) + 1)]


class RemovalRecord(BaseModel):
    """What was removed from the graph before its weights were compressed.

    Attributes:
        groups: Groups that lost something; all others are whole.
        compensated: Whether other weights were fitted to make up for it, with the inputs of the
            calibration.
        prunable: How many units of each kind could have been removed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: tuple[RemovedGroup, ...]
    compensated: bool
    prunable: dict[str, int]

    def removed(self, kind: str) -> int:
        """Return how many units of a kind are gone."""
        groups = [group for group in self.groups if group.kind == kind]
        return sum(group.units - len(group.places) for group in groups)


class PlanFile(BaseModel):
    """A plan and the model that it was made for.

    Attributes:
        format: Version of this file format.
        source: The model as the user named it.
        revision: Commit sha or package version, if known.
        model_sha256: Digest of the original model, external data included.
        simplified: Whether the graph is simplified before the weights are replaced.
        raised_to: The operator set that it is then raised to; None for its own.
        removal: What is then removed from the graph; None for nothing.
        equalised: Whether channels are scaled before the weights are replaced.
        choices: Weight -> how it is stored. Other weights stay as they are.
        calibration: What the weights were repaired with; None if that was nothing.
        biases: How the biases of these weights are stored.
        versions: What the plan was made with; the same versions give the same bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    source: str
    revision: str | None = None
    model_sha256: str
    simplified: bool
    raised_to: int | None = Field(default=None, ge=1)
    removal: RemovalRecord | None = None
    equalised: bool = False
    choices: dict[str, ChoiceRecord]
    calibration: CalibrationRecord | None = None
    biases: BiasStorage = "original"
    versions: dict[str, str]

    @property
    def plan(self) -> Plan:
        """The plan itself."""
        return plan_from_record({name: c.model_dump() for name, c in self.choices.items()})

    def to_json(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=2) + "\n"


def ranges(places: Sequence[int]) -> str:
    """Return increasing numbers as ranges: `0-11,13`."""
    runs = list[list[int]]()
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1][-1] = place
        else:
            runs.append([place, place])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def read_plan(path: Path) -> PlanFile:
    """Read a plan file.

    Raises:
        PlanError: If it is missing, is not JSON, or does not validate.
    """
    try:
        return PlanFile.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"plan '{path}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"plan '{path}' is not text: {error.reason}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the file"
        # The whole file, or the whole object with a key too few, would be no help.
        shown = fault["type"] not in ("json_invalid", "missing")
        found = f" (found {fault['input']!r})" if shown else ""
        raise PlanError(f"plan '{path}': {where}: {fault['msg']}{found}") from error


def plan_record(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return {
        name: {
            "technique": option.technique,
            "settings": dict(option.settings),
            "stored_bytes": option.stored_bytes,
        }
        for name, option in plan.choices.items()
    }


def plan_key(plan: Plan) -> str:
    """Return a text that plans with the same choices have in common, and no others."""
    return json.dumps(plan_record(plan), sort_keys=True)


def plan_from_record(record: Mapping[str, Mapping[str, Any]]) -> Plan:
    """Return the plan that `plan_record` described."""
    return Plan(choices={name: Option(**choice) for name, choice in record.items()})


def plan_from_text(text: str) -> Plan:
    """Return the plan in a JSON text of `plan_record`."""
    return plan_from_record(json.loads(text))
