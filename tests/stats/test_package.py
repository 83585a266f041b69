from __future__ import annotations

import doctest
import subprocess
import sys

from zoo_compress import stats


def test_the_example_of_the_package_runs():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(stats, optionflags=flags)
    assert found.attempted > 0
    assert found.failed == 0


def test_importing_the_library_loads_nothing_heavy():
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, zoo_compress.stats.certificates, zoo_compress.stats.distances\n"
            "import zoo_compress.stats.betting, zoo_compress.stats.fixed_sequence\n"
            "print(sorted({'scipy', 'sklearn', 'matplotlib', 'onnx'} & sys.modules.keys()))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
