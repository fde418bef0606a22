"""Read a row of several digits.

Comes in: a decoded picture and a classifier. Goes out: one `RowDigit` for each digit.
May import: box, images, prediction, preprocess, reading, tensor.
"""
