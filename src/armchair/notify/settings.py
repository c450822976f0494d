"""By which ways people are told of their sessions, and of what without asking."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from armchair.domain.telling import Occasion


class MailSettings(BaseModel):
    """E-mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str = Field(default="", description="The mail server, `host` or `host:port`. Empty: no mail is sent.")
    sender: str = Field(default="armchair@localhost", description="The sender's address.")
    address: str = Field(
        default="{login}@localhost", description="The address of a person, with `{login}` where the login stands in it."
    )
    security: Literal["none", "starttls", "tls"] = Field(
        default="none",
        description="How the connection is protected: `none` (a server on this machine), `starttls` or `tls`.",
    )
    user: str = Field(default="", description="Login at the mail server. Empty: it takes mail from us without one.")
    password_file: Path | None = Field(default=None, description="A file whose first line is the password for that login.")
    always: tuple[Occasion, ...] = Field(
        default=(Occasion.IDLE_NEAR,),
        description="Of what owners are told by mail without asking: `start`, `end_near`, `idle_near`, `end`.",
    )


class WebhookSettings(BaseModel):
    """HTTP requests to addresses that people give."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Whether people may name addresses that the portal sends letters to.")
    allow: tuple[str, ...] = Field(
        default=(),
        description="Host names that may be on the site's own network and be reached without TLS. All others must have public "
        "addresses and https.",
    )


class NoticesSettings(BaseModel):
    """Letters to people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mail: MailSettings = Field(default_factory=MailSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
