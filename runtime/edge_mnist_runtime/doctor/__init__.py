"""Check whether this device is fit to run the models.

Comes in: this machine and a bundle. Goes out: checks, each passed or not, and what to do.
May import: bench, bundles, engines, errors, machine, timing.
"""
