from pathlib import Path

import pytest

from asc_nas.core.errors import AscNasError
from asc_nas.runtime import model_files
from asc_nas.runtime.model_files import DEFAULT_MODEL, find_card, installed_models, model_folders


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The three kinds of folders, empty: the current one's, the variable's, the package's."""
    here, own, packaged = (tmp_path / name for name in ("models", "own", "packaged"))
    for folder in (here, own, packaged):
        folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASC_NAS_MODELS", str(own))
    monkeypatch.setattr(model_files, "packaged_folder", lambda: packaged)
    return here, own, packaged


def put(folder, *names):
    for name in names:
        (folder / f"{name}.onnx").touch()
        (folder / f"{name}.json").touch()


@pytest.mark.parametrize("place", range(3))
def test_a_name_is_found_in_every_kind_of_folder(folders, place):
    put(folders[place], "street")
    assert find_card("street").resolve() == folders[place] / "street.json"


def test_the_nearer_folder_wins_and_the_other_is_listed_as_hidden(folders):
    here, own, packaged = folders
    put(here, "street")
    put(own, "street", "park")
    put(packaged, "park")
    assert find_card("street").resolve() == here / "street.json"
    assert find_card("park") == own / "park.json"
    listed = [(m.name, m.card_path.parent.name, m.hidden) for m in installed_models()]
    assert listed == [
        ("street", "models", False),
        ("park", "own", False),
        ("street", "own", True),
        ("park", "packaged", True),
    ]


def test_the_variable_may_name_several_folders(folders, tmp_path, monkeypatch):
    put(folders[1], "a")
    (tmp_path / "more").mkdir()
    put(tmp_path / "more", "b")
    monkeypatch.setenv("ASC_NAS_MODELS", f"{folders[1]}:{tmp_path / 'more'}")
    assert [model.name for model in installed_models()] == ["a", "b"]


def test_a_folder_that_is_named_twice_is_listed_once(folders, monkeypatch):
    put(folders[0], "a")
    monkeypatch.setenv("ASC_NAS_MODELS", str(folders[0]))
    assert len(installed_models()) == 1


def test_without_a_name_the_only_model_of_the_first_folder_that_holds_any_is_taken(folders):
    for folder, name in zip(reversed(folders), ("street", "park", "mine"), strict=True):
        put(folder, name)
        assert find_card("models").resolve() == folder / f"{name}.json"


@pytest.mark.parametrize("place", range(3))
def test_without_a_name_and_with_several_models_the_one_of_the_default_name_is_taken(
    folders, place
):
    put(folders[place], "a", DEFAULT_MODEL, f"{DEFAULT_MODEL}-tiny")
    assert find_card("models").resolve() == folders[place] / f"{DEFAULT_MODEL}.json"


def test_without_a_name_several_models_are_not_guessed_from(folders):
    put(folders[0], "mine", "street")
    put(folders[2], DEFAULT_MODEL)
    with pytest.raises(AscNasError, match="several models, name one: mine, street"):
        find_card("models")


def test_a_misspelt_name_gets_the_closest_of_all_folders(folders):
    put(folders[0], "park")
    put(folders[2], "street")
    with pytest.raises(AscNasError, match=r"Did you mean 'street'\? In models/: park\. In .*: str"):
        find_card("stret")


def test_the_packaged_folder_of_a_checkout_is_its_models_folder():
    assert model_folders()[-1] == Path(__file__).parents[2] / "models"
