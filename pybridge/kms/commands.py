# SPDX-License-Identifier: GPL-2.0-only
"""`qntn kms`: certificates, and key managers that serve a simulated network."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pybridge.commands import Params, parse_params
from pybridge.errors import ParameterError, QntnError
from pybridge.schema import Value, suggest

kms = typer.Typer(help="Key managers of a simulated network for real applications.", no_args_is_help=True)


@kms.command("certs")
def certs(
    folder: Annotated[Path, typer.Argument(help="Where ca.crt, NAME.crt and NAME.key are written.")],
    kme: Annotated[list[str] | None, typer.Option(help="Server certificate of a KME; repeatable.")] = None,
    sae: Annotated[list[str] | None, typer.Option(help="Client certificate of an SAE; repeatable.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="Name or address of the KMEs. [default: localhost]")] = None,
) -> None:
    """Make a throw-away certificate authority and certificates."""
    _require_extra()
    from pybridge.kms.certificates import make_certificates

    hosts = host or ["localhost", "127.0.0.1"]
    for file in make_certificates(folder, kme or [], sae or [], hosts):
        Console().print(str(file), soft_wrap=True, highlight=False)


@kms.command("serve")
def serve(
    name: Annotated[str, typer.Argument(metavar="SCENARIO", help="One with a parameter `live`, such as tokyo.")],
    kme: Annotated[list[str], typer.Option(help="Site whose KME is served; repeatable.")],
    port: Annotated[list[int], typer.Option(min=0, max=65535, help="Its port, 0 for a free one; as many.")],
    sae: Annotated[list[str], typer.Option(help="ID=SITE: an application and its site; repeatable.")],
    certs: Annotated[Path, typer.Option(help="Folder of `qntn kms certs`.")] = Path("certs"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: int = 1,
    param: Params = None,
) -> None:
    """Simulate a key network in real time and hand out its keys by ETSI GS QKD 014 over HTTPS."""
    _require_extra()
    if len(kme) != len(port) or len(set(kme)) < len(kme):
        raise ParameterError(f"found {len(kme)} --kme and {len(port)} --port, expected one port for each KME, once")
    sites = {}
    for text in sae:
        identity, equals, site = text.partition("=")
        if not (identity and equals and site):
            raise ParameterError(f"--sae: found {text!r}, expected ID=SITE")
        sites[identity] = site
    asyncio.run(_serve(name, dict(zip(kme, port, strict=True)), sites, certs, host, seed, parse_params(param)))


async def _serve(
    name: str,
    ports: dict[str, int],
    sae_sites: dict[str, str],
    certs: Path,
    host: str,
    seed: int,
    params: dict[str, Value],
) -> None:
    from pybridge.kms.keys import KeyDesk
    from pybridge.kms.network import LiveNetwork
    from pybridge.kms.service import make_server, serving

    console = Console()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with LiveNetwork(name, params=params, seed=seed) as network:
        _require_sites(ports, network.sites)
        desk = KeyDesk(network, sae_sites)
        servers = {kme: make_server(kme, desk, certs) for kme in ports}
        async with serving(servers, host, ports) as found:
            for kme, port in found.items():
                console.print(f"KME {kme} of {name}: https://{host}:{port}/api/v1/keys", soft_wrap=True)
            await stopped.wait()


def _require_sites(kmes: Sequence[str] | dict[str, int], sites: list[str]) -> None:
    for kme in kmes:
        if kme not in sites:
            raise ParameterError(f"--kme: no site {kme!r}{suggest(kme, sites)}")


def _require_extra() -> None:
    try:
        import cryptography  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise QntnError(f"{error.name} is missing; install it with: pip install 'qntn[kms]'") from error
