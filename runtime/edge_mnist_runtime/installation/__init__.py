"""Install bundles on a device: check a new one, switch to it in one step, and go back.

Comes in: a bundle. Goes out: a folder whose link `current` names a whole, checked bundle at every moment.
May import: atomic_file, bench, bundles, engines, errors, paths.
"""
