"""Programs that make files for the packages and docs."""
