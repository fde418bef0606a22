"""Find, check and open model files: bundles, single files, the models inside this package.

Comes in: a path or name. Goes out: a proved file and the engine that runs it.
May import: contract, dataset, engines, errors, extras, machine, paths, tensor, thresholds, timing.
"""
