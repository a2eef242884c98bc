from collections import defaultdict
from pathlib import Path

import pytest
import trees
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.data.manifest import Clip, Manifest
from data_prep.datasets import read_dataset
from data_prep.splits import SplitConfig, assign_roles


def manifest_of(rows):
    """Rows of (label, group, fold), one clip each."""
    clips = tuple(
        Clip(f"{n}.wav", label, group=group, fold=fold)
        for n, (label, group, fold) in enumerate(rows)
    )
    return Manifest("test", Path(), tuple(sorted({clip.label for clip in clips})), clips)


def balanced(groups_per_class=20, clips_per_group=2, classes="abc"):
    return manifest_of(
        (label, f"{label}{group}", str(1 + group % 4))
        for label in classes
        for group in range(groups_per_class)
        for _ in range(clips_per_group)
    )


def labels_with(manifest, role):
    return {clip.label for clip in manifest.with_role(role)}


rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 29)), min_size=20, max_size=80)


@settings(max_examples=60)
@given(rows, st.booleans(), st.integers(0, 3))
def test_no_group_in_two_roles_and_every_class_in_train_and_search_val(rows, by_fold, seed):
    manifest = manifest_of((label, str(group), "12"[group % 2]) for label, group in rows)
    config = SplitConfig(test_folds=("1",)) if by_fold else SplitConfig()
    try:
        split = assign_roles(manifest, config, seed)
    except AscNasError:
        assume(False)  # too few groups; were it so of nearly all rows, the test would fail
    roles = defaultdict(set)
    for clip in split.clips:
        roles[clip.group].add(clip.role)
    assert all(len(of_group) == 1 for of_group in roles.values())
    assert labels_with(split, "train") == labels_with(split, "search_val") == set(manifest.labels)
    assert {clip.role for clip in split.clips} == {"train", "search_val", "test"}
    if by_fold:
        assert all((clip.role == "test") == (clip.fold == "1") for clip in split.clips)


def test_shares_are_those_asked_for():
    manifest = balanced()
    split = assign_roles(manifest, SplitConfig(), seed=0)
    counts = {role: len(split.with_role(role)) for role in ("train", "search_val", "test")}
    assert counts == {"train": 72, "search_val": 18, "test": 30}
    for role in counts:
        of_class = [sum(c.label == x for c in split.with_role(role)) for x in "abc"]
        assert max(of_class) - min(of_class) <= 2


def test_same_seed_same_roles_and_another_seed_others():
    manifest = balanced()
    assert assign_roles(manifest, SplitConfig(), 1) == assign_roles(manifest, SplitConfig(), 1)
    assert assign_roles(manifest, SplitConfig(), 1) != assign_roles(manifest, SplitConfig(), 2)


def test_two_groups_of_each_class_are_enough_for_train_and_search_val():
    manifest = manifest_of(
        (label, f"{label}{fold}{g}", fold) for label in "abcdef" for fold in "12" for g in "xy"
    )
    split = assign_roles(manifest, SplitConfig(test_folds=("1",)), 0)
    assert len(split.with_role("train")) == len(split.with_role("search_val")) == 6


def test_fold_numbers_are_taken_as_names():
    config = SplitConfig.parse({"test_folds": [1, "2"]}, "data")
    assert config.test_folds == ("1", "2")
    split = assign_roles(balanced(), config, 0)
    assert {clip.fold for clip in split.with_role("test")} == {"1", "2"}


def test_an_unknown_fold_lists_the_folds():
    with pytest.raises(UsageError, match=r"no fold '9'.* Folds: 1, 2, 3, 4"):
        assign_roles(balanced(), SplitConfig(test_folds=("9",)), 0)


def test_a_group_inside_and_outside_the_test_folds_is_named():
    manifest = balanced()
    manifest = manifest.with_clips([*manifest.clips, Clip("x.wav", "a", fold="2", group="a0")])
    with pytest.raises(AscNasError, match=r"the group 'a0' is in the test fold '1'.*x\.wav"):
        assign_roles(manifest, SplitConfig(test_folds=("1",)), 0)


