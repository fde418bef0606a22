"""Render photographs, scans and drawings of digits, on which benchmarks and tests evaluate picture reading."""
