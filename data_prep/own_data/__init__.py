"""Own recordings: what a folder holds, which clips belong together, and a config to start with."""

from data_prep.own_data.grouping import Grouping, guess_groups, in_blocks
from data_prep.own_data.look import Look, look
from data_prep.own_data.settings import Settings, choose_settings, coarsenesses, example_seconds
from data_prep.own_data.starter import (
    STARTED,
    as_listed,
    clip_table,
    cut_long,
    started_config,
    starter_config,
)

__all__ = [
    "STARTED",
    "Grouping",
    "Look",
    "Settings",
    "as_listed",
    "choose_settings",
    "clip_table",
    "coarsenesses",
    "cut_long",
    "example_seconds",
    "guess_groups",
    "in_blocks",
    "look",
    "started_config",
    "starter_config",
]
