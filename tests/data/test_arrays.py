import numpy as np
import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.data.arrays import load_npy, load_npz
from zoo_compress.errors import InputError

X = TensorSpec(name="x", shape=("batch", 3), dtype="float32")
IDS = TensorSpec(name="ids", shape=("batch", "sequence"), dtype="int64")


def npy(tmp_path, array, *specs, count=100, seed=0):
    np.save(tmp_path / "a.npy", array)
    return load_npy(tmp_path / "a.npy", specs=specs or [X], count=count, seed=seed)


def npz(tmp_path, *specs, count=100, seed=0, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return load_npz(tmp_path / "a.npz", specs=specs, count=count, seed=seed)


def test_each_row_becomes_one_sample_with_a_batch_axis(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    inputs = npy(tmp_path, array)
    assert [feed["x"].shape for feed in inputs.feeds] == [(1, 3)] * 4
    assert np.array_equal(inputs.feeds[2]["x"][0], array[2])
    assert inputs.names == ["a.npy[0]", "a.npy[1]", "a.npy[2]", "a.npy[3]"]
    assert inputs.groups == inputs.names
    assert inputs.description == "4 samples from file a.npy"


def test_fewer_samples_are_drawn_with_the_seed_and_the_description_says_so(tmp_path):
    array = np.repeat(np.arange(50, dtype=np.float32)[:, None], 3, axis=1)
    inputs = npy(tmp_path, array, count=5, seed=7)
    rows = [int(feed["x"][0, 0]) for feed in inputs.feeds]
    assert inputs.names == [f"a.npy[{row}]" for row in rows]
    assert inputs.description == "5 of 50 samples from file a.npy, drawn with seed 7"
    assert len(set(rows)) == 5


def test_one_array_for_several_inputs_points_to_npz(tmp_path):
    with pytest.raises(InputError, match=r"the model has 2 inputs \(x, ids\); give a \.npz file"):
        npy(tmp_path, np.zeros((2, 3), np.float32), X, IDS)


def test_archives_are_read_by_input_name(tmp_path):
    x, ids = np.ones((2, 3), np.float32), np.array([[1, 2], [3, 4]])
    inputs = npz(tmp_path, X, IDS, x=x, ids=ids)
    assert np.array_equal(inputs.feeds[1]["ids"], [[3, 4]])
    assert inputs.feeds[1]["x"].shape == (1, 3)


def test_missing_and_extra_names_are_listed(tmp_path):
    with pytest.raises(InputError, match=r"misses 'ids' and has 'idz', not an input of the model"):
        npz(tmp_path, X, IDS, x=np.zeros((2, 3), np.float32), idz=np.zeros((2, 3)))


def test_unequal_lengths_are_listed(tmp_path):
    with pytest.raises(InputError, match="different numbers of samples: x 2, ids 3"):
        npz(tmp_path, X, IDS, x=np.zeros((2, 3), np.float32), ids=np.zeros((3, 4), np.int64))


def test_inputs_without_a_batch_axis_have_the_samples_in_front(tmp_path):
    state = TensorSpec(name="state", shape=(2, None, 4), dtype="float32")
    rate = TensorSpec(name="sr", shape=(), dtype="int64")
    inputs = npz(
        tmp_path,
        X,
        state,
        rate,
        x=np.zeros((5, 3), np.float32),
        state=np.zeros((5, 2, 1, 4), np.float32),
        sr=np.full(5, 16000),
    )
    assert inputs.feeds[0]["state"].shape == (2, 1, 4)
    assert inputs.feeds[0]["sr"].shape == ()
    assert inputs.feeds[0]["sr"] == 16000


@pytest.mark.parametrize(
    ("array", "spec"),
    [
        (np.array([[1, 2]], np.int32), IDS),
        (np.array([[1, 2]], np.uint64), IDS),
        (np.array([[1.5, 2, 3]], np.float64), X),
        (np.array([[1.5, 2, 3]], np.float16), X),
        (np.array([[1.5, 2, 3]], ">f4"), X),
        (np.asfortranarray(np.ones((4, 3))), X),
    ],
)
def test_numbers_of_one_kind_are_converted_to_the_wanted_type(tmp_path, array, spec):
    inputs = npy(tmp_path, array, spec)
    found = inputs.feeds[0][spec.name]
    assert found.dtype == np.dtype(spec.dtype)
    assert np.array_equal(found, array[:1])


@pytest.mark.parametrize(
    ("array", "spec", "message"),
    [
        (np.zeros((2, 3)), IDS, "type float64, wanted int64"),
        (np.zeros((2, 3), np.uint8), X, "type uint8, wanted float32"),
        (np.zeros((2, 3), bool), IDS, "type bool, wanted int64"),
        (np.full((2, 3), 2**40), TensorSpec(name="n", shape=(None, 3), dtype="int32"), "int32"),
        (np.full((2, 3), -1), TensorSpec(name="n", shape=(None, 3), dtype="uint8"), "uint8"),
        (np.full((2, 3), 1e39), X, "values that float32 cannot hold"),
    ],
)
def test_a_conversion_that_could_change_values_is_refused(tmp_path, array, spec, message):
    with pytest.raises(InputError, match=message):
        npy(tmp_path, array, spec)


@pytest.mark.parametrize("shape", [(5, 4), (3,), (5, 3, 1), ()])
def test_a_wrong_shape_is_named_with_the_one_wanted(tmp_path, shape):
    with pytest.raises(InputError, match=r"the array has shape \(.*wanted \(samples, 3\)"):
        npy(tmp_path, np.zeros(shape, np.float32))


def test_an_empty_array_holds_no_samples(tmp_path):
    with pytest.raises(InputError, match="holds no samples"):
        npy(tmp_path, np.zeros((0, 3), np.float32))


def test_python_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy' is not a readable numpy file"):
        load_npy(tmp_path / "a.npy", specs=[X], count=1, seed=0)
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"a\.npz' is not a readable numpy file"):
        load_npz(tmp_path / "a.npz", specs=[X], count=1, seed=0)


@pytest.mark.parametrize("content", [b"", b"no numpy file", b"PK\x03\x04 no archive"])
def test_a_damaged_file_is_named(tmp_path, content):
    for name, read in (("a.npy", load_npy), ("a.npz", load_npz)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}' is not a readable numpy file"):
            read(tmp_path / name, specs=[X], count=1, seed=0)


def test_a_truncated_array_is_named(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((50, 3), np.float32))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:300])
    with pytest.raises(InputError, match=r"a\.npy' is not a readable numpy file"):
        load_npy(tmp_path / "a.npy", specs=[X], count=1, seed=0)


def test_an_array_named_as_an_archive_says_how_to_rename_it(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npy").read_bytes())
    with pytest.raises(InputError, match=r"rename it to end in \.npy"):
        load_npz(tmp_path / "b.npz", specs=[X], count=1, seed=0)
