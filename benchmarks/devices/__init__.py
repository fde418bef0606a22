"""The C programs on processors that nobody has on the desk: emulated Cortex-M0, M4, M7 and M33."""
