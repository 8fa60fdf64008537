"""Triggers: waits that hold no worker. They poll, and never write."""
