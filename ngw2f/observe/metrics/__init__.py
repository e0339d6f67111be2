"""What /metrics tells: each process counts for itself, and whoever is asked adds it all up.

- `families.py`: what is counted, on one screen
- `tally.py`: the counts of one process, in plain dictionaries
- `files.py`: where they are for the others to read, and what becomes of the dead
- `requests.py`: what a web worker counts for each request
- `text.py`: all of it in Prometheus' text form, with what is measured at the scrape
"""
