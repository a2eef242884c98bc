"""The kinds of files that are tried, by name; cheap ones first, as those that need PyTorch last."""

from fuzz.case import Kind
from fuzz.kinds import archives, audio, configs, models, runs, tables

KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (audio, models, archives, tables, configs, runs)
    for kind in module.KINDS
}
