"""Write bundles atomically: whole or not at all.

Comes in: files. Goes out: a bundle folder, its golden vectors and signature, and the paths of reports.
May import: config, golden_images.
"""
