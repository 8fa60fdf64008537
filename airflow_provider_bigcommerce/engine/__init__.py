"""One run of a copy, whatever it is copied into."""
