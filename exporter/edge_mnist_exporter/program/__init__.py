"""One int8 TFLite file as a small integer program, and that program as C.

Comes in: the bytes of a finished int8 TFLite file. Goes out: C source, and the proof that it gives the same integers.
May import: audit, golden_images, tflite_schema.
"""
