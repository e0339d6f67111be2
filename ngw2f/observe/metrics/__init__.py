"""What /metrics shows: each process counts for itself, and the one that answers adds all up.

- `families.py`: what is counted, on one screen
- `tally.py`: the counts of one process, in plain dictionaries
- `files.py`: the files in which other processes read them, and those of dead processes
- `requests.py`: what a web worker counts for each request
- `text.py`: all of it in Prometheus' text form, with what is measured at the scrape
"""
