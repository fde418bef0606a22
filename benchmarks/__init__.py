"""Scripts that measure speed and accuracy. They are not tests."""
