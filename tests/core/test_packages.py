from importlib import metadata

from asc_nas.core import packages


def test_requirements_belong_to_the_base_or_to_their_extra(monkeypatch):
    listed = [
        "numpy>=2.0",
        "none-such[fast]>=1; python_version < '4'",
        'scikit-learn>=1.6; extra == "search"',
        "sounddevice>=0.5 ; extra == 'listen'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: listed)
    monkeypatch.setattr(packages, "_version", lambda name: "1")
    assert list(packages.versions()) == ["numpy", "none-such"]
    assert list(packages.versions("search")) == ["scikit-learn"]
    assert list(packages.versions("listen")) == ["sounddevice"]
    monkeypatch.undo()
    assert packages.versions()["numpy"][0].isdigit()
    monkeypatch.setattr(metadata, "requires", lambda name: ["none-such>=1"])
    assert packages.versions() == {"none-such": packages.MISSING}
