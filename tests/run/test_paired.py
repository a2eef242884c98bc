"""Networks of a cross-validation are held against one another clip by clip."""

from types import SimpleNamespace

import pytest

from asc_nas.cli.output.network_tables import print_differences
from asc_nas.evaluation.intervals import mean_interval
from asc_nas.run import paired
from asc_nas.run.crossval_summary import Difference
from asc_nas.run.paired import FoldTraining, differences, on_test

CLIPS = {"1": ("a", "b", "c"), "2": ("d", "e")}
GROUPS = {"a": "street", "b": "street", "c": "park", "d": "park", "e": ""}


def training(network, fold, seed, known, told=True, there=True):
    """Give a training of a network that knows some of the clips of a fold.

    Its result tells so if it is `told`; its weights, which can be asked, are `there` or not.
    """
    clips = [SimpleNamespace(key=key, group=GROUPS[key], label="yes") for key in CLIPS[fold]]
    manifest = SimpleNamespace(with_role=lambda role: clips, labels=("no", "yes"))
    run = SimpleNamespace(manifest=manifest, readable=lambda role: clips)
    decided = [int(key in known) for key in CLIPS[fold]]
    result = SimpleNamespace(seed=seed, decided=decided if told else None)
    known = dict(zip(CLIPS[fold], map(bool, decided), strict=True))
    folder = SimpleNamespace(run=run, has=lambda: there, result=lambda: result, known=known)
    return FoldTraining(SimpleNamespace(network=network, fold=fold, seed=seed), folder)


@pytest.fixture
def asked(monkeypatch):
    """Give the folders whose networks are asked."""
    folders = []
    monkeypatch.setattr(paired, "_asked", lambda folder: folders.append(folder) or folder.known)
    return folders


GONE = {"told": False, "there": False}
FIRST = [
    training("own", "1", 0, "abc"),
    training("own", "1", 1, "ab"),
    training("own", "2", 0, "d"),
]


def test_the_difference_is_the_mean_over_clips_of_the_mean_over_common_seeds():
    other = [
        *(training("hand", "1", 0, "a"), training("hand", "1", 1, "abc")),
        *(training("hand", "2", 0, "e"), training("hand", "2", 7, "de")),  # 7: the first has it not
    ]
    (found,) = differences([*FIRST, *other])
    by_clip = {"a": 0.0, "b": 0.5, "c": 0.0, "d": 1.0, "e": -1.0}
    assert found.accuracy == pytest.approx(sum(by_clip.values()) / 5)
    groups = [GROUPS[key] or key for key in by_clip]
    assert found.interval == mean_interval(list(by_clip.values()), groups)
    counted = (found.network, found.against, found.clips, found.groups, found.trainings)
    assert counted == ("own", "hand", 5, 3, 3)


def test_the_first_is_held_against_every_other_that_is_there():
    others = [training("hand", "1", 0, "a", there=False), training("gone", "1", 0, "b", **GONE)]
    others += [training("elsewhere", "2", 5, "d"), training("square", "2", 0, "de")]
    found = differences([*FIRST, *others])
    assert [(one.network, one.against) for one in found] == [("own", "hand"), ("own", "square")]
    assert differences(FIRST) == []
    assert differences([training("own", "1", 0, "a", **GONE), *others]) == []


def test_only_networks_whose_results_do_not_tell_are_asked(asked):
    told, untold = (training("hand", "1", 0, "a", told=told) for told in (True, False))
    assert differences([FIRST[0], told]) == differences([FIRST[0], untold])
    assert asked == [untold.folder]


def test_a_result_of_other_clips_than_the_run_has_tells_nothing(asked):
    other = training("hand", "1", 0, "ab")
    other.folder.result().decided.pop()
    (found,) = differences([FIRST[0], other])
    assert asked == [other.folder]
    assert found.accuracy == pytest.approx(1 / 3)


def test_networks_of_a_run_are_held_against_each_other_by_their_results():
    own, other = FIRST[0].folder, training("hand", "1", 0, "c").folder
    found = on_test(own.run, ("this", "hand"), own.result(), other.result())
    assert found == differences([training("this", "1", 0, "abc"), training("hand", "1", 0, "c")])[0]
    untold = training("hand", "1", 0, "c", told=False).folder.result()
    assert on_test(own.run, ("this", "hand"), own.result(), untold) is None
    assert on_test(own.run, ("this", "hand"), untold, own.result()) is None


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        ((0.01, 0.2), "own is better"),
        ((-0.2, -0.01), "hand is better"),
        ((-0.1, 0.1), "cannot be told apart"),
        (None, "cannot be told apart"),
    ],
)
def test_which_is_better_is_said_where_the_interval_tells(interval, told, capsys):
    found = Difference(
        network="own",
        against="hand",
        accuracy=0.05,
        interval=interval,
        clips=400,
        groups=300,
        trainings=4,
    )
    assert found.told == told
    print_differences([found])
    out = capsys.readouterr().out
    assert "400 test clips" in out
    row = out.splitlines()[-1].split()
    assert row[:4] == ["own", "-", "hand", "+5.0"]
    assert " ".join(row).endswith(told)
    if interval is not None:
        assert f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}" in out
