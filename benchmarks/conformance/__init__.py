"""Compare the predictions of other programs and processors with recorded ones (`make conformance`)."""
