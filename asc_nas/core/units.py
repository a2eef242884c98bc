"""Sizes and times as people read them; one that is not known is a dash."""

UNKNOWN = "-"


def amount(value: float) -> str:
    """Return a limit or what is used of it: with commas in thousands, or five digits."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.5g}"


def millions(value: int) -> str:
    """Return a count, such as MACs, in millions."""
    return f"{value / 1e6:.2f} M"


def kilobytes(value: int | None) -> str:
    """Return bytes in kB of 1000 bytes."""
    return UNKNOWN if value is None else f"{value / 1000:.1f} kB"


def milliseconds(value: float | None) -> str:
    """Return a time of so many milliseconds."""
    return UNKNOWN if value is None else f"{value:.3f} ms"
