"""Settings of a portal for many people."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class SiteSettings(BaseModel):
    """Where the privileged helper is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    helper: str = Field(
        default="",
        description="The socket of the privileged helper (`armchair helper run`), which checks passwords and acts as the "
        "people who log in. Empty: the portal is for one person, and acts as the account that it runs as.",
    )
    keys: str = Field(
        default="/var/lib/armchair-keys/web",
        description="Where the helper lays out what the web process needs of the key files.",
    )
    ask_again: timedelta = Field(
        default=timedelta(minutes=5),
        ge=timedelta(seconds=1),
        le=timedelta(days=1),
        description="How often the helper is asked anew about the people who are logged in. Whoever has left a group, or whose "
        "account was closed, keeps the role or the way in for so long at most. Lengthen it where the directory is slow.",
    )
