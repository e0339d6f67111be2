"""Fill in the machine's settings, and write the configuration into a folder.

From a checkout, nginx writes everything into that folder too, so it needs neither root
nor another folder. On a server: `python -m nginx.render --help`.
"""

import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whitenoise.compress import Compressor

from middleware.cross_origin import checked_origin

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "ngw2f" / "static"
PLACEHOLDER = re.compile(r"@([a-z0-9_]+)@")
MODULES = Path("/usr/lib/nginx/modules")
# nginx makes only the last folder of these paths.
RUN_FOLDERS = ("body", "proxy", "cache", "static", "acme")

# How many connections may wait to be accepted; at most net.core.somaxconn. nginx's own 511 are
# too few when thousands reconnect at once.
BACKLOG = 16384
# How many instances are tried in turn with an unsafe request that the first did not accept; nginx
# redirects a request internally at most ten times.
MAX_CHANGE_SERVERS = 6
# The open files of a process; half of them are connections, and a stream takes two.
FILES = 65536
# A form is longer than the file in it.
FORM_BYTES = 1024 * 1024


# The first version that resolves names of an upstream again (`server NAME resolve`).
RESOLVING = (1, 27, 3)
# A recreated container has another address; after this time, the new one is used.
RESOLVED_SECONDS = 5


class RenderError(Exception):
    """The configuration cannot be written; the message is one line with the reason."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """One nginx: the settings that differ from machine to machine."""

    # The folder of the configuration, and the folder that nginx writes to.
    directory: Path
    run: Path
    certificate: Path
    key: Path
    # The names and addresses in clients' URLs.
    names: Sequence[str]
    # gunicorn's instances: "unix:/PATH" or "HOST:PORT".
    servers: Sequence[str]
    # Their sockets for streams; the same ones unless given.
    stream_servers: Sequence[str] = ()
    # The name server that resolves the servers' names again and again: "HOST[:PORT]".
    resolver: str | None = None
    addresses: Sequence[str] = ("127.0.0.1",)
    http_port: int = 80
    https_port: int = 443
    # The application's setting, for the responses of nginx itself.
    trusted_origins: Sequence[str] = ()
    # The port that clients use, if another machine forwards it.
    public_port: int | None = None
    # The user of nginx's workers, if root starts nginx.
    user: str | None = None
    # The pid file, if not in *run*: the system's unit expects it elsewhere.
    pid: Path | None = None
    access_log: str = "access.log"
    error_log: str = "error.log"
    # The longest upload: the application's max_file_bytes.
    file_bytes: int = 100 * 1024 * 1024
    # The folder `files` of the application's data_dir, if nginx shall send files from it itself.
    uploads: Path | None = None
    # Limits for each address; off for load tests.
    limits: bool = True
    # The open files of a process; at most what the system allows.
    files: int = FILES
    program: str = "nginx"
    # The folder of the distribution's modules.
    modules: Path = field(default=MODULES)


@dataclass(frozen=True)
class Program:
    """The versions and modules of an installed nginx."""

    version: tuple[int, ...]
    openssl: tuple[int, ...]


def find_nginx() -> str | None:
    """Return the path of nginx, which Debian keeps off the PATH of ordinary users."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which("nginx", path=os.pathsep.join(folders))


def find_program(program: str) -> Program:
    """Ask nginx for its version, and for that of its OpenSSL."""
    told = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    return Program(_version(r"nginx/([0-9.]+)", told), _version(r"with OpenSSL ([0-9.]+)", told))


def render(front: Front) -> Path:
    """Write the configuration and the static files; return the path of nginx.conf.

    Raises RenderError.
    """
    front.directory.mkdir(parents=True, exist_ok=True)
    for name in RUN_FOLDERS:
        (front.run / name).mkdir(parents=True, exist_ok=True)
    program = find_program(front.program)
    if front.resolver and program.version < RESOLVING:
        raise RenderError("nginx follows names (--resolver) from version 1.27.3 on")
    values = _values(front, program)
    for part in sorted(HERE.glob("*.conf")):
        text = PLACEHOLDER.sub(lambda match: values[match[1]], part.read_text())
        (front.directory / part.name).write_text(text)
    # Both may be the same file.
    mime_types = _mime_types(front.program).read_bytes()
    (front.directory / "mime.types").write_bytes(mime_types)
    shutil.copytree(HERE / "errors", front.directory / "errors", dirs_exist_ok=True)
    write_static(front.run / "static" / "static")
    return front.directory / "nginx.conf"


