"""The commands of `edge-mnist` that run on a device, one module each.

A command parses its arguments, calls the library and prints the result.

Comes in: arguments. Goes out: text or JSON, and an exit code.
May import: acceptance, archive, bench, bundles, classifier, contract, dataset, doctor, engines, errors, extras, images,
inputs, installation, machine, paths, picture_report, prediction, prediction_pool, preprocess, reading, rows, service,
tensor, thresholds, web.
"""
