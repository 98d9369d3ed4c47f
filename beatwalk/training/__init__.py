"""The recipes that made the weights inside: nano and the beat network. Nothing imports them."""
