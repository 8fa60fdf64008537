"""Tests of what runs in the API server."""
