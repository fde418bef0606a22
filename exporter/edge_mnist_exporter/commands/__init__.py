"""The workstation's commands for training. Keras is imported when a command runs, not before."""
