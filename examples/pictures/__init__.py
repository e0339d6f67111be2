"""Pictures of the tour, each drawn from a run: `python -m examples.pictures [FOLDER [STOP...]]`.

`stops.py` says what is played at each stop, and who is watched. `taps.py` stands on the wire
between two programs and writes down what each says to the other; `applications.py` and `calls.py`
do that within a worker. All of it goes into one file (`events.py`), and `sequence.py` draws it.
"""
