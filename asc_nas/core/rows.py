"""Typed results that are also a table."""

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from asc_nas.core.errors import AscNasError

if TYPE_CHECKING:
    import pandas


class HasRow(Protocol):
    """Anything with plain values for a line of a table."""

    def row(self) -> dict[str, Any]:
        """Return the values by their column's name."""


RowT = TypeVar("RowT", bound=HasRow, covariant=True)


class Rows(tuple[RowT, ...]):
    """A tuple of results that can be had as a data frame."""

    def to_frame(self) -> "pandas.DataFrame":
        """Return the results as a data frame, one line each, in their order.

        Raises
        ------
        AscNasError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise AscNasError(
                "a data frame needs pandas: install it with pip install pandas."
            ) from error
        return pandas.DataFrame([result.row() for result in self])
