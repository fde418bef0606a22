"""Programs that make files which the packages ship."""
