"""Tandem: one measured training beside a looping background training."""
