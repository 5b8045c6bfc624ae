"""Parquet files, looked at before and while the library decodes them."""
