"""Settings of logins and tokens."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class AccountSettings(BaseModel):
    """How long logins last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    login_lifetime: timedelta = Field(
        default=timedelta(days=7),
        gt=timedelta(minutes=5),
        le=timedelta(days=365),
        description="How long a browser stays logged in, and so the longest life of a ticket. Shorten it on shared computers.",
    )
    link_lifetime: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(seconds=30),
        le=timedelta(days=1),
        description="How long a one-time login link works. Lengthen it where links travel by mail.",
    )
