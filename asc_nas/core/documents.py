"""JSON files with a known shape, which is checked when they are read.

Each shape stands beside the code that writes the file and names only what is read again; what
else a file has is kept.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from asc_nas.core.errors import AscNasError
from asc_nas.core.files import read_json
from asc_nas.space.genotype import Genotype


def _genotype(text: str) -> str:
    try:
        Genotype.parse(text)
    except AscNasError as error:
        raise ValueError(str(error).rstrip(".")) from error
    return text


Count = Annotated[int, Field(ge=0)]
GenotypeText = Annotated[str, AfterValidator(_genotype)]


class Shape(BaseModel):
    """What a JSON object has at least, with types that are not converted."""

    model_config = ConfigDict(strict=True)


def read_document(path: Path, format_name: str, shape: type[Shape], remedy: str) -> dict[str, Any]:
    """Read a JSON object of a format and a shape.

    Parameters
    ----------
    remedy : str
        The end of the sentence if it is damaged: what to do.

    Raises
    ------
    AscNasError
        If the file is missing, is not JSON, has another format, or lacks or misstates a value.
    """
    document = read_json(path, format_name)
    try:
        shape.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "it"
        message = problem["msg"].removeprefix("Value error, ")
        raise AscNasError(
            f"{path}: not as asc-nas writes it ('{where}': {message[0].lower()}{message[1:]}); "
            f"{remedy}."
        ) from error
    return document
