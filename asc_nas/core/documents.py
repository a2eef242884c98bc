"""JSON files with a known shape: written from a typed document, checked when they are read.

Each document stands beside the code that writes the file. A file may hold more than its document
names: that is kept, so that files of later versions can be read.
"""

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from asc_nas.core.errors import NO_TEXT, AscNasError
from asc_nas.core.files import read_json, write_json

Count = Annotated[int, Field(ge=0, le=10**18)]


def _or_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None


Measure = Annotated[float, BeforeValidator(_or_nan), PlainSerializer(_or_null)]
"""A number that may be undefined: NaN here, and null in a file, as JSON has no NaN."""


class Part(BaseModel):
    """What a JSON object has at least, with types that are not converted."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, in the order of the fields."""
        return self.model_dump()


class Document(Part):
    """A whole file: its first key, ``format``, names what it is and its version.

    Attributes
    ----------
    format_name : str
        The value of ``format``.
    remedy : str
        The end of the sentence if a file is damaged: what to do.
    """

    format_name: ClassVar[str]
    remedy: ClassVar[str] = "restore it, or delete it and repeat the step that makes it"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises
        ------
        AscNasError
            If it is missing, is not JSON, has another format, or lacks or misstates a value.
        """
        values = read_json(path, cls.format_name)
        del values["format"]
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "it"
            message = problem["msg"].removeprefix("Value error, ")
            raise AscNasError(
                f"{path}: not as asc-nas writes it ('{where}': {message[0].lower()}{message[1:]}); "
                f"{cls.remedy}."
            ) from error
        except UnicodeEncodeError as error:  # of a message that quotes half a character
            raise AscNasError(f"{path}: {NO_TEXT}") from error

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        write_json(path, {"format": self.format_name} | self.to_json())
