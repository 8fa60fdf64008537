"""Files: schemas, writers of JSON lines and Parquet, destinations and manifests."""
