"""Facts about this machine.

Comes in: nothing. Goes out: processor, cores, versions, instruction sets.
May import: nothing of this package.
"""