def command(front: Front) -> list[str]:
    """Return the command that starts this nginx; add `-t`, `-s reload` or `-g` to it."""
    configuration = str(front.directory / "nginx.conf")
    # Until it has read its configuration, nginx would write to its compiled-in log.
    return [front.program, "-p", str(front.run), "-c", configuration, "-e", front.error_log]


def write_static(target: Path) -> None:
    """Copy the static files, with a compressed variant beside each that gets smaller by it.

    Files of an earlier run that are not written now are removed: nginx would send them.
    """
    shutil.copytree(STATIC, target, dirs_exist_ok=True)
    compressor = Compressor(quiet=True)
    written = {target / path.relative_to(STATIC) for path in STATIC.rglob("*") if path.is_file()}
    for path in sorted(written):
        if compressor.should_compress(path.name):
            written |= {Path(name) for name in compressor.compress(str(path))}
    for path in target.rglob("*"):
        if path.is_file() and path not in written:
            path.unlink()


def _values(front: Front, program: Program) -> dict[str, str]:
    is_new_http2 = program.version >= (1, 25, 1)
    public_port = front.public_port or front.https_port
    listen = functools.partial(_listen, front)
    servers = _servers(front, front.servers)
    tls = "ssl" if is_new_http2 else "ssl http2"
    return {
        "modules": _load_brotli(front.modules),
        "brotli_static": "brotli_static on;" if _load_brotli(front.modules) else "",
        "user": f"user {front.user};" if front.user else "",
        "run": str(front.run),
        "pid": str(front.pid or front.run / "nginx.pid"),
        "files": str(front.files),
        "connections": str(front.files // 2),
        "access_log": front.access_log,
        "error_log": front.error_log,
        # OpenSSL refuses a list with an unknown name.
        "curves": "X25519MLKEM768:X25519:prime256v1:secp384r1"
        if program.openssl >= (3, 5)
        else "X25519:prime256v1:secp384r1",
        "certificate": str(front.certificate),
        "key": str(front.key),
        # A request with an empty key is not counted.
        "limit_key": "$client_network" if front.limits else '""',
        "resolver": f"resolver {front.resolver} valid={RESOLVED_SECONDS}s;"
        if front.resolver
        else "",
        "servers": servers,
        "change_upstreams": _change_upstreams(servers),
        "change_locations": _change_locations(servers),
        "stream_servers": _servers(front, front.stream_servers or front.servers, "max_fails=0"),
        "public_port": "" if public_port == 443 else f":{public_port}",
        "names": " ".join(front.names),
        "trusted_origins": "\n".join(map(_trusted_origin, front.trusted_origins)),
        "listen_http": listen(front.http_port, ""),
        "listen_http_default": listen(front.http_port, f"default_server backlog={BACKLOG}"),
        "listen_https": listen(front.https_port, tls),
        "listen_https_default": listen(front.https_port, f"{tls} default_server backlog={BACKLOG}"),
        "http2": "    http2 on;" if is_new_http2 else "",
        "acme_root": str(front.run / "acme"),
        "static_root": str(front.run / "static"),
        "errors_root": str(front.directory),
        "max_upload": str(front.file_bytes + FORM_BYTES),
        "uploads": f"alias {front.uploads}/;" if front.uploads else "return 404;",
    }


def _trusted_origin(origin: str) -> str:
    """Return the line of a map that lets this origin through. Raises RenderError."""
    try:
        return '    "{0}" "{0}";'.format(checked_origin(origin))
    except ValueError as error:
        raise RenderError(f"--trusted-origin: {error}") from None


def _servers(
    front: Front, servers: Sequence[str], else_fails: str = "max_fails=2 fail_timeout=5s"
) -> str:
    """Return the lines of an upstream; only servers on other machines may be marked as failed."""
    lines = []
    for server in servers:
        fails = "max_fails=0" if server.startswith("unix:") else else_fails
        # Without it, a name is resolved only once, when nginx starts.
        follows = " resolve" if front.resolver and not server.startswith("unix:") else ""
        lines.append(f"    server {server} {fails}{follows};")
    return "\n".join(lines)


def _change_upstreams(lines: str) -> str:
    """Return an upstream for each server line: `chat_once_1` and so on."""
    return "\n".join(
        f"upstream chat_once_{number} {{\n    zone chat_once_{number} 64k;\n{line}\n}}"
        for number, line in enumerate(_change_servers(lines), 1)
    )


def _change_locations(lines: str) -> str:
    """Return a location for each of these upstreams; a failed request goes on to the next."""
    count = len(_change_servers(lines))
    locations = []
    for number in range(1, count + 1):
        following = f"@change_{number + 1}" if number < count else "@change_failed"
        locations.append(
            f"location @change_{number} {{\n"
            "    if ($is_sent) {\n        return 502;\n    }\n"
            "    include change.conf;\n"
            f"    error_page 502 504 = {following};\n"
            f"    proxy_pass http://chat_once_{number};\n"
            "}"
        )
    return "\n".join(locations)


def _change_servers(lines: str) -> list[str]:
    return lines.splitlines()[:MAX_CHANGE_SERVERS]


def _listen(front: Front, port: int, options: str) -> str:
    lines = [f"listen {address}:{port} {options}".rstrip() for address in front.addresses]
    return "\n".join(f"    {line};" for line in lines)


def _load_brotli(modules: Path) -> str:
    """Return the line that loads the module for FILE.br, if the distribution has it."""
    module = modules / "ngx_http_brotli_static_module.so"
    return f"load_module {module};" if module.exists() else ""


def _mime_types(program: str) -> Path:
    """Return nginx's own table of types, from beside its own configuration."""
    told = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    path = re.search(r"--conf-path=(\S+)", told)
    if path is None:
        raise FileNotFoundError("nginx does not say where its configuration is (nginx -V)")
    return Path(path[1]).parent / "mime.types"


def _version(pattern: str, text: str) -> tuple[int, ...]:
    found = re.search(pattern, text)
    return tuple(int(part) for part in found[1].split(".") if part) if found else ()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the configuration that the command line describes."""
    options = _parser().parse_args(arguments)
    program = find_nginx()
    if program is None:
        sys.exit("render: nginx is not installed (apt-get install nginx)")
    try:
        render(Front(**vars(options), program=program))
    except (RenderError, OSError) as error:
        sys.exit(f"render: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("nginx.render", description=__doc__)
    add: Callable[..., object] = parser.add_argument
    add("--directory", type=Path, default=Path("/etc/nginx"))
    add("--run", type=Path, default=Path("/var/lib/nginx/ngw2f"))
    add("--certificate", type=Path, required=True)
    add("--key", type=Path, required=True)
    add("--name", dest="names", action="append", required=True, help="may be given again")
    add("--server", dest="servers", action="append", required=True, help="unix:/PATH or HOST:PORT")
    add(
        "--stream-server",
        dest="stream_servers",
        action="append",
        default=[],
        help="where it takes streams",
    )
    add("--resolver", help="a name server, if servers have names and may move")
    add("--address", dest="addresses", nargs="+", default=["0.0.0.0", "[::]"])  # noqa: S104 # a front
    add("--http-port", type=int, default=80)
    add("--https-port", type=int, default=443)
    add("--public-port", type=int)
    add(
        "--trusted-origin",
        dest="trusted_origins",
        action="append",
        default=[],
        help="as in the setting trusted_origins; may be given again",
    )
    add("--user", default="www-data")
    add("--pid", type=Path, default=Path("/run/nginx.pid"), help="as the system's unit expects")
    add("--access-log", default="/var/log/nginx/access.log")
    add("--error-log", default="/var/log/nginx/error.log")
    add("--files", type=int, default=FILES, help="what a process of nginx may open")
    add("--file-bytes", type=int, default=100 * 1024 * 1024, help="as in max_file_bytes")
    add("--uploads", type=Path, help="the folder of files that nginx shall send itself")
    add("--no-limits", dest="limits", action="store_false")
    return parser


if __name__ == "__main__":
    main()
