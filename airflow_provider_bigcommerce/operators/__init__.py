"""Operators for calls that have no verb of their own."""
