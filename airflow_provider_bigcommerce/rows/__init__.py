"""Raw rows as columns: schemas, and what does not fit them."""
