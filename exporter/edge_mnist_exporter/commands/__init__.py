"""The workstation's commands for exporting. TensorFlow is imported when a command runs, not before.

Comes in: arguments. Goes out: text or JSON, and an exit code.
May import: audit, bundle, config, exporting, gate_config, mixed, program, report, source.
"""
