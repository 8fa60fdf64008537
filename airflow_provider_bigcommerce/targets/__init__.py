"""The places that a copy can go to."""
