"""Decode picture files, and convert arrays of any kind.

Comes in: paths, bytes, data: URLs, Pillow images, arrays. Goes out: decoded pictures and grey levels.
May import: errors, paths, preprocess, tensor.
"""
