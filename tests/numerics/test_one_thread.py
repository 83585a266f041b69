import os
import subprocess
import sys

SCRIPT = """
from threadpoolctl import threadpool_info
from zoo_compress.numerics.one_thread import one_thread

with one_thread():
    import scipy.linalg.lapack

    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
print(len(found), {one["num_threads"] for one in found})
"""


def test_every_library_has_one_thread_whatever_was_imported_before():
    # Tests run with one thread; here the libraries shall begin with all cores.
    free = {name: value for name, value in os.environ.items() if "_NUM_THREADS" not in name}
    command = [sys.executable, "-c", SCRIPT]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=free).stdout
    count, threads = said.split(maxsplit=1)
    assert int(count) >= 2
    assert threads.strip() == "{1}"
