"""Several networks in one ONNX file; `asc_nas.runtime.onnx_file.one_network` takes one out."""

from collections.abc import Mapping
from typing import Any

import onnx

from asc_nas.runtime.classifier import INPUT, OUTPUT


def joined(models: Mapping[str, onnx.ModelProto]) -> onnx.ModelProto:
    """Return networks side by side: they share the input, and each has its own output.

    The first stays as it is. Of the others, the names of all values end as their output does.

    Parameters
    ----------
    models : by their output: `OUTPUT` first, then those of `output_of`
        Of one version of the operators, each with the output `OUTPUT`.
    """
    first, *others = models.items()
    together = onnx.ModelProto()
    together.CopyFrom(first[1])
    for output, model in others:
        graph = onnx.GraphProto()
        graph.CopyFrom(model.graph)
        _rename(graph, output.removeprefix(OUTPUT))
        together.graph.node.extend(graph.node)
        together.graph.initializer.extend(graph.initializer)
        together.graph.output.extend(graph.output)
    return together


def _rename(graph: onnx.GraphProto, ending: str) -> None:
    """Put `ending` behind the names of all values but the input, in place."""

    def rename(names: Any) -> None:
        names[:] = [name if name in ("", INPUT) else name + ending for name in names]

    for node in graph.node:
        node.name += ending if node.name else ""
        rename(node.input)
        rename(node.output)
    for named in (*graph.initializer, *graph.output):
        named.name += ending
