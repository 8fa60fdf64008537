"""Tables of a lakehouse as a target: Delta Lake's log by ``deltalake``, the rows in Parquet parts of our own."""
