"""Secrets as people declare them: in a manifest, or with a server in `cortex.toml`."""

from typing import Self

from pydantic import model_validator

from cortex_cli.manifest.parameters import Declaration


class SecretDeclaration(Declaration):
    """Where a secret is taken from; exactly one of the three."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if [self.env, self.file, self.command].count(None) != 2:
            message = "a secret is taken from exactly one of 'env', 'file' and 'command'"
            raise ValueError(message)
        return self
