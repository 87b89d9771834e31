"""Batches: each lies in one element, and its id names that."""
