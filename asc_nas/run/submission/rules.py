"""What DCASE Task 1 asks for in each year, and the label of a submission."""

import re
from dataclasses import dataclass

from asc_nas.core.errors import UsageError

DATASET = "tau-urban-2022-mobile"
"""The development set of both years, as its manifest is called."""
MOST_SUBMISSIONS = 4
"""Systems that a team may hand in."""


@dataclass(frozen=True)
class Rules:
    """The rules of one year.

    Attributes
    ----------
    year : int
    page : str
        Where they stand.
    splits : tuple of str
        Splits of the train list: a system is trained and handed in for each of them.
    max_macs : int
        Of a network for one clip of a second, as torchinfo counts them.
    max_param_bytes : int
        Of all parameters of a network in their numeric types.
    max_abbreviation : int
        Characters of the system's short name.
    devices : bool
        Whether the recording device is known where the system is tested, so that a system may have
        networks of its own for some devices. The limits are for each network.
    unasked : frozenset of str
        Keys of `About` that are of another year.
    """

    year: int
    page: str
    splits: tuple[str, ...]
    devices: bool
    unasked: frozenset[str]
    max_macs: int = 30_000_000
    max_param_bytes: int = 128_000
    max_abbreviation: int = 10

    def suffix(self, split: str) -> str:
        """Return what the names of a split's files end with; empty where there is one split."""
        return f"split_{split}" if len(self.splits) > 1 else ""


_PAGE = "https://dcase.community/challenge"
RULES = {
    rules.year: rules
    for rules in (
        Rules(
            2024,
            f"{_PAGE}2024/task-data-efficient-low-complexity-acoustic-scene-classification",
            splits=("5", "10", "25", "50", "100"),
            devices=False,
            unasked=frozenset({"inference_code"}),
        ),
        Rules(
            2025,
            f"{_PAGE}2025/task-low-complexity-acoustic-scene-classification-with-device-information",
            splits=("25",),
            devices=True,
            unasked=frozenset({"energy_consumption"}),
        ),
    )
}
"""The rules by year."""


def rules_of(year: int) -> Rules:
    """Return the rules of a year.

    Raises
    ------
    UsageError
        If they are not known.
    """
    if year not in RULES:
        raise UsageError(
            f"the rules of DCASE Task 1 of {year} are not known; known years: "
            f"{', '.join(map(str, RULES))}."
        )
    return RULES[year]


@dataclass(frozen=True)
class Label:
    """The label of a submission: ``Lastname_INSTITUTE_task1_1``.

    Attributes
    ----------
    package : str
        Without the number: the team's inference package is called so.
    number : int
        1 to `MOST_SUBMISSIONS`.
    """

    package: str
    number: int

    def __str__(self) -> str:
        """Return it as the organisers write it."""
        return f"{self.package}_{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Label":
        """Read a label.

        Raises
        ------
        UsageError
            If it is none.
        """
        found = re.fullmatch(r"([A-Za-z][A-Za-z0-9]*_[A-Za-z0-9]+_task1)_([1-4])", text)
        if found is None:
            raise UsageError(
                f"--label '{text}': write it as LASTNAME_INSTITUTE_task1_1, with letters and "
                f"digits only and a number from 1 to {MOST_SUBMISSIONS}: the inference package is "
                "called so."
            )
        return cls(found[1], int(found[2]))

    def following(self, count: int) -> list["Label"]:
        """Return this label and those of the next numbers, `count` in all.

        Raises
        ------
        UsageError
            If there are no so many numbers.
        """
        last = self.number + count - 1
        if last > MOST_SUBMISSIONS:
            raise UsageError(
                f"{count} networks from number {self.number} on need numbers up to {last}; a team "
                f"hands in {MOST_SUBMISSIONS} systems at most, so name fewer networks."
            )
        return [Label(self.package, self.number + place) for place in range(count)]
