"""The recipe of the ears: music whose beats are known, and the small networks that learn beats from it."""
