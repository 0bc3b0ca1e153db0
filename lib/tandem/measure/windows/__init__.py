"""What a stretch of time cost, computed from the monitor's files alone; bin/energy."""
