"""Write bundles atomically: whole or not at all.

Comes in: files. Goes out: a bundle folder, its golden vectors, and the paths of reports.
May import: nothing of this package.
"""
