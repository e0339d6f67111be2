"""Pictures of the tour, each drawn from a run: `python -m examples.pictures [FOLDER [STOP...]]`.

`stops.py` defines what each stop plays, and what is watched. `taps.py` records the traffic between
two programs; `applications.py` and `calls.py` record calls within a worker. All of it goes into one
file (`events.py`), and `sequence.py` draws it.
"""
