"""Make and serve the page on which anyone draws a digit: one HTML file with a model as WebAssembly.

Comes in: a model's WebAssembly and its figures. Goes out: index.html, and a server of it on this machine.
May import: acceptance, bundles, errors, images, paths, prediction, reading, tensor.
"""
