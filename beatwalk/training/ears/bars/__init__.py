"""The recipe of the bar network: rows of true beats, bars made of other bars, the network that learns from them."""
