"""Raw, mergeable sums over samples, and the two sweeps that gather them."""
