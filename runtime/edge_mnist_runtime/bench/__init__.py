"""Measure the latency, throughput and memory of models, and compare models or reports.

Comes in: models or reports. Goes out: reports, warnings, plots, verdicts.
May import: bundles, classifier, contract, dataset, engines, errors, extras, machine, paths, tensor, timing.
"""
