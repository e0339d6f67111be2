"""Why a link has no preview: we would not go there, or the site did not deliver."""


class LinkError(Exception):
    """A link that gives no preview.

    `kind` is one lower-case word, stable, for logs and counters; `reason` is a sentence without its
    full stop, for a person. Neither holds anything that the site sent unchecked.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


class LinkRefused(LinkError):  # noqa: N818 - named after the outcome.
    """Nothing was sent, and nothing will be: the link itself is not one that may be fetched.

    Kinds: `syntax`, `scheme`, `userinfo`, `host`, `port`, `name`, `address`.
    """


class LinkFailed(LinkError):  # noqa: N818 - named after the outcome.
    """The site's fault, or the network's: another time it may work.

    Kinds: `dns`, `connect`, `tls`, `timeout`, `protocol`, `redirects`, `status`, `type`,
    `encoding`, `size`, `image`, `oembed`. With `status`, the attribute of that name holds the
    number.
    """

    def __init__(self, kind: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(kind, reason)
        self.status = status
