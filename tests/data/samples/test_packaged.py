import pytest

from zoo_compress.data.samples.packaged import (
    import_module,
    is_installed,
    packaged_path,
    release,
    require_packages,
)
from zoo_compress.errors import SampleError

COMMAND = r"pip install 'zoo-compress\[samples\]'"


def test_missing_packages_are_listed_with_the_command_that_helps():
    with pytest.raises(SampleError) as caught:
        require_packages("toy", ("numpy", "no-such-package-a", "no-such-package-b"))
    assert str(caught.value) == (
        "sample 'toy' needs no-such-package-a, no-such-package-b; "
        "run: pip install 'zoo-compress[samples]'"
    )


def test_installed_packages_pass():
    require_packages("toy", ("numpy", "scikit-learn"))


def test_a_distribution_is_found_however_its_name_is_spelled():
    assert is_installed("scikit_learn")
    assert is_installed("scikit-learn")


def test_the_release_has_no_local_part():
    assert "+" not in release("torch")


def test_a_path_inside_a_package_is_found_without_importing_it():
    assert packaged_path("numpy", "__init__.py").is_file()


@pytest.mark.parametrize("parts", [("no_such_module",), ("numpy", "no_such_file")])
def test_a_missing_path_is_named_with_the_command_that_helps(parts):
    with pytest.raises(SampleError, match=f"'{'/'.join(parts)}' is not installed; run: {COMMAND}"):
        packaged_path(*parts)


def test_a_module_that_does_not_load_is_named_with_the_command_that_helps():
    with pytest.raises(SampleError, match=f"'no_such_module' does not load .* run: {COMMAND}"):
        import_module("no_such_module")
