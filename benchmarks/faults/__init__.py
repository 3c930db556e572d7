"""Faults made on purpose: damaged and hostile inputs for everything that reads."""
