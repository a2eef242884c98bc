"""Networks of a cross-validation are held against one another clip by clip."""

from types import SimpleNamespace

import pytest

from asc_nas.cli.output.network_tables import print_differences
from asc_nas.evaluation.intervals import mean_interval
from asc_nas.run import paired
from asc_nas.run.crossval_summary import Difference
from asc_nas.run.paired import FoldTraining, differences

CLIPS = {"1": ("a", "b", "c"), "2": ("d", "e")}
GROUPS = {"a": "street", "b": "street", "c": "park", "d": "park", "e": ""}


def training(network, fold, seed, known, there=True):
    """Give a training of a network that knows some of the clips of a fold."""
    clips = [SimpleNamespace(key=key, group=GROUPS[key]) for key in CLIPS[fold]]
    run = SimpleNamespace(manifest=SimpleNamespace(with_role=lambda role: clips))
    folder = SimpleNamespace(run=run, has=lambda: there, known={k: k in known for k in CLIPS[fold]})
    return FoldTraining(SimpleNamespace(network=network, fold=fold, seed=seed), folder)


@pytest.fixture(autouse=True)
def told_of_folder(monkeypatch):
    monkeypatch.setattr(paired, "_hits", lambda folder: folder.known)


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
    others = [training("hand", "1", 0, "a"), training("gone", "1", 0, "b", there=False)]
    others += [training("elsewhere", "2", 5, "d"), training("square", "2", 0, "de")]
    found = differences([*FIRST, *others])
    assert [(one.network, one.against) for one in found] == [("own", "hand"), ("own", "square")]
    assert differences(FIRST) == []
    assert differences([training("own", "1", 0, "a", there=False), *others]) == []


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
