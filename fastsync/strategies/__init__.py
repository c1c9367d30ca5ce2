"""Strategies: ways to bring the items of master and slaves together in pairs."""
