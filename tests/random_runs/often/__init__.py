"""The program with a checkpoint after every page: `python -m tests.random_runs.often`."""
