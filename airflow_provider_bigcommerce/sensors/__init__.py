"""Sensors: tasks that wait for something in the store."""
