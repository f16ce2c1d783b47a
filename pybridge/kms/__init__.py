# SPDX-License-Identifier: GPL-2.0-only
"""Key managers of a simulated QKD network for real applications: ETSI GS QKD 014 over HTTPS with mutual TLS.

Needs the extra `kms` (starlette, uvicorn, cryptography). See README.md of this folder.
"""
