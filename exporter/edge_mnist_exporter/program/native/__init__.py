"""Compile the C program of a model as a shared library for one or several kinds of machines.

Comes in: a `CProgram`. Goes out: the bytes of a library, and on how many images it was proved.
"""
