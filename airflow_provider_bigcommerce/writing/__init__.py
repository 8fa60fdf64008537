"""Bulk changes that are planned, applied and taken back: files in, plans and outcomes out. ``core/writing`` decides, the client sends."""
