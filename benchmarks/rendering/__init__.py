"""Rendered pictures: what benchmarks and tests judge picture reading by."""