def test_a_class_with_one_clip_is_named():
    manifest = balanced()
    clips = [clip for clip in manifest.clips if clip.label != "b"] + [Clip("x.wav", "b")]
    with pytest.raises(AscNasError, match="the class 'b' has 1 clip; record more"):
        assign_roles(manifest.with_clips(clips), SplitConfig(), 0)


def test_a_class_with_one_group_left_for_training_is_named():
    rows = [(x, f"{x}{f}{g}", f) for x in "ab" for f in "12" for g in "xyz"]
    rows = [row for row in rows if row[:2] not in {("b", "b2y"), ("b", "b2z")}] + [
        ("b", "b2x", "2")
    ]
    with pytest.raises(AscNasError, match="the class 'b' has 1 group of recordings left"):
        assign_roles(manifest_of(rows), SplitConfig(test_folds=("1",)), 0)


def test_clips_without_a_group_are_groups_of_their_own():
    manifest = manifest_of((label, "", "") for label in "ab" for _ in range(20))
    split = assign_roles(manifest, SplitConfig(), 0)
    assert len(split.with_role("test")) == 10


def published(*extra):
    """Two classes with train and test lists, and clips in neither."""
    rows = [(x, f"{x}{g}", "test" if g < 2 else "train") for x in "ab" for g in range(8)]
    return manifest_of([*rows, *extra])


@pytest.mark.parametrize("config", [SplitConfig(), SplitConfig(test_folds=("test",))])
def test_the_published_test_list_is_the_test_set_and_clips_in_no_list_are_unused(config):
    manifest = published(("a", "a0", ""), ("a", "a5", ""), ("b", "", ""))
    split = assign_roles(manifest, config, 0)
    assert all((clip.role == "test") == (clip.fold == "test") for clip in split.clips)
    assert [clip.role for clip in split.clips[-3:]] == ["", "", ""]
    assert labels_with(split, "train") == labels_with(split, "search_val") == {"a", "b"}


def test_clips_in_no_fold_are_used_where_there_are_no_test_folds():
    manifest = manifest_of((x, f"{x}{g}", "1" if g < 4 else "") for x in "ab" for g in range(8))
    assert all(clip.role for clip in assign_roles(manifest, SplitConfig(), 0).clips)


def test_a_fold_called_test_beside_numbered_ones_is_an_ordinary_fold():
    manifest = manifest_of(
        (x, f"{x}{g}", ("test", "1", "2")[g % 3]) for x in "ab" for g in range(30)
    )
    split = assign_roles(manifest, SplitConfig(), 0)
    assert {clip.fold for clip in split.with_role("test")} - {"test"}


def test_a_set_with_nothing_but_test_clips_cannot_be_trained_on():
    manifest = manifest_of((x, f"{x}{g}", "test") for x in "ab" for g in range(4))
    with pytest.raises(
        AscNasError, match="every clip is in the test fold test, so nothing is left"
    ):
        assign_roles(manifest, SplitConfig(), 0)


def test_a_class_without_used_clips_is_named():
    with pytest.raises(AscNasError, match="the class 'c' has no clips"):
        assign_roles(published(("c", "c1", ""), ("c", "c2", "")), SplitConfig(), 0)


def test_the_nodes_of_a_task5_session_stay_together(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "write_audio", lambda *_: None)
    trees.task5(tmp_path)
    manifest = read_dataset("dcase2018_task5", tmp_path)
    for config in (SplitConfig(test_folds=("1",)), SplitConfig()):
        roles = defaultdict(set)
        for clip in assign_roles(manifest, config, 0).clips:
            roles[clip.group].add(clip.role)
        assert {len(of_session) for of_session in roles.values()} == {1}


def test_clips_without_groups_are_not_cut_group_by_group(monkeypatch):
    """That would take twenty times as long, of tens of thousands of clips."""
    monkeypatch.setattr("sklearn.model_selection.StratifiedGroupKFold", None)
    manifest = manifest_of((label, "", "") for label in "abcdefgh" for _ in range(40))
    split = assign_roles(manifest, SplitConfig(), 0)
    assert len(split.with_role("test")) == 80
