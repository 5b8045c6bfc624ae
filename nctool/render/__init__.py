"""Values in, text out: nothing here prints, opens a file or knows what a tensor is."""
