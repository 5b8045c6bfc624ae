"""What Python calls: a function of each command that makes a value, one file for each."""
