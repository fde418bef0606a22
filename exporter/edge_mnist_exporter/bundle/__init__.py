"""Write a bundle whole or not at all.

Comes in: files. Goes out: a bundle folder, its golden vectors, and where reports stand.
May import: nothing of this package.
"""
