"""The command line of a device: one module a command, which parses, calls the library, and prints.

Comes in: arguments. Goes out: text or JSON, and an exit code.
May import: bench, bundles, classifier, contract, dataset, doctor, engines, errors, images, inputs, machine, paths,
prediction, prediction_pool, preprocess, reading, rows, tensor.
"""
