"""The report for people: reports, statistics and log lines of runs as one HTML page that opens offline."""
