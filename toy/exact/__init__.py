"""Experiments below the nature level in worlds whose answers are known: `python toy/run.py --data gmm-easy`."""
