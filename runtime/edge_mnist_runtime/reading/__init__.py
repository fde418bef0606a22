"""Find the digit's ink in a picture.

Comes in: a decoded picture. Goes out: a `Reading`: the tensor, what was done, and why a picture is rejected.
May import: box, errors, images, prediction, preprocess, tensor.
"""
