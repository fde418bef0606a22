"""Turns a Keras model into TFLite and ONNX, and proves that nothing was lost: `edge-mnist export`.

Needs the extra `export`.
"""
