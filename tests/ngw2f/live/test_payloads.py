from ngw2f.live.payloads import RevokedTokens, decode_revocation


def test_revocation_names_the_user() -> None:
    assert decode_revocation(b'{"user_id": 4}') == RevokedTokens(4)
