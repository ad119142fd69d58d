"""Stands where the SDK would be."""
