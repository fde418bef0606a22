"""One int8 TFLite file as a small integer program, and that program as C and WebAssembly.

Comes in: the bytes of a finished int8 TFLite file. Goes out: C source, a WebAssembly module, and the proof that each
gives the same integers.
May import: audit, config, golden_images, tflite_schema.
"""
