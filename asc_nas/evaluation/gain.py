"""What networks that were adapted to recording devices gain, as ``adapted/NAME.json`` holds it."""

from typing import ClassVar

from pydantic import Field, FiniteFloat

from asc_nas.core.documents import Count, Document, Part
from asc_nas.evaluation.intervals import Interval
from asc_nas.evaluation.parts import TOLD_OF_SEEN
from asc_nas.space.genotype import GenotypeText


class Compared(Part):
    """Accuracy on some test clips: of the general network, and with adapted ones.

    Attributes
    ----------
    clips : int
    general, adapted : 0 to 1
        `adapted` is None where no network is adapted, so that the general one answers.
    general_interval, adapted_interval : 95 %, by group; None if the clips are of one group
    """

    clips: Count
    general: FiniteFloat
    general_interval: Interval | None
    adapted: FiniteFloat | None = None
    adapted_interval: Interval | None = None


class ComparedRecorder(Compared):
    """The test clips of one recording device.

    Attributes
    ----------
    recorder : str
        Empty: the clips of unknown devices.
    seen : bool or None
        Whether training heard the device; None if it is unknown.
    """

    recorder: str
    seen: bool | None


class Adapted(Document):
    """``adapted/NAME.json``: what adapted networks gain over the general one, on test.

    Attributes
    ----------
    network : str
        The general one, as ``asc-nas train`` takes it.
    adapted_to : list of str
        Recording devices whose test clips a network of their own answers for.
    without_clips : list of str
        Those of them that have no test clips.
    total : Compared
        All test clips; the general network answers for those of all other devices.
    recorders : list of ComparedRecorder
        Every recording device of the test.
    """

    format_name: ClassVar[str] = "asc-nas/adapted/1"
    remedy: ClassVar[str] = "delete it, and 'asc-nas adapt' writes it again"

    network: str
    genotype: GenotypeText
    seed: Count
    data: str
    adapted_to: list[str]
    without_clips: list[str]
    test_clips_left_out: Count = 0
    total: Compared
    recorders: list[ComparedRecorder] = Field(default_factory=list)

    @property
    def rows(self) -> list[tuple[str, str, Compared]]:
        """Rows of a table: recording device, whether training heard it, accuracies; last of all."""
        told: list[tuple[str, str, Compared]] = [
            (found.recorder or "unknown", TOLD_OF_SEEN[found.seen], found)
            for found in self.recorders
        ]
        return [*told, ("all", "", self.total)]
