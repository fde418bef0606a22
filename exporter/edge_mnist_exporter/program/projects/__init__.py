"""Projects for CMake, Arduino and Zephyr that build as they are: a C program and a main file for golden digits."""
