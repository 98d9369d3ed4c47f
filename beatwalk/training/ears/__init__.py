"""The recipe of the ears: music composed with exact truth, and the small network that learns beats from it."""
