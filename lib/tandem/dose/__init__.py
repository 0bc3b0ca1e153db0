"""Dosing a background: its trainings are stopped and continued. lib/dose.py is the program."""
