"""Why a link has no preview: it was refused, or the fetch failed."""


class LinkError(Exception):
    """A link without a preview.

    `kind` is a stable lower-case word for logs and counters; `reason` is a sentence for people,
    without its full stop. Neither contains unchecked data from the site.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


class LinkRefused(LinkError):  # noqa: N818 - named after the outcome.
    """The link may not be fetched, so nothing was sent.

    Kinds: `syntax`, `scheme`, `userinfo`, `host`, `port`, `name`, `address`.
    """


class LinkFailed(LinkError):  # noqa: N818 - named after the outcome.
    """The site or the network failed; a later attempt may succeed.

    Kinds: `dns`, `connect`, `tls`, `timeout`, `protocol`, `redirects`, `status`, `type`,
    `encoding`, `size`, `image`, `oembed`. For kind `status`, the attribute `status` holds the
    number.
    """

    def __init__(self, kind: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(kind, reason)
        self.status = status
