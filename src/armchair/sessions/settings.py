"""How patient the portal is with launchers and agents."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from armchair.domain.decide import Policy
from armchair.domain.idle import LEAST, IdleRules
from armchair.domain.lasting import ExtendPolicy


class ExtendSettings(BaseModel):
    """What people may add to a session's time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: timedelta = Field(
        default=timedelta(hours=2),
        ge=timedelta(0),
        description="The most that may be added to a session's time at once. `0s`: nothing. The scheduler has its own limits.",
    )
    most: timedelta | None = Field(
        default=None,
        gt=timedelta(0),
        description="The longest time of a session in all. Empty: as long as the scheduler allows.",
    )
    before: timedelta | None = Field(
        default=None,
        gt=timedelta(0),
        description="How long before its end more time may be asked for at the earliest. Empty: at any time.",
    )
    times: int | None = Field(default=None, ge=1, description="How often time may be added to a session. Empty: any number.")


class IdleSettings(BaseModel):
    """Whether sessions end that nobody uses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: timedelta | None = Field(
        default=None,
        ge=LEAST,
        description="A session ends that nobody has used for this long: no input, no load, and no word of its application "
        "that it is busy. Empty: none does.",
    )
    warn: timedelta = Field(
        default=timedelta(minutes=30), ge=timedelta(minutes=1), description="How long before such an end people are told."
    )
    cpu: float = Field(default=0.1, ge=0, description="Cores in use from which on a session counts as used.")
    gpu: float = Field(default=0.05, ge=0, le=1, description="Share of its GPUs in use from which on it counts as used.")
    only_chosen: bool = Field(
        default=False,
        description="Only sessions of applications whose app.toml says `[activity] ends_idle = true`. "
        "Otherwise all but those that say `false`.",
    )
    input: int = Field(
        default=4096,
        ge=1,
        description="Bytes a minute from the browser from which on it counts as used. An application may have its own number.",
    )


class SessionsSettings(BaseModel):
    """The reconciler's pace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tick_seconds: float = Field(
        default=1.0,
        ge=0.2,
        le=60,
        description="The portal's beat, in seconds: it looks at least so often whether something is due, and asks so often "
        "about jobs on this machine while a session is about to begin or end. Clusters with Slurm have times of their own.",
    )
    launch_concurrency: int = Field(
        default=16, ge=1, le=64, description="How many jobs are handed to launchers at once; more wait their turn."
    )

    warn_before_end: timedelta = Field(
        default=timedelta(minutes=10),
        ge=timedelta(minutes=1),
        description="How long before the end of its time a session is warned; never in the first three quarters of it.",
    )
    extend: ExtendSettings = Field(default_factory=ExtendSettings)
    idle: IdleSettings = Field(default_factory=IdleSettings)

    def policy(self) -> Policy:
        """The pure rules, as the site has set them."""
        return Policy(
            warning=self.warn_before_end,
            extend=ExtendPolicy(**self.extend.model_dump()),
            idle=IdleRules(**self.idle.model_dump()),
        )
