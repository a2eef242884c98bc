"""What is a URL, and what lies for it on this machine."""

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed (pip install 'asc-nas[remote]')")

from asc_nas.core.errors import UsageError
from asc_nas.remote.bucket import Bucket, is_url
from asc_nas.remote.mirror import Mirror, working_copy


@pytest.mark.parametrize("place", ["runs/a", "C:/runs", "C://runs", "s3:/b/a", "/abs", "a b://c"])
def test_what_is_no_url_is_a_path(place):
    assert not is_url(place)
    assert Mirror.of(place) is None


def test_urls_have_working_copies_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("ASC_NAS_WORK", str(tmp_path))
    places = {working_copy(url) for url in ("s3://b/runs/a", "s3://c/runs/a", "s3://b/runs/a/b")}
    assert len(places) == 3
    assert {place.parent for place in places} == {tmp_path}
    assert working_copy("s3://b/runs/a/") in places


@pytest.mark.parametrize(
    ("url", "message"),
    [("nonsense://b/c", "no such kind of URL, 'nonsense'"), ("gs://b/c", r"asc-nas\[remote\]'")],
)
def test_a_url_that_nothing_here_can_read_is_wrong_usage(url, message):
    with pytest.raises(UsageError, match=message):
        Bucket(url)
