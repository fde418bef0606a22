"""One int8 TFLite file as a small integer program, and that program as C, WebAssembly and libraries.

Comes in: the bytes of a finished int8 TFLite file. Goes out: C source, WebAssembly, libraries, and the proof
that each gives the same integers.
May import: audit, config, golden_images, kinds, targets, tflite_schema.
"""
