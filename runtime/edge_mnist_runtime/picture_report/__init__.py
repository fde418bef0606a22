"""Write a page that shows pictures with their predictions, the worst first.

Comes in: pictures, labels and predictions. Goes out: one HTML file without scripts or other resources.
May import: atomic_file, errors, images, inputs, paths, prediction, reading.
"""
