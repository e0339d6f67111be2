"""Wait until Redis has none of some keys: python gone.py PORT KEY..."""

import sys
import time

from redis import Redis


def main(port: str, *keys: str) -> None:
    with Redis(port=int(port)) as redis:
        while redis.exists(*keys):
            time.sleep(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
