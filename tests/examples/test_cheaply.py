"""What tests start hashes passwords as the examples do, but in no time."""

import subprocess
import sys

HASHING = """
from argon2 import PasswordHasher, profiles
from werkzeug.security import check_password_hash, generate_password_hash

made = generate_password_hash("secret")
print(made.partition("$")[0], check_password_hash(made, "secret"), check_password_hash(made, "no"))
hasher = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
made = hasher.hash("secret")
print(made.rpartition("$")[0].rpartition("$")[0], hasher.verify(made, "secret"))
"""


def test_passwords_are_hashed_cheaply() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", HASHING], capture_output=True, text=True, timeout=60,
        check=True,
    ).stdout  # fmt: skip
    assert printed == "scrypt:128:8:1 True False\n$argon2id$v=19$m=8,t=1,p=1 True\n"
