"""The report: one HTML file, made from the files of runs alone."""
