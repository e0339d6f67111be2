"""The slow work, done by RQ's workers in processes of their own.

- `render.py`, `links.py`, `upkeep.py`: the jobs; `pictures.py`: small pictures of uploaded ones,
  made where links are fetched
- `outbox.py`: what waits to be rendered; `shares.py`: who comes next; `wakeup.py`: how a worker
  hears of it
- `worker.py`: such a worker; `context.py`: what its jobs work with; `demand.py`: those that start
  with their first job; `fetch_process.py`: the one that talks to other sites
- `failed.py`, `gauges.py`, `heartbeat.py`: what an operator sees
"""
