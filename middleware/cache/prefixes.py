"""The groups by which all that is below a path is dropped.

A stored response belongs to one for each prefix of its path, of whole segments: that of
`https://a.test/b/c?d` to those of `https://a.test`, `https://a.test/b` and `https://a.test/b/c`.
So a purge of a prefix is one drop, like that of any group: it looks for nothing, other processes
see it at once, and nothing that was requested before is stored after it.
"""

# So begins the name of such a group, and no key: whoever may POST to a URI cannot purge a prefix.
PREFIX = "/* "
# A prefix of more segments is purged by its first ones: more is dropped then, never less.
MAX_SEGMENTS = 7


def prefix_groups(key: str) -> list[str]:
    """List the groups of all prefixes of a key's path, the whole origin first."""
    scheme, _, rest = key.partition("://")
    host, *segments = rest.partition("?")[0].split("/", MAX_SEGMENTS + 1)
    prefix = f"{scheme}://{host}"
    groups = [f"{PREFIX}{prefix}"]
    for segment in segments[:MAX_SEGMENTS]:
        if segment:
            prefix = f"{prefix}/{segment}"
            groups.append(f"{PREFIX}{prefix}")
    return groups


def prefix_group(prefix: str) -> str:
    """Return the group of one prefix, a key without a query; with or without a final slash."""
    return prefix_groups(prefix)[-1]
