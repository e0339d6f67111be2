"""Redis or Valkey, as this chat uses it.

- `connection.py`: the connection, and what happens without it; `sentinel.py`; `quick_check.py`
- `embedded.py`: where the embedded Valkey listens (ngw2f/server/valkey.py starts it)
- `limits.py`: how often an account may do what, with all the rates; `tries.py`: wrong passwords
- `follow_ups.py`, `redis_spans.py`: what X-ray shows
"""
