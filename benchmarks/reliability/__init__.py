"""What the runtime holds under load, damage and hostility: docs/reliability.md."""
