"""Test the runtime under load and with damaged and hostile files: writes docs/reliability.md."""
