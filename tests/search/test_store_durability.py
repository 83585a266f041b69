"""What the store keeps when the process that writes it ends without warning."""

from __future__ import annotations

import subprocess
import sys

from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.search.store import TrialStore

WRITER = """
import itertools, sys
from pathlib import Path
from zoo_compress.core import Measurement, Option, Plan, Trial
from zoo_compress.search.store import TrialStore
store = TrialStore(Path(sys.argv[1]))
choices = {
    f"layer{i}.weight": Option(technique="codes", settings={"bits": 4}, stored_bytes=i)
    for i in range(200)
}
for number in itertools.count():
    measurement = Measurement(
        distance=float(number), variance=1.0, inputs=4, stored_bytes=number
    )
    store.add(Trial(number=number, plan=Plan(choices=choices), measurement=measurement))
    print(number, flush=True)
    store.add_seconds({"propose": 1.0})
"""


def killed_while_writing(path, *, after: int) -> int:
    """Kill a writer some time after it has committed trial `after`; return the last it named."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True
    ) as writer:
        for line in writer.stdout:
            if int(line) == after:
                break
        writer.kill()
        rest = writer.stdout.read().split()
    assert writer.returncode == -9
    return int(rest[-1]) if rest else after


def test_every_committed_trial_survives_kill_9_and_the_store_goes_on(tmp_path):
    path = tmp_path / "trials.sqlite"
    named = killed_while_writing(path, after=20)
    store = TrialStore(path)
    found = store.trials()
    # A trial may have been committed and not yet named.
    assert len(found) - 1 in (named, named + 1)
    assert [trial.number for trial in found] == list(range(len(found)))
    for trial in found:
        assert trial.measurement.distance == trial.number
        assert len(trial.plan.choices) == 200
    assert store.seconds()["propose"] in (len(found), len(found) - 1)
    measurement = Measurement(distance=0.5, variance=0.0, inputs=4, stored_bytes=1)
    store.add(Trial(number=len(found), plan=Plan(), measurement=measurement))
    assert TrialStore(path).trials()[-1].measurement == measurement
