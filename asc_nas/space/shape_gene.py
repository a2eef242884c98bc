"""Genes of a network's shape: what all blocks have in common, where it is searched too.

A network without such a gene takes the value of its skeleton or of the run's front end.
"""

import re
from dataclasses import dataclass

from asc_nas.core.errors import UsageError

SHAPE_KINDS = ("input", "stem", "stage", "down", "head", "sum")
"""What a gene of the shape decides, in the order in which genotypes are written."""

_EXAMPLES = {
    "input": "input:16000-2560-1280-64 (sample rate, window and hop in samples, mel bands)",
    "stem": "stem:16-64 (channels of each convolution)",
    "stage": "stage2:112 (channels of the second stage)",
    "down": "down:2t-3f (block 2 halves the frames, block 3 the bands; b halves both, 0 none)",
    "head": "head:128 (features before the linear layer; 0 goes to the classes at once)",
    "sum": "sum:relu or sum:linear (after a block's shortcut)",
}
_GENE = re.compile(
    r"(?:(?P<input>input):(?P<input_value>\d+-\d+-\d+-\d+)"
    r"|(?P<stem>stem):(?P<stem_value>\d+(?:-\d+)*)"
    r"|(?P<stage>stage)(?P<number>[1-9]\d*):(?P<stage_value>\d+)"
    r"|(?P<down>down):(?P<down_value>0|\d+[tfb](?:-\d+[tfb])*)"
    r"|(?P<head>head):(?P<head_value>\d+)"
    r"|(?P<sum>sum):(?P<sum_value>relu|linear))"
)
_STRIDES = {"t": (1, 2), "f": (2, 1), "b": (2, 2)}


@dataclass(frozen=True)
class ShapeGene:
    """One choice of a network's shape.

    Attributes
    ----------
    kind : one of `SHAPE_KINDS`
    value : str
        As it stands in the text form after the colon.
    stage : int
        Of kind "stage": which one, from 1; else 0.
    """

    kind: str
    value: str
    stage: int = 0

    def __post_init__(self) -> None:
        match = _GENE.fullmatch(str(self))
        if match is None or not match[self.kind]:
            raise UsageError(
                f"gene '{self}': write it as in {_EXAMPLES.get(self.kind, 'stem:16-64')}."
            )
        if self.kind in ("input", "stem", "stage") and 0 in self.numbers:
            raise UsageError(f"gene '{self}': its numbers are at least 1.")
        if self.kind == "down":
            blocks = [int(part[:-1]) for part in self.value.split("-") if part != "0"]
            if blocks != sorted(set(blocks)):
                raise UsageError(f"gene '{self}': name each block once, in order.")

    @classmethod
    def parse(cls, text: str) -> "ShapeGene":
        """Read ``stem:16-64``, ``stage2:112`` and the like."""
        match = re.fullmatch(r"([a-z]+)(\d*):(.*)", text)
        if match is None or match[1] not in SHAPE_KINDS:
            raise UsageError(
                f"gene '{text}': before a colon stands one of {', '.join(SHAPE_KINDS)}."
            )
        gene = cls(match[1], match[3], int(match[2] or 0))
        if str(gene) != text:
            raise UsageError(f"gene '{text}': write it as in {_EXAMPLES[match[1]]}.")
        return gene

    @classmethod
    def down(cls, strides: tuple[tuple[int, int], ...]) -> "ShapeGene":
        """Return the gene of a stride (frequency, time) per block, each 1 or 2."""
        letters = {stride: letter for letter, stride in _STRIDES.items()}
        parts = [f"{i}{letters[stride]}" for i, stride in enumerate(strides) if stride != (1, 1)]
        return cls("down", "-".join(parts) or "0")

    @property
    def place(self) -> tuple[int, int]:
        """What it decides: position in `SHAPE_KINDS`, and stage."""
        return SHAPE_KINDS.index(self.kind), self.stage

    @property
    def numbers(self) -> tuple[int, ...]:
        """The value's numbers, of kinds that are nothing but numbers."""
        return tuple(map(int, self.value.split("-")))

    def strides(self, blocks: int) -> tuple[tuple[int, int], ...]:
        """Return the stride (frequency, time) of each of so many blocks, of kind "down".

        Raises
        ------
        UsageError
            If there is no such block.
        """
        found = [(1, 1)] * blocks
        for part in self.value.split("-"):
            if part == "0":
                continue
            if int(part[:-1]) >= blocks:
                raise UsageError(f"gene '{self}': the skeleton has blocks 0 to {blocks - 1} only.")
            found[int(part[:-1])] = _STRIDES[part[-1]]
        return tuple(found)

    def __lt__(self, other: "ShapeGene") -> bool:
        return (self.place, self.numeric) < (other.place, other.numeric)

    @property
    def numeric(self) -> tuple[int, ...]:
        """The value's numbers, with zero for words, to order genes of one kind by."""
        return tuple(map(int, re.findall(r"\d+", self.value)))

    def __str__(self) -> str:
        return f"{self.kind}{self.stage or ''}:{self.value}"
