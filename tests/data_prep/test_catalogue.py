import re

import pytest

from asc_nas.core.errors import UsageError
from data_prep.datasets import READERS
from data_prep.datasets.catalogue import CONTENTS, packages, total_bytes


def test_the_catalogue_lists_complete_packages():
    for name in READERS:
        if not READERS[name].info.packages:
            continue
        listed = packages(READERS[name].info.packages)
        assert total_bytes(name) == sum(package.bytes for package in listed)
        assert len({package.filename for package in listed}) == len(listed)
        assert {package.content for package in listed} <= set(CONTENTS)
        for package in listed:
            assert package.url.endswith("/" + package.filename)
            assert re.fullmatch(r"[0-9a-f]{32}", package.md5)
            assert package.bytes > 0
    first = packages("tau_urban_2020_mobile")[0]
    assert (first.content, first.bytes) == ("documentation", 18_066)


def test_a_set_that_cannot_be_downloaded_names_the_closest():
    with pytest.raises(UsageError, match=r"cannot be downloaded\. Did you mean 'tut_urban_2018'\?"):
        packages("tau_urban_2018")
