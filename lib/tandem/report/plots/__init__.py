"""Drawings as SVG, each a function from figures to an element; colours are those of page.css."""
