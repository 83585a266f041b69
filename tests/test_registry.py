import pytest

from zoo_compress.errors import PluginError
from zoo_compress.registry import load_plugin, plugin_names
from zoo_compress.techniques.codes import Codes

ENTRY_POINTS = """[zoo_compress.techniques]
noisy = noisy_plugin:Technique
nameless = quiet_plugin:Missing
absent = no_such_module_at_all:Technique
quiet = quiet_plugin:Technique

[zoo_compress.oddities]
only = quiet_plugin:Technique
"""


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Install a distribution with working and with broken plug-ins."""
    info = tmp_path / "foreign_plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "noisy_plugin.py").write_text("raise RuntimeError('no licence found')\n")
    (tmp_path / "quiet_plugin.py").write_text("class Technique:\n    name = 'quiet'\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_our_own_plug_ins_are_found_by_name():
    assert load_plugin("techniques", "codes") is Codes
    assert {"gp", "knapsack", "random", "swap"} <= set(plugin_names("strategies"))
    assert "codes" in plugin_names("techniques")


@pytest.mark.usefixtures("plugins")
def test_a_plug_in_of_another_distribution_is_found_beside_ours():
    assert load_plugin("techniques", "quiet").name == "quiet"
    assert plugin_names("techniques") == tuple(sorted(plugin_names("techniques")))
    assert {"codes", "quiet"} <= set(plugin_names("techniques"))


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("noisy", r"\(noisy_plugin:Technique\) does not load: no licence found"),
        ("absent", "does not load: No module named 'no_such_module_at_all'"),
        ("nameless", "does not load: module 'quiet_plugin' has no attribute 'Missing'"),
    ],
)
def test_a_plug_in_that_fails_on_import_is_named_with_the_reason(name, reason):
    with pytest.raises(PluginError, match=f"plug-in '{name}' .*{reason}") as raised:
        load_plugin("techniques", name)
    assert raised.value.__cause__ is not None


@pytest.mark.usefixtures("plugins")
def test_a_broken_plug_in_leaves_the_others_alone():
    assert {"noisy", "codes"} <= set(plugin_names("techniques"))
    assert load_plugin("techniques", "codes") is Codes


def test_an_unknown_plug_in_names_those_installed():
    message = r"no plug-in 'cods' among zoo_compress\.techniques: installed are .*codes"
    with pytest.raises(PluginError, match=message):
        load_plugin("techniques", "cods")


def test_a_kind_without_plug_ins_says_so():
    assert plugin_names("oddities") == ()
    with pytest.raises(PluginError, match="installed are none"):
        load_plugin("oddities", "only")
