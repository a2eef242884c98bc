"""How far long work is: a line with the time of day."""

import time


def say(done: int, of: int, text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {done}/{of} {text}", flush=True)
