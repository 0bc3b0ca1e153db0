"""One experiment as people see it: its facts, timeline and logs, for the page and the terminal."""
