"""Find the digit's ink in a picture.

Comes in: a decoded picture. Goes out: a `Reading`: the tensor, how it was found, and the rejection reason.
May import: box, errors, images, prediction, preprocess, tensor.
"""
