"""``asc_model.h`` and ``asc_model.c``: all of the C code that differs from model to model."""

from collections.abc import Sequence

import numpy as np

from asc_nas.cost.memory import plan
from asc_nas.export.firmware.front_end_tables import front_end_tables
from asc_nas.export.firmware.network_source import network_source
from asc_nas.export.firmware.text import array, string
from asc_nas.export.integer.network import IntegerNetwork
from asc_nas.runtime.card import ModelCard

_HEADER = """\
/* {name}: sizes. Written by {program}; do not edit. */
#ifndef ASC_MODEL_H
#define ASC_MODEL_H

{defines}
#endif
"""
_SOURCE = """\
/* {name}: tables and network. Written by {program}; do not edit. */
#include "asc.h"
#include "asc_front_end.h"
#include "asc_network.h"

const char *const asc_labels[ASC_CLASSES] = {{
{labels}}};

extern const uint32_t asc_exponential[ASC_NETWORKS * 256];
{exponential}
{tables}
{networks}
void asc_network(int network, const int16_t *features, int8_t *arena, int8_t *logits);
void asc_network(int network, const int16_t *features, int8_t *arena, int8_t *logits) {{
    static void (*const networks[])(const int16_t *, int8_t *, int8_t *) = {{{names}}};
    networks[network](features, arena, logits);
}}
"""


def model_source(card: ModelCard, networks: Sequence[IntegerNetwork]) -> tuple[str, str]:
    """Return the header and the source of a model.

    Raises
    ------
    AscNasError
        If the front end has no C code, see `front_end_tables`.
    """
    tables = front_end_tables(card.frontend, card.name)
    defines: dict[str, int | str] = {
        **tables.defines,
        "ASC_CLASSES": len(card.labels),
        "ASC_NETWORKS": len(networks),
        "ASC_ARENA": max(plan(network.spec).values for network in networks),
        "ASC_SHARPNESS": f"{1 / card.temperature}f",
    }
    about = {"name": card.name.replace("*/", ""), "program": card.created_with}
    header = _HEADER.format(
        defines="".join(f"#define {name} {value}\n" for name, value in defines.items()), **about
    )
    source = _SOURCE.format(
        labels="".join(f"    {string(label)},\n" for label in card.labels),
        exponential=_exponential(networks, card.temperature),
        tables=tables.source,
        networks="\n".join(network_source(i, network) for i, network in enumerate(networks)),
        names=", ".join(f"n{i}" for i in range(len(networks))),
        **about,
    )
    return header, source


def _exponential(networks: Sequence[IntegerNetwork], temperature: float) -> str:
    """Return the tables of the softmax: the exponential of minus 0 to 255 steps of the logits."""
    own = temperature if len(networks) == 1 else 1.0
    steps = [network.last.target.scale / own for network in networks]
    values = np.rint(np.exp(-np.outer(steps, np.arange(256))) * 2**16)
    return array(f"const uint32_t asc_exponential[{256 * len(networks)}]", values)
