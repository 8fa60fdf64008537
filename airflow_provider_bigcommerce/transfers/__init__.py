"""Transfers: from BigCommerce to somewhere else."""
