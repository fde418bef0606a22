"""Benchmark models, and compare two reports.

Comes in: models or reports. Goes out: records, warnings, plots, verdicts.
May import: bundles, classifier, dataset, engines, errors, extras, machine, paths, tensor, timing.
"""
