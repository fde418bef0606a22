"""Do other programs and processors answer as we recorded? `make conformance` writes docs/results/conformance.md."""
