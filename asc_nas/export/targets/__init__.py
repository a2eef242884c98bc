"""What a trained network can be exported as: one module per target, registered by name."""

from asc_nas.export.target import TARGETS, ExportedModel, Source, spread
from asc_nas.export.targets import c, int8, onnx_audio, tflite

__all__ = ["TARGETS", "ExportedModel", "Source", "c", "int8", "onnx_audio", "spread", "tflite"]
