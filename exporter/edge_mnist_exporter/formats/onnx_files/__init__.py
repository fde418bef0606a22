"""ONNX: converter, audit and layers.

Comes in: a `ConversionRequest`, or a file's bytes. Goes out: a file's bytes, or its audit.
May import: what formats may, and formats.request, formats.layer_names.
"""
