"""The recipe of the level network: what played music repeats, and how fast listeners tap to it."""
