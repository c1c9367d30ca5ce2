"""Tests: unit/ of pure rooms, functional/ of one room on a real server, e2e/ of the program as a user runs it."""
