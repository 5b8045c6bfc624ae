"""Tables in Arrow and Parquet files: which columns are arrays, and their rows."""
