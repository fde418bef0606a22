"""Find the layers that must stay in float, and make mixed files.

Comes in: a model whose int8 file fails. Goes out: the layers that int8 harms, and a mixed file.
May import: audit, config, conversion, evaluate, formats, gate_config, images, kinds, measurement, report, source.
"""
