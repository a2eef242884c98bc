"""What a network hears: the front end of a run, or the one that its genotype chooses.

Sample rate, window, hop and number of mel bands are genes like others; a network's MACs go with the
frames and bands that it hears. The rest (edges of the bands, length of an example) is the run's.
"""

from functools import lru_cache

from asc_nas.audio.logmel import FrontEnd
from asc_nas.core.config import Config
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import NetSpec, resolve
from asc_nas.space.shape_gene import ShapeGene
from asc_nas.space.skeleton import Skeleton


class FrontEndChange(Config):
    """What a front end has other than the run's; a field that is not given is the run's."""

    sample_rate: int | None = None
    """Hertz. With another rate, give `win_length` and `hop_length` too: they are samples."""
    win_length: int | None = None
    """Length of the window, samples."""
    hop_length: int | None = None
    """Step between frames, samples."""
    n_mels: int | None = None
    """Number of mel bands."""

    def gene(self, frontend: FrontEnd) -> ShapeGene:
        """Return the gene that stands for it."""
        fields = ("sample_rate", "win_length", "hop_length", "n_mels")
        values = [getattr(self, name) or getattr(frontend, name) for name in fields]
        return ShapeGene("input", "-".join(map(str, values)))


@lru_cache(maxsize=1024)
def frontend_of(shape: tuple[ShapeGene, ...], frontend: FrontEnd) -> FrontEnd:
    """Return the front end that genotypes of a shape hear through; `frontend` is the run's.

    The transform is as long as the window (one longer if that is odd), or as the run's where the
    run's is longer than its own window.

    Raises
    ------
    UsageError
        If there can be no such front end.
    """
    for gene in shape:
        if gene.kind == "input":
            rate, window, hop, mels = gene.numbers
            least = frontend.n_fft if frontend.n_fft > frontend.win_length + 1 else 0
            changed = {
                "sample_rate": rate,
                "win_length": window,
                "hop_length": hop,
                "n_mels": mels,
                "n_fft": max(least, window + window % 2),
            }
            return FrontEnd.parse(frontend.model_dump() | changed, f"gene '{gene}'")
    return frontend


def spec_of(genotype: Genotype, skeleton: Skeleton, frontend: FrontEnd, classes: int) -> NetSpec:
    """Return the layers of `genotype`, for the input that it hears.

    Raises
    ------
    UsageError
        See `resolve` and `frontend_of`.
    """
    heard = frontend_of(genotype.shape, frontend)
    return resolve(genotype, skeleton, heard.size, classes)
