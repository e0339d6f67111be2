"""Whether a password that somebody chooses is one that others would try first.

Length is what counts, and that it is on no list of passwords known to be common (NIST SP 800-63B-4
section 3.1.1.2).
"""

from itertools import pairwise

from ngw2f.sentences import Sentence
from ngw2f.text.names import name_key
from ngw2f.text.password import InvalidPasswordError, prepare_password

MIN_CHOSEN_CHARACTERS = 8

# The most common of that length in leaked lists, without case. Endings are cut off before the
# comparison, so `password123!` counts as `password`.
COMMON_WORDS = """
password passw0rd p@ssword p@ssw0rd pa$$word pass1234 passpass passwort motdepasse contrasena
qwertyui qwertyuiop qwerty qwertz qwertzui azertyui azertyuiop asdfghjk asdfghjkl asdfasdf
zxcvbnm zxcvbnm1 qazwsx qazwsxedc 1qaz2wsx 1q2w3e4r 1q2w3e4r5t q1w2e3r4 q1w2e3r4t5 zaq12wsx
qweasdzxc qweqweqwe asdasdasd abcdefgh abcd1234 abc12345 abcdef a1b2c3d4 aa123456 admin
admin1234 administrator letmein letmein1 welcome welcome1 changeme default trustno1 iloveyou
iloveyou1 iloveyou2 loveyou sunshine princess princess1 football football1 baseball basketball
superman spiderman batman pokemon starwars startrek michelle jennifer jessica jonathan william
samantha elizabeth alexander charlie computer internet internet1 whatever dragon dragonball
monkey master shadow mustang midnight liverpool liverpool1 chelsea arsenal barcelona manchester
corvette cocacola hello helloworld hellohello login secret secretsecret letmeinplease test
testtest tester testing guest user username nothing unknown freedom victoria
blink182 metallica slipknot nirvana butterfly chocolate sweetheart lovelove babygirl
marlboro mercedes ferrari porsche einstein december november september october summer winter
spring autumn qwert asdf zxcv opensesame drowssap correcthorsebatterystaple
"""
COMMON = frozenset(COMMON_WORDS.split())
ENDINGS = "0123456789!?.*#$@_-"


def check_choice(password: str, nickname: str) -> None:
    """Raise InvalidPasswordError for a password that somebody should not choose."""
    chosen = prepare_password(password)
    if len(chosen) < MIN_CHOSEN_CHARACTERS:
        raise InvalidPasswordError(
            Sentence(
                "a password must have %(least)d characters or more", least=MIN_CHOSEN_CHARACTERS
            )
        )
    folded = chosen.casefold()
    stem = folded.rstrip(ENDINGS)
    is_common = folded in COMMON or stem in COMMON
    if is_common or name_key(chosen) == name_key(nickname) or _is_a_run(folded):
        raise InvalidPasswordError("this password is one that others would try: choose another")


def _is_a_run(text: str) -> bool:
    """Return whether it repeats one to four characters, or counts up or down."""
    if any(text == (text[:length] * len(text))[: len(text)] for length in range(1, 5)):
        return True
    steps = {(ord(after) - ord(before)) % 10 for before, after in pairwise(text)}
    return text.isdecimal() and len(steps) == 1
