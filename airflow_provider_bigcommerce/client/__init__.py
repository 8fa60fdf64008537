"""One store, awaited: the only room that sends a verb of ours to BigCommerce."""
